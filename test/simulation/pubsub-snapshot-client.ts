import { frameKey, frameText } from "@seaworthy/core";
import {
  type Property,
  resolveSnapshotClientOptions,
  SnapshotClientMachine,
  threeEndpoints,
  type UpdateFailure,
  type Watcher,
  type WiredSnapshotClient,
  wireSnapshotClient,
} from "@seaworthy/pubsub-snapshot/machine";
import type { NodeContext, SimulatedNode } from "@seaworthy/simulator";
import type { Call } from "./pubsub-snapshot-calls.js";
import { seen } from "./pubsub-snapshot-coverage.js";
import type { Life } from "./pubsub-snapshot-history.js";
import { ClientJudge } from "./pubsub-snapshot-judge.js";
import {
  BACKOFF_MS,
  type ClientApp,
  type ClientSetting,
  type ClientView,
  RESTART_MS,
  snapshotEndpoint,
  type Wanted,
  type World,
} from "./pubsub-snapshot-world.js";

/** How often the reader of a slow watcher comes by, in ms. */
const READS_EVERY_MS = 300;
/** Servers that a client comes to know of late are told to it within so long, in ms. */
const CONNECTS_LATE_MS = 400;

export function bootClient(world: World, setting: ClientSetting): SimulatedNode<ClientApp> {
  return world.simulation.node(setting.name, (context): ClientApp => {
    // Whatever a former life had in hand.
    world.calls.forget(setting.name);
    let client: OurClient | undefined;
    const start = (): void => {
      client = new OurClient(world, setting, context);
    };
    start();
    return {
      get view() {
        return client;
      },
      leave() {
        if (client === undefined) return;
        client.leave();
        client = undefined;
        context.scheduler.schedule(context.now() + RESTART_MS * context.random(), start);
      },
    };
  });
}

class OurClient implements ClientView {
  readonly #world: World;
  readonly #setting: ClientSetting;
  readonly #context: NodeContext;
  readonly #machine: SnapshotClientMachine;
  readonly #judge: ClientJudge;
  readonly #wired: WiredSnapshotClient;
  #making: Call | undefined;
  #hasLeft = false;

  constructor(world: World, setting: ClientSetting, context: NodeContext) {
    this.#world = world;
    this.#setting = setting;
    this.#context = context;
    const { subtree, credit, packBytes, retryMs, timeoutMs, liveness, receiveHighWaterMark } = setting;
    const { heartbeatMs } = world.setting;
    const options = resolveSnapshotClientOptions({
      ...{ subtree, credit, retryMs, timeoutMs, liveness, heartbeatMs },
      joinTimeoutMs: joinTimeoutMs(world),
      backoff: { initialMs: 20, maxMs: BACKOFF_MS },
      socket: { receiveHighWaterMark },
    });
    const { transport, scheduler, random } = context;
    this.#machine = new SnapshotClientMachine({ ...options, packBytes }, random, () => this.#newUuid());
    this.#judge = new ClientJudge(world, setting, this.#machine);
    this.#wired = wireSnapshotClient(this.#machine, {
      ...{ transport, scheduler, socket: options.socket },
      owner: {
        ready: () => context.log("ready"),
        ordered: (call, sequence) => this.#ordered(call, sequence),
        failed: (call, failure) => this.#failed(call, failure),
        changed: (watcher) => this.#changed(watcher),
        status: (event) => this.#told(event),
      },
    });
    this.#watch();
    this.#connect();
  }

  #watch(): void {
    this.#judge.watch("");
    this.#judge.watch("/a/");
    this.#judge.watch(frameKey(this.#world.setting.keys[0] as Uint8Array));
    this.#readSlowly(this.#judge.watch("", true));
  }

  #connect(): void {
    const { first, connectsLate, name: client } = this.#setting;
    const { scheduler, random } = this.#context;
    const names = this.#world.setting.servers.map(({ name }) => name);
    const turned = [...names.slice(first), ...names.slice(0, first)];
    for (const [at, name] of turned.entries()) {
      const endpoints = threeEndpoints(client, snapshotEndpoint(name), "connect");
      const connect = (): void => this.#wired.feed({ type: "connect", endpoints });
      // Some come to know of a server late.
      const delayMs = connectsLate[at] === true ? CONNECTS_LATE_MS * random() : 0;
      if (delayMs === 0) connect();
      else scheduler.schedule(scheduler.now() + delayMs, connect);
    }
  }

  leave(): void {
    this.#hasLeft = true;
    void this.#wired.close();
  }

  /** All that watchers are to be told of has been. */
  audit(): void {
    this.#judge.readAll();
  }

  get isLive(): boolean {
    return this.#machine.state === "live";
  }

  get life(): Life | undefined {
    return this.#judge.life;
  }

  get sequence(): number {
    return this.#machine.map.sequence;
  }

  sequenceOf(key: Uint8Array): number {
    return this.#machine.map.get(frameKey(key))?.sequence ?? 0;
  }

  valueOf(key: Uint8Array): string | undefined {
    const value = this.#machine.map.get(frameKey(key))?.value;
    return value && frameText(value);
  }

  update(wanted: Wanted): void {
    const { calls, simulation } = this.#world;
    const { name, timeoutMs } = this.#setting;
    const call = calls.make(name, wanted, timeoutMs, simulation.now());
    const { key, value, ttlMs, expected } = wanted;
    const properties: Property[] = value.length > 0 ? [["by", name]] : [];
    this.#making = call;
    const update = { key, value, properties, ttlMs, expected, timeoutMs };
    this.#wired.feed({ type: "set", call: call.number, update });
    this.#making = undefined;
  }

  #newUuid(): Uint8Array {
    const uuid = this.#world.newUuid();
    this.#world.calls.name(this.#making as Call, uuid);
    return uuid;
  }

  #ordered(number: number, sequence: number): void {
    const { calls, histories, violated } = this.#world;
    const call = calls.end(number, "acknowledged", sequence);
    const known = histories.withUuid(call.uuid);
    if (!known.some((update) => update.sequence === sequence))
      violated("once", `set ${number} is acknowledged as ${sequence}, which it is not`);
    if (!frameKey(call.wanted.key).startsWith(this.#setting.subtree)) return;
    if (this.sequence < sequence)
      violated(
        "prefix",
        `set ${number} is acknowledged as ${sequence}, and the map is as of ${this.sequence}`,
      );
  }

  #failed(number: number, failure: UpdateFailure): void {
    const { calls, simulation, violated } = this.#world;
    const call = calls.end(number, failure.code);
    const tookMs = simulation.now() - call.madeAt;
    if (failure.code === "ERR_SET_TIMEOUT" && tookMs < call.timeoutMs - 1)
      violated("once", `set ${number} has timed out after ${tookMs} ms of ${call.timeoutMs}`);
  }

  #changed(watcher: Watcher): void {
    this.#judge.read(watcher);
    watcher.isAwaited = true;
  }

  #readSlowly(watcher: Watcher): void {
    const { scheduler } = this.#context;
    scheduler.schedule(scheduler.now() + READS_EVERY_MS, () => {
      if (this.#hasLeft) return;
      this.#judge.read(watcher);
      this.#readSlowly(watcher.hasOverflowed ? this.#judge.watch("", true) : watcher);
    });
  }

  #told(event: Parameters<Parameters<typeof wireSnapshotClient>[1]["owner"]["status"]>[0]): void {
    const { type } = event;
    this.#context.log("status", type, "reason" in event ? (event.reason ?? "") : "");
    if (type === "server-left") seen(`client left: ${event.reason}`);
    else seen(type === "subtree-widened" ? `client: ${type} ${event.reason}` : `client: ${type}`);
  }
}

/** How long a join may make no progress: longer than a heartbeat that proves the subscription. */
export const joinTimeoutMs = ({ setting }: Pick<World, "setting">): number => setting.heartbeatMs + 400;
