import { frameKey, framesEqual } from "@seaworthy/core";
import type {
  Entry,
  ServerInput,
  ServerMachine,
  ServerOutput,
  SnapshotServerEvent,
} from "@seaworthy/pubsub-snapshot/machine";
import { other } from "./binary-star-world.js";
import { seen } from "./pubsub-snapshot-coverage.js";
import {
  applyTo,
  isSame,
  Life,
  linesOf,
  readUpdate,
  type State,
  type Update,
} from "./pubsub-snapshot-history.js";
import { type Losses, peerFaults } from "./pubsub-snapshot-losses.js";
import { isPair, type Program, programOf, type World } from "./pubsub-snapshot-world.js";

/** Timers, and ways of messages, may make an expiry look early by so much, in ms. */
const ROUNDING_MS = 2;

const isEqual = (one: Update, other: Update): boolean =>
  one.key === other.key &&
  one.uuid === other.uuid &&
  one.lines === other.lines &&
  framesEqual(one.value, other.value);

const isEnd = (message: (ServerInput & { type: "link-message" })["message"]): boolean =>
  message.type === "command" && message.name === "KTHXBAI";

const itemOf = ({ sequence, value, properties: lines }: Entry) => ({ sequence, value, lines });

/** Looks on at all that one server program does, and writes its history down. */
export class ServerWitness {
  readonly #world: World;
  readonly #losses: Losses;
  readonly #program: Program;
  #life: Life | undefined;

  constructor(world: World, losses: Losses, program: Program) {
    this.#world = world;
    this.#losses = losses;
    this.#program = program;
    losses.began(program);
    this.#watch(program.machine);
  }

  /** Whatever the program says of itself. */
  told(event: SnapshotServerEvent): void {
    const { type } = event;
    seen(type === "follower-lost" ? `server: ${type} ${event.reason}` : `server: ${type}`);
    if (type === "follower-lost") this.#lostFollower(event.reason);
  }

  #watch(machine: ServerMachine): void {
    const { handle, tick, take } = machine;
    machine.handle = (input, now) => {
      const duplicates = machine.counters.duplicates;
      if (input.type === "activate") this.#begin(input);
      // The end of the active's map: from now on it is this one's, also to its store.
      if (input.type === "link-message" && isEnd(input.message)) this.#follow();
      if (input.type === "link-message" && input.message.type === "items")
        seen("server: items in one message");
      handle.call(machine, input, now);
      if (machine.counters.duplicates > duplicates) seen("server: an update came again");
      this.#look();
    };
    machine.tick = (now) => {
      tick.call(machine, now);
      this.#look();
    };
    machine.take = () => {
      const output = take.call(machine);
      if (output !== undefined) this.#did(output);
      return output;
    };
  }

  /** Notes when the two have the same. */
  #look(): void {
    const { histories, simulation } = this.#world;
    const life = histories.current;
    if (life === undefined || life.program.isOver() || !life.program.machine.hasFollower) return;
    const follower = programOf(this.#world, other(life.program.node));
    if (follower?.origin !== life || follower.machine.map.sequence < life.last) return;
    // It may not have heard yet that it is waited for.
    if (follower.star?.state !== "passive") return;
    life.wholeAt = simulation.now();
    life.follower = follower;
  }

  #did(output: ServerOutput): void {
    const life = this.#life;
    if (life === undefined) return;
    if (output.type === "publish") {
      if (output.frames[1]?.some((byte) => byte !== 0) === true)
        this.#publish(readUpdate(life, output.frames));
    } else if (output.type === "send") {
      const frames = output.frames.slice(1);
      if (frames.length !== 5 || frames[0]?.length === 0) return;
      const update = readUpdate(life, frames);
      if (update.sequence > life.last) this.#world.histories.enter(update);
    } else if (output.type === "store") {
      for (const { key, sequence, uuid, properties, value } of output.updates) {
        if (sequence <= life.last) continue;
        const lines = linesOf(properties);
        this.#world.histories.enter({
          ...{ life, key: frameKey(key), sequence, uuid: frameKey(uuid), value, lines },
        });
      }
    }
  }

  /** A time of serving begins with all that the program had. */
  #begin({ life: name }: ServerInput & { type: "activate" }): void {
    const { histories, simulation, violated } = this.#world;
    const { origin, machine } = this.#program;
    const { map } = machine;
    const base = this.#expectedBase(map.sequence);
    const actual = [...map.values()];
    const wrong = actual.find((entry) => {
      const expected = base.get(entry.name);
      return expected === undefined || !isSame(expected, itemOf(entry));
    });
    if (wrong !== undefined || actual.length !== base.size)
      violated(
        "survival",
        `the ${this.#program.node} begins to serve with ${actual.length} keys as of ${map.sequence}, and not with what it had: ${base.size}`,
      );
    const start = { parent: origin, base, sequence: map.sequence };
    const life = new Life(name, this.#program, simulation.now(), start);
    this.#losses.judge(life);
    histories.begin(life);
    this.#life = life;
    this.#program.origin = life;
  }

  /** What the origin's history has led to as of this number; updates may be known here that were never published. */
  #expectedBase(sequence: number): State {
    const { origin, node } = this.#program;
    if (origin === undefined) return new Map();
    const last = Math.min(sequence, origin.last);
    const state = origin.stateAt(last);
    for (let at = last + 1; at <= sequence; at++) {
      const update = origin.ordered.get(at);
      if (update === undefined) {
        this.#world.violated("survival", `the ${node} begins with update ${at}, which nobody has ordered`);
        return state;
      }
      applyTo(state, update);
    }
    return state;
  }

  #publish(update: Update): void {
    const { life, sequence, value, key } = update;
    const { histories, violated, calls } = this.#world;
    if (sequence !== life.last + 1)
      return violated("numbers", `the ${life.program.node} publishes ${sequence} after ${life.last}`);
    const entered = histories.enter(update);
    if (!isEqual(entered, update))
      violated("numbers", `${sequence} is published otherwise than it was ordered`);
    const call = calls.withUuid(update.uuid);
    if (update.uuid !== "" && call === undefined) violated("numbers", `${sequence} was set by nobody`);
    this.#isOnce(update);
    this.#losses.judgeUpdate(entered);
    if (call !== undefined) {
      const { wanted, client } = call;
      if (frameKey(wanted.key) !== key || !framesEqual(wanted.value, value))
        violated("numbers", `${sequence} is not what ${client} has set`);
      const before = life.state.get(key)?.sequence ?? 0;
      if (wanted.expected !== undefined && wanted.expected !== before)
        violated("condition", `set ${call.number} expected ${wanted.expected}, and found ${before}`);
      if (client.startsWith("bare")) seen("bare client: its update is published");
    } else if (update.uuid === "" && value.length === 0) this.#expired(update);
    this.#isWithFollower(update);
    life.publish(entered);
    this.#look();
  }

  #isOnce(update: Update): void {
    const { histories, violated } = this.#world;
    for (const other of histories.withUuid(update.uuid)) {
      const isItself = other.life === update.life && other.sequence === update.sequence;
      if (!isItself && update.life.has(other))
        violated("once", `the update ${other.sequence} is ordered again as ${update.sequence}`);
    }
  }

  #expired({ life, key, sequence }: Update): void {
    const { calls, simulation, violated } = this.#world;
    const before = life.state.get(key);
    const call = before && calls.withUuid(before.uuid);
    if (call === undefined || call.wanted.ttlMs === 0)
      return violated("ttl", `${sequence} deletes a key that has no time to live`);
    const leastMs = simulation.now() - call.madeAt;
    if (leastMs < call.wanted.ttlMs - ROUNDING_MS)
      violated("ttl", `${sequence} deletes a key ${leastMs} ms after it was set for ${call.wanted.ttlMs} ms`);
  }

  /** Where there is a follower, it has what is published. */
  #isWithFollower({ life, sequence }: Update): void {
    if (!life.program.machine.hasFollower) return;
    const follower = programOf(this.#world, other(this.#program.node));
    if (follower === undefined || follower !== life.follower) return;
    if (follower.origin === life && follower.machine.map.sequence < sequence)
      this.#world.violated("follower", `${sequence} is published, and the follower does not have it`);
  }

  /** The peer's map is this program's. */
  #follow(): void {
    const { histories } = this.#world;
    // Only who is active sends its map: the life that began last, but where both are active.
    const peer = programOf(this.#world, other(this.#program.node));
    this.#program.origin = peer?.origin ?? histories.current;
  }

  #lostFollower(reason: string): void {
    if (reason !== "silent" && reason !== "gone") return;
    const { simulation, setting } = this.#world;
    const since = simulation.now() - 3 * setting.deadMs;
    if (isPair(setting) && peerFaults(this.#world, since).length === 0 && !this.#losses.hasLeft(since))
      this.#world.violated("follower", `it is lost, ${reason}, and nothing had befallen the two`);
  }
}
