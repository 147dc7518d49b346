import { framesEqual, frameText } from "@seaworthy/core";
import type { ClientInput, SnapshotClientMachine, Watcher } from "@seaworthy/pubsub-snapshot/machine";
import { seen } from "./pubsub-snapshot-coverage.js";
import { applyTo, type Item, isSame, type Life, type State, type Update } from "./pubsub-snapshot-history.js";
import {
  type ClientSetting,
  type PromiseName,
  snapshotEndpoint,
  type World,
} from "./pubsub-snapshot-world.js";

/** An entry of the client's map. */
type Shown = NonNullable<ReturnType<SnapshotClientMachine["map"]["get"]>>;

const isTheSame = (one: Shown | undefined, other: Shown | undefined): boolean =>
  one === other ||
  (one !== undefined &&
    other !== undefined &&
    one.sequence === other.sequence &&
    framesEqual(one.value, other.value));

/** What a watcher was told, put together again. */
class Replica {
  readonly watcher: Watcher;
  /** It is read as soon as there is something: so it is known which join a change is of. */
  readonly isPrompt: boolean;
  readonly #entries: Map<string, Shown>;
  #joins = 0;
  #sequence = 0;

  constructor(watcher: Watcher, isPrompt: boolean, entries: readonly Shown[]) {
    this.watcher = watcher;
    this.isPrompt = isPrompt;
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
  }

  /** Takes all that there is, and returns what is wrong with it. */
  read(joins: number): string | undefined {
    if (joins !== this.#joins || !this.isPrompt) this.#sequence = 0;
    this.#joins = joins;
    for (let change = this.watcher.take(); change !== undefined; change = this.watcher.take()) {
      const { name, entry, previous, sequence } = change;
      if (!isTheSame(previous, this.#entries.get(name))) return `what changes with ${sequence} was not there`;
      if (isTheSame(entry, previous)) return `${sequence} changes nothing`;
      if (this.isPrompt && sequence < this.#sequence)
        return `the change of ${sequence} comes after that of ${this.#sequence}`;
      this.#sequence = sequence;
      if (entry === undefined) this.#entries.delete(name);
      else this.#entries.set(name, entry);
    }
    return undefined;
  }

  /** What is missing though all is told. */
  difference(entries: readonly Shown[]): string | undefined {
    const missing = entries.find((entry) => !isTheSame(entry, this.#entries.get(entry.name)));
    if (missing === undefined && entries.length === this.#entries.size) return undefined;
    return `has been told of ${this.#entries.size} keys, and there are ${entries.length}`;
  }
}

interface Beat {
  readonly join: number;
  readonly life: Life;
}

/** The life that a heartbeat of an active server names; read without the package's help. */
function lifeIn(properties: Uint8Array): string | undefined {
  const lines = frameText(properties).split("\n");
  if (!lines.includes("sw-active=1")) return undefined;
  return lines.find((line) => line.startsWith("sw-life="))?.slice("sw-life=".length);
}

/** Watches one life of a client of ours: what it shows, and what its watchers are told. */
export class ClientJudge {
  readonly #world: World;
  readonly #setting: ClientSetting;
  readonly #machine: SnapshotClientMachine;
  readonly #subtree: string;
  readonly #replicas = new Map<Watcher, Replica>();
  /** What the client has to show. */
  readonly #shown: State = new Map();
  #joins = 0;
  #sequence = 0;
  #life: Life | undefined;
  #beat: Beat | undefined;
  /** The last join to which several items came in one message. */
  #unpacked = 0;

  constructor(world: World, setting: ClientSetting, machine: SnapshotClientMachine) {
    this.#world = world;
    this.#setting = setting;
    this.#machine = machine;
    this.#subtree = setting.subtree;
    const { handle } = machine;
    machine.handle = (input, now) => {
      if (input.type === "update") this.#hears(input);
      if (input.type === "message" && input.message.type === "items") this.#unpacks(input.join);
      handle.call(machine, input, now);
      this.#look("join" in input ? input.join : 0);
    };
  }

  #unpacks(join: number): void {
    seen(`client: items in ${this.#unpacked === join ? "several messages" : "one message"}`);
    this.#unpacked = join;
  }

  /** Of which life the map is. */
  get life(): Life | undefined {
    return this.#life;
  }

  /** Begins to watch; unless its reader is slow, it is to be read whenever there is something. */
  watch(name: string, isSlow = false): Watcher {
    const { maxQueued } = this.#setting;
    const watcher = this.#machine.watch(name, isSlow ? maxQueued : Number.MAX_SAFE_INTEGER);
    watcher.isAwaited = !isSlow;
    this.#replicas.set(watcher, new Replica(watcher, !isSlow, this.#watched(watcher)));
    return watcher;
  }

  /** Reads what a watcher has. */
  read(watcher: Watcher): void {
    const replica = this.#replicas.get(watcher) as Replica;
    if (watcher.hasOverflowed) {
      this.#replicas.delete(watcher);
      return;
    }
    const what = replica.read(this.#machine.stats.joins) ?? replica.difference(this.#watched(watcher));
    if (what !== undefined) this.#violated("difference", `a watcher of "${watcher.name}": ${what}`);
  }

  /** All watchers have been told of everything. */
  readAll(): void {
    for (const watcher of [...this.#replicas.keys()]) this.read(watcher);
  }

  #watched({ name, isSubtree }: Watcher): Shown[] {
    const { map } = this.#machine;
    const entry = map.get(name);
    return isSubtree ? map.under(name) : entry === undefined ? [] : [entry];
  }

  #hears({ join, message }: ClientInput & { type: "update" }): void {
    if (message.sequence !== 0) return;
    const name = lifeIn(message.properties);
    const life = name === undefined ? undefined : this.#world.histories.lives.get(name);
    if (life !== undefined) this.#beat = { join, life };
  }

  /** What the client shows is what it has to. */
  #look(join: number): void {
    const { stats, map } = this.#machine;
    if (stats.joins !== this.#joins) this.#joined(join);
    else if (map.sequence > this.#sequence) this.#advance();
    else if (map.sequence < this.#sequence)
      this.#violated("difference", `goes back from ${this.#sequence} to ${map.sequence}`);
  }

  #joined(join: number): void {
    const { stats, map } = this.#machine;
    const life = this.#beat?.join === join ? this.#beat.life : this.#lifeOfServer();
    this.#joins = stats.joins;
    this.#sequence = map.sequence;
    this.#life = life;
    if (life === undefined || map.sequence < life.baseSequence || map.sequence > life.last)
      return this.#violated("prefix", `joins as of ${map.sequence}, which the server has not had`);
    this.#shown.clear();
    for (const [key, update] of life.stateAt(map.sequence))
      if (key.startsWith(this.#subtree)) this.#shown.set(key, update);
    for (const key of this.#shown.keys()) this.#compare(key);
    this.#compareSize();
  }

  /** It was passive a moment ago, and its heartbeat as an active one is still under way. */
  #lifeOfServer(): Life | undefined {
    const { server } = this.#machine;
    const lives = [...this.#world.histories.lives.values()];
    return lives.findLast(({ program }) => snapshotEndpoint(program.node) === server);
  }

  /** The map contains more updates: those of the subtree, and no other, show. */
  #advance(): void {
    const { sequence } = this.#machine.map;
    const touched = new Set<string>();
    for (let at = this.#sequence + 1; at <= sequence; at++) {
      const update = this.#updateAt(at);
      if (update === undefined)
        return this.#violated("prefix", `shows update ${at}, which its server has not published`);
      if (!update.key.startsWith(this.#subtree)) continue;
      applyTo(this.#shown, update);
      touched.add(update.key);
    }
    this.#sequence = sequence;
    for (const key of touched) this.#compare(key);
    this.#compareSize();
  }

  /**
   * The server's update of this number. When it has begun to serve anew, with all that it had, the heartbeats that say so may be lost, so
   * that the client finds out later.
   */
  #updateAt(sequence: number): Update | undefined {
    const life = this.#life as Life;
    const update = life.at(sequence);
    if (update !== undefined || sequence <= life.last) return update;
    const { lives } = this.#world.histories;
    const goesOn = ({ parent, program, baseSequence }: Life): boolean =>
      parent === life && program === life.program && baseSequence === sequence - 1;
    this.#life = [...lives.values()].find(goesOn) ?? life;
    return this.#life.at(sequence);
  }

  #compare(key: string): void {
    const entry: Item | undefined = this.#machine.map.get(key);
    const update: Update | undefined = this.#shown.get(key);
    if (entry === undefined ? update === undefined : update !== undefined && isSame(update, entry)) return;
    const found = entry === undefined ? "nothing" : `update ${entry.sequence}`;
    const wanted = update === undefined ? "nothing" : `update ${update.sequence}`;
    this.#violated("prefix", `as of ${this.#sequence} it shows ${found} for "${key}", which was ${wanted}`);
  }

  #compareSize(): void {
    const { size } = this.#machine.map;
    if (size !== this.#shown.size)
      this.#violated("prefix", `as of ${this.#sequence} it shows ${size} keys of ${this.#shown.size}`);
  }

  #violated(promise: PromiseName, what: string): void {
    this.#world.violated(promise, `${this.#setting.name}: ${what}`);
  }
}
