import { type Frames, frameKey, readUint32, type Scheduler } from "@seaworthy/core";
import type { Simulation } from "@seaworthy/simulator";
import type { Witness } from "./tapped.js";

/** One topic in one life of a publisher. */
export interface Line {
  readonly publisher: string;
  readonly epoch: string;
  readonly topic: string;
  /** Messages so far, ENDs as well. */
  count: number;
}

/** A message as it was sent: its header is read without the package's help. */
export interface Entry {
  readonly line: Line;
  readonly series: number;
  readonly sequence: number;
  readonly timeUs: number;
  readonly isEnd: boolean;
  readonly at: number;
  /** Its place among all messages of its line, from 0. */
  readonly place: number;
}

const END_FLAG = 1;
const HEADER_BYTES = 36;
const EPOCH_AT = 4;
const [SERIES_AT, SEQUENCE_AT, TIME_AT] = [12, 20, 28];
/** `SW` and the version, and no flags. */
const BEGINNING = 0x53570100;

const numberAt = (header: Uint8Array, at: number): number =>
  readUint32(header, at) * 2 ** 32 + readUint32(header, at + 4);

/** For messages of our own log. */
export const nameOf = ({ line, place }: Entry): string => `${line.publisher} "${line.topic}" ${place}`;

/** Everything that publishers have given to their sockets, whoever got it. */
export class Ledger {
  readonly #simulation: Simulation;
  readonly #violated: (what: string) => void;
  /** By the header and by the first frame of the body: the simulator hands over the very frames that were sent. */
  readonly #entries = new Map<Uint8Array, Entry>();

  constructor(simulation: Simulation, violated: (what: string) => void) {
    this.#simulation = simulation;
    this.#violated = violated;
  }

  /** The entry of a message by its header, or by its body. @throws Error if nobody has sent it */
  entry(frame: Uint8Array | undefined): Entry {
    const entry = this.#entries.get(frame as Uint8Array);
    if (entry === undefined) throw new Error("a message that nobody has sent");
    return entry;
  }

  /** Looks at what one life of a publisher sends: all of it is as the protocol has it. */
  witness(publisher: string, maxTopics: number): Witness {
    const lines = new Map<string, Line>();
    const live = new Map<Line, Entry>();
    let epoch: string | undefined;
    let latestUs = 0;
    return {
      sent: (frames) => {
        const [topic, header, body] = frames as [Uint8Array, Uint8Array, Uint8Array?];
        epoch ??= frameKey(header.subarray(EPOCH_AT, SERIES_AT));
        if (frameKey(header.subarray(EPOCH_AT, SERIES_AT)) !== epoch)
          this.#violated(`${publisher} has two epochs`);
        const key = frameKey(topic);
        const line = lines.get(key) ?? { publisher, epoch, topic: key, count: 0 };
        lines.set(key, line);
        const entry = this.#enter(line, frames);
        const what = this.#faultOf(entry, live.get(line), latestUs);
        if (what !== undefined) this.#violated(`${nameOf(entry)}: ${what}`);
        latestUs = entry.timeUs;
        if (entry.isEnd) live.delete(line);
        else live.set(line, entry);
        if (live.size > maxTopics) this.#violated(`${publisher} keeps ${live.size} topics of ${maxTopics}`);
        this.#entries.set(header, entry);
        if (body !== undefined) this.#entries.set(body, entry);
      },
    };
  }

  #enter(line: Line, frames: Frames): Entry {
    const header = frames[1] as Uint8Array;
    const isEnd = ((header[3] as number) & END_FLAG) !== 0;
    if (header.length !== HEADER_BYTES || readUint32(header, 0) - Number(isEnd) !== BEGINNING)
      this.#violated("no header of version 1");
    if (isEnd !== (frames.length === 2)) this.#violated("an END has no body, and everything else has one");
    return {
      line,
      series: numberAt(header, SERIES_AT),
      sequence: numberAt(header, SEQUENCE_AT),
      timeUs: numberAt(header, TIME_AT),
      isEnd,
      at: this.#simulation.now(),
      place: line.count++,
    };
  }

  #faultOf(entry: Entry, before: Entry | undefined, latestUs: number): string | undefined {
    const { series, sequence, timeUs } = entry;
    if (timeUs < Math.max(latestUs, series)) return `published at ${timeUs}, after ${latestUs}`;
    if (before === undefined) {
      if (series <= latestUs) return `a new series ${series} at ${latestUs}`;
      return sequence === 1 ? undefined : `begins at ${sequence}`;
    }
    if (series === before.series && sequence === before.sequence + 1) return undefined;
    return `${series} ${sequence} after ${before.series} ${before.sequence}`;
  }
}

/** A clock that is wrong by so much, and runs so much too fast. */
export function skewed(scheduler: Scheduler, offsetMs: number, rate: number): Scheduler {
  return {
    now: () => scheduler.now() * rate + offsetMs,
    schedule: (at, wake) => scheduler.schedule((at - offsetMs) / rate, wake),
  };
}
