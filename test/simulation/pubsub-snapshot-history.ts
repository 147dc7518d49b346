import { type Frames, frameKey, framesEqual, frameText, readUint32 } from "@seaworthy/core";
import type { Program } from "./pubsub-snapshot-world.js";

/** An update that was ordered. States of all lives share these. */
export interface Update {
  readonly life: Life;
  /** The key, one character for each byte. */
  readonly key: string;
  readonly sequence: number;
  /** In the same way; empty for none. */
  readonly uuid: string;
  readonly value: Uint8Array;
  readonly lines: string;
}

export type State = Map<string, Update>;

/** An entry of a map, wherever it comes from. */
export interface Item {
  readonly sequence: number;
  readonly value: Uint8Array;
  readonly lines: Uint8Array;
}

/** Lines of the protocol are what the server has to say to this reader, and no part of the entry; but for its time to live. */
const isAside = (line: string): boolean => line.startsWith("sw-") && !line.startsWith("sw-ttl=");

/** Properties without what was said to one reader. */
export function linesOf(properties: Uint8Array): string {
  if (properties.length === 0) return "";
  return frameText(properties)
    .split("\n")
    .filter((line) => line !== "" && !isAside(line))
    .join("\n");
}

export const isSame = ({ sequence, value, lines }: Update, item: Item): boolean =>
  sequence === item.sequence && framesEqual(value, item.value) && lines === linesOf(item.lines);

/** Does to a state what an update says. */
export function applyTo(state: State, update: Update): void {
  if (update.value.length > 0) state.set(update.key, update);
  else state.delete(update.key);
}

const SEQUENCE_AT = 1;

/** The sequence number of a message of five frames, read without the package's help. */
export function sequenceOf(frames: Frames): number {
  const frame = frames[SEQUENCE_AT] as Uint8Array;
  return readUint32(frame, 0) * 2 ** 32 + readUint32(frame, 4);
}

/** An update as it was published, or sent to the follower. */
export function readUpdate(life: Life, frames: Frames): Update {
  const [key, , uuid, properties, value] = frames as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const sequence = sequenceOf(frames);
  return { life, key: frameKey(key), sequence, uuid: frameKey(uuid), value, lines: linesOf(properties) };
}

/** One time of serving: what it began with, and all that it published. */
export class Life {
  readonly name: string;
  readonly program: Program;
  /** Which it goes on with. */
  readonly parent: Life | undefined;
  readonly startedAt: number;
  readonly baseSequence: number;
  readonly #base: State;
  readonly updates: Update[] = [];
  /** Those that are ordered, by number: they may be known elsewhere, and are not published. */
  readonly ordered = new Map<number, Update>();
  /** The map as it is published. */
  readonly state: State;
  /** When the follower last had everything. */
  wholeAt: number | undefined;
  /** The program that then followed. */
  follower: Program | undefined;

  constructor(
    name: string,
    program: Program,
    startedAt: number,
    { parent, base, sequence }: { parent: Life | undefined; base: State; sequence: number },
  ) {
    this.name = name;
    this.program = program;
    this.startedAt = startedAt;
    this.parent = parent;
    this.baseSequence = sequence;
    this.#base = base;
    this.state = new Map(base);
  }

  /** Number of the last update that was published. */
  get last(): number {
    return this.baseSequence + this.updates.length;
  }

  /** The update of a number that this life has published. */
  at(sequence: number): Update | undefined {
    return this.updates[sequence - this.baseSequence - 1];
  }

  publish(update: Update): void {
    this.updates.push(update);
    this.ordered.delete(update.sequence);
    applyTo(this.state, update);
  }

  /** The map as of a number that this life has had. */
  stateAt(sequence: number): State {
    const state = new Map(this.#base);
    for (let at = this.baseSequence + 1; at <= sequence; at++) applyTo(state, this.at(at) as Update);
    return state;
  }

  /** Where the last update of the map was ordered: here, or in a life that this one goes on with. */
  get lastUpdate(): Pick<Update, "life" | "sequence"> {
    const sequence = this.last;
    let life: Life = this;
    while (sequence <= life.baseSequence && life.parent !== undefined) life = life.parent;
    return { life, sequence };
  }

  /** Whether an update is in the history that this life goes on with. */
  has({ life, sequence }: Pick<Update, "life" | "sequence">): boolean {
    let limit = Number.POSITIVE_INFINITY;
    for (let own: Life | undefined = this; own !== undefined; own = own.parent) {
      if (own === life) return sequence <= limit;
      limit = Math.min(limit, own.baseSequence);
    }
    return false;
  }
}

/** All that servers have ordered, life by life. */
export class Histories {
  readonly lives = new Map<string, Life>();
  /** The one that began last. */
  current: Life | undefined;
  /** By UUID. The same one may be ordered in two lives, of which one does not go on with the other. */
  readonly #byUuid = new Map<string, Update[]>();

  begin(life: Life): void {
    this.lives.set(life.name, life);
    this.current = life;
  }

  /** Takes note of an update that was ordered; one that is known is not entered again. */
  enter(update: Update): Update {
    const { life, sequence, uuid } = update;
    const known = life.ordered.get(sequence);
    if (known !== undefined) return known;
    life.ordered.set(sequence, update);
    if (uuid === "") return update;
    const others = this.#byUuid.get(uuid);
    if (others === undefined) this.#byUuid.set(uuid, [update]);
    else others.push(update);
    return update;
  }

  withUuid(uuid: string): readonly Update[] {
    return this.#byUuid.get(uuid) ?? [];
  }
}
