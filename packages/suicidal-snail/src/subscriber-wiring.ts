import { frameKey, MachineHost, type Scheduler, type SocketSettings, type Transport } from "@seaworthy/core";
import type { SnailAlarm } from "./alarm.js";
import type { SubscriberMachine } from "./subscriber-machine.js";
import type { ReceivedMessage, SnailSubscriberEvent, SnailSubscriberOutput } from "./subscriber-messages.js";
import type { SnailFormat } from "./subscriber-options.js";
import { decodePublished, decodeTimestamp } from "./wire.js";

/** Whom a subscriber tells what happens. */
export interface SnailSubscriberOwner {
  /** There are messages to be taken, and there were none. */
  ready(): void;
  /** Policy `die`: there will be no more. */
  died(alarm: SnailAlarm): void;
  status(event: SnailSubscriberEvent): void;
}

/** Where a subscriber machine lives. */
export interface SnailSubscriberSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  /** Whose messages it reads. */
  format: SnailFormat;
  socket: SocketSettings;
  owner: SnailSubscriberOwner;
}

/** A subscriber machine with its socket. */
export interface WiredSubscriber {
  connect(endpoint: string): void;
  subscribe(prefix: Uint8Array): void;
  /** The next message; `undefined` if there is none: `ready` tells when there is. */
  take(): ReceivedMessage | undefined;
  /** Closes the socket; what waits is dropped. */
  close(): Promise<void>;
}

const TAKE = { type: "take" } as const;

/** Connects a subscriber machine with a socket: of zeromq, of a simulation, or of a browser's playground. */
export function wireSubscriber(
  machine: SubscriberMachine,
  { transport, scheduler, format, socket: settings, owner }: SnailSubscriberSurroundings,
): WiredSubscriber {
  const decode = format === "guide" ? decodeTimestamp : decodePublished;
  /** The owner is being told of a message, and takes it within the same instant. */
  let isReady = false;
  const prefixes = new Set<string>();
  const socket = transport.open(
    { ...settings, type: "subscriber" },
    {
      message: (frames) => host.feed(decode(frames)),
      connection: ({ type, endpoint, reason }) => host.feed({ type, endpoint, reason }),
    },
  );

  function perform(output: SnailSubscriberOutput): void {
    switch (output.type) {
      case "ready":
        isReady = true;
        owner.ready();
        isReady = false;
        return;
      case "died":
        return owner.died(output.alarm);
      case "status":
        return owner.status(output.event);
    }
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    connect: (endpoint) => socket.connect(endpoint),
    subscribe(given) {
      const key = frameKey(given);
      if (prefixes.has(key)) return;
      prefixes.add(key);
      const prefix = Uint8Array.from(given);
      host.feed({ type: "subscribe", prefix });
      socket.subscribe(prefix);
    },
    take() {
      if (isReady) return machine.takeAtOnce();
      // Whoever keeps up asks in vain after each message, and is told by `ready`.
      if (machine.queued === 0) return undefined;
      host.feed(TAKE);
      return machine.claim();
    },
    async close() {
      host.feed({ type: "close" });
      host.stop();
      await socket.close(0);
    },
  };
}
