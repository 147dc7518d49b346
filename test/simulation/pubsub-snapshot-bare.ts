import { frameKey, framesEqual, type TransportSocket, textFrame } from "@seaworthy/core";
import type { NodeContext, SimulatedNode } from "@seaworthy/simulator";
import { seen } from "./pubsub-snapshot-coverage.js";
import { type Item, isSame, sequenceOf } from "./pubsub-snapshot-history.js";
import {
  type BareApp,
  type BareSetting,
  SNAPSHOT_PORT,
  snapshotEndpoint,
  type Wanted,
  type World,
} from "./pubsub-snapshot-world.js";

const ICANHAZ = textFrame("ICANHAZ?");
const KTHXBAI = "KTHXBAI";
const HUGZ = textFrame("HUGZ");
const NOTHING = new Uint8Array(0);
/** The guide's clients give a server up after five heartbeats in silence: here sooner, since runs are short. */
const LIVENESS = 2.5;

const endpointOf = (node: string, port: number): string => `tcp://${node}:${SNAPSHOT_PORT + port}`;

export function bootBare(world: World, setting: BareSetting): SimulatedNode<BareApp> {
  return world.simulation.node(setting.name, (context) => new BareClient(world, setting, context));
}

/**
 * A client by RFC 12 and the guide: asks one server for a snapshot as soon as it has connected, then applies every update with a higher
 * number, gives the server up when it is silent, and publishes its own updates to all.
 */
class BareClient implements BareApp {
  readonly #world: World;
  readonly #setting: BareSetting;
  readonly #context: NodeContext;
  readonly #servers: readonly string[];
  readonly #publisher: TransportSocket;
  #turn: number;
  #sockets: TransportSocket[] = [];
  #items = new Map<string, Item>();
  #sequence: number | undefined;
  #cancelTimer: () => void = () => {};

  constructor(world: World, setting: BareSetting, context: NodeContext) {
    this.#world = world;
    this.#setting = setting;
    this.#context = context;
    this.#servers = world.setting.servers.map(({ name }) => name);
    this.#turn = setting.first;
    this.#publisher = context.transport.open({ type: "publisher" }, { message() {} });
    for (const server of this.#servers) this.#publisher.connect(endpointOf(server, 2));
    this.#join();
  }

  publish({ key, value, ttlMs }: Wanted, hasUuid: boolean): void {
    const { calls, simulation, newUuid } = this.#world;
    const wanted = { key, value, ttlMs: 1000 * Math.ceil(ttlMs / 1000), expected: undefined };
    const uuid = hasUuid ? newUuid() : NOTHING;
    if (hasUuid) {
      const call = calls.make(this.#setting.name, wanted, Number.POSITIVE_INFINITY, simulation.now());
      calls.name(call, uuid);
      calls.end(call.number, "published");
    }
    // The guide's text has no newline at the end.
    const properties =
      ttlMs > 0 ? textFrame(`by=${this.#setting.name}\nttl=${wanted.ttlMs / 1000}`) : NOTHING;
    this.#publisher.send([key, new Uint8Array(8), uuid, properties, value]);
  }

  #join(): void {
    const { transport } = this.#context;
    const server = this.#servers[this.#turn % this.#servers.length] as string;
    for (const socket of this.#sockets) void socket.close(0);
    this.#items = new Map();
    this.#sequence = undefined;
    const snapshot = transport.open({ type: "dealer" }, { message: (frames) => this.#item(server, frames) });
    const updates = transport.open({ type: "subscriber" }, { message: (frames) => this.#update(frames) });
    this.#sockets = [snapshot, updates];
    const subtree = textFrame(this.#setting.subtree);
    updates.subscribe(subtree);
    updates.subscribe(HUGZ);
    updates.connect(endpointOf(server, 1));
    snapshot.connect(snapshotEndpoint(server));
    snapshot.send([ICANHAZ, subtree]);
    this.#wait();
  }

  #wait(): void {
    const { scheduler } = this.#context;
    this.#cancelTimer();
    this.#cancelTimer = scheduler.schedule(
      scheduler.now() + LIVENESS * this.#world.setting.heartbeatMs,
      () => {
        this.#turn += 1;
        this.#join();
      },
    );
  }

  #item(server: string, frames: Uint8Array[]): void {
    const [key, , uuid, lines, value] = frames as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    this.#wait();
    if (this.#sequence !== undefined) return;
    const sequence = sequenceOf(frames);
    const name = frameKey(key);
    const isEnd = name === KTHXBAI && uuid.length === 0 && lines.length === 0;
    if (isEnd && framesEqual(value, textFrame(this.#setting.subtree))) {
      this.#sequence = sequence;
      this.#judge(server, sequence);
    } else this.#items.set(name, { sequence, value, lines });
  }

  #update(frames: Uint8Array[]): void {
    this.#wait();
    const { keys } = this.#world.setting;
    const sequence = sequenceOf(frames);
    if (this.#sequence === undefined || sequence <= this.#sequence) return;
    this.#sequence = sequence;
    const [key] = frames as [Uint8Array];
    if (!keys.some((other) => framesEqual(other, key)))
      this.#world.violated("numbers", `${this.#setting.name} gets an update of a key that nobody sets`);
  }

  /** What the server has sent is its map as of one number. */
  #judge(server: string, sequence: number): void {
    seen("bare client: snapshot");
    const { histories, violated } = this.#world;
    const { name, subtree } = this.#setting;
    for (const life of histories.lives.values()) {
      if (life.program.node !== server || sequence < life.baseSequence || sequence > life.last) continue;
      const state = life.stateAt(sequence);
      // Such a client could not tell it from the end.
      state.delete(KTHXBAI);
      const inside = [...state.values()].filter(({ key }) => key.startsWith(subtree));
      const isRight = inside.every((update) => {
        const item = this.#items.get(update.key);
        return item !== undefined && isSame(update, item);
      });
      if (isRight && inside.length === this.#items.size) return;
    }
    violated(
      "snapshot",
      `${name} has ${this.#items.size} keys as of ${sequence}: no map that the ${server} had`,
    );
  }
}
