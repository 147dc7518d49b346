import { textFrame, writeUint64 } from "@seaworthy/core";
import type { SimulatedNode, Simulation } from "@seaworthy/simulator";
import {
  PublisherMachine,
  resolvePublisherOptions,
  resolveSubscriberOptions,
  SubscriberMachine,
  wirePublisher,
  wireSubscriber,
} from "@seaworthy/suicidal-snail/machine";
import type { PublisherSetting, SubscriberSetting } from "./suicidal-snail-draw.js";
import { Judge } from "./suicidal-snail-judge.js";
import { type Entry, type Ledger, skewed } from "./suicidal-snail-ledger.js";
import { tapped } from "./tapped.js";

const PORT = 5556;
/** A subscriber that has died is started again after so long, in ms. */
const REBIRTH_MS = 30;

export interface World {
  readonly simulation: Simulation;
  readonly ledger: Ledger;
  readonly publishers: readonly PublisherSetting[];
  violated(what: string): void;
  /** A body that no message has had. */
  newBody(): Uint8Array;
}

export interface PublisherApp {
  /** One message on each of these topics. */
  publish(topics: readonly string[]): void;
}

export interface SubscriberApp {
  /** Takes nothing for so long. */
  nap(forMs: number): void;
}

/** 64 bits that no other life of a node has. */
const epochOf = (random: () => number): bigint =>
  BigInt(Math.floor(random() * 2 ** 32)) * 2n ** 32n + BigInt(Math.floor(random() * 2 ** 32));

export function bodyNumber(number: number): Uint8Array {
  const body = new Uint8Array(8);
  writeUint64(body, 0, BigInt(number));
  return body;
}

export function bootPublisher(world: World, setting: PublisherSetting): SimulatedNode<PublisherApp> {
  const { simulation, ledger } = world;
  const { name, offsetMs, rate, maxTopics, maxQueued, highWaterMark } = setting;
  return simulation.node(name, ({ transport, scheduler, random, log }): PublisherApp => {
    const options = resolvePublisherOptions({
      maxTopics,
      socket: { sendHighWaterMark: highWaterMark, maxQueued },
    });
    const publisher = wirePublisher(new PublisherMachine(options, epochOf(random)), {
      transport: tapped(transport, () => ledger.witness(name, maxTopics)),
      scheduler: skewed(scheduler, offsetMs, rate),
      socket: options.socket,
      owner: { status: (event) => log("status", event.type) },
    });
    publisher.bind(`tcp://*:${PORT}`);
    return {
      publish(topics) {
        // What the socket does not take is not published, and not missed.
        for (const topic of topics) if (!publisher.publish(topic, [world.newBody()])) log("refused");
      },
    };
  });
}

/** @param handed - told of each message that the application gets */
export function bootSubscriber(
  world: World,
  setting: SubscriberSetting,
  handed: (entry: Entry) => void,
): SimulatedNode<SubscriberApp> {
  const { name, offsetMs, rate, prefixes, workMs, highWaterMark } = setting;
  return world.simulation.node(name, ({ transport, scheduler, log }): SubscriberApp => {
    const { policy, maxDelayMs, maxQueued, clockWindowMs } = setting;
    const options = resolveSubscriberOptions({
      ...{ policy, maxDelayMs, maxQueued, clockWindowMs },
      socket: { receiveHighWaterMark: highWaterMark, reconnectMaxIntervalMs: 500 },
    });
    let isBusy = false;

    function begin(): void {
      const judge = new Judge(world.simulation, setting, world.ledger, world.violated);
      const machine = new SubscriberMachine(options);
      const subscriber = wireSubscriber(machine, {
        transport: tapped(transport, () => judge.witness),
        scheduler: skewed(scheduler, offsetMs, rate),
        format: options.format,
        socket: options.socket,
        owner: {
          ready: () => work(),
          died(alarm) {
            log("died", alarm.reason);
            judge.over();
            void subscriber.close();
            scheduler.schedule(scheduler.now() + REBIRTH_MS, begin);
          },
          status(event) {
            log("status", event.type, event.type === "alarm-raised" ? event.reason : "");
            if (event.type === "alarm-raised") judge.alarm(event);
          },
        },
      });
      /** Takes what is there, one after the other, as slowly as it is. */
      function work(): void {
        while (!isBusy) {
          const message = subscriber.take();
          if (message === undefined) return;
          handed(judge.handed(message.body, message.alarm !== undefined));
          if (workMs > 0) rest(workMs);
        }
      }
      wake = work;
      for (const prefix of prefixes) subscriber.subscribe(textFrame(prefix));
      for (const publisher of world.publishers) subscriber.connect(`tcp://${publisher.name}:${PORT}`);
    }

    let wake = (): void => {};
    function rest(forMs: number): void {
      isBusy = true;
      scheduler.schedule(scheduler.now() + forMs, () => {
        isBusy = false;
        wake();
      });
    }
    begin();
    return {
      nap(forMs) {
        if (!isBusy) rest(forMs);
      },
    };
  });
}
