import type { Frames } from "@seaworthy/core";
import { hashText } from "./random.js";

/** Who a line of the log is about. */
export interface Subject {
  readonly name: string;
  /** Hash of the name. */
  readonly hash: number;
}

/** A piece of a line. */
export type LogPart = string | number;

/** What happened, as the log names it. The place in this list goes into the digest. */
const verbs = [
  "boots",
  "crashes",
  "pauses",
  "resumes",
  "slows",
  "sends",
  "gets",
  "drops",
  "is refused",
  "is up",
  "is down",
  "fails",
  "fault",
  "phase",
  "says",
  "sees depart",
  "sees subscribe",
  "sees unsubscribe",
] as const;

/** What happened. */
export type Verb = (typeof verbs)[number];

const verbCode = Object.fromEntries(verbs.map((verb, index) => [verb, index])) as Record<Verb, number>;

interface Entry {
  at: number;
  verb: Verb;
  subject: Subject;
  parts: readonly LogPart[];
  frames: Frames | undefined;
}

const PRIME = 0x01000193;
const HASHED_BYTES = 8;
const SHOWN_BYTES = 24;
const NO_PARTS: readonly LogPart[] = [];

/** How a log is kept: its last lines only, or all of it. */
export type LogMode = "tail" | "full";

/**
 * What happened, in order. Entries are kept as they came and become text only when somebody reads
 * them; a running hash over all of them tells two runs apart without any text.
 */
export class EventLog {
  readonly #entries: Entry[] = [];
  readonly #limit: number;
  #count = 0;
  #hash = 0x811c9dc5;

  constructor(mode: LogMode, tailLines: number) {
    this.#limit = mode === "full" ? Number.POSITIVE_INFINITY : tailLines;
  }

  /** Hash of everything that has happened, as 8 hexadecimal digits. */
  get digest(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** Mixes a number into the digest. */
  mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, PRIME);
  }

  record(
    at: number,
    verb: Verb,
    subject: Subject,
    parts: readonly LogPart[] = NO_PARTS,
    frames?: Frames,
  ): void {
    this.#digestEntry(verb, subject, parts, frames);
    const index = this.#count % this.#limit;
    this.#count += 1;
    const entry = this.#entries[index];
    if (entry === undefined) {
      this.#entries.push({ at, verb, subject, parts, frames });
      return;
    }
    entry.at = at;
    entry.verb = verb;
    entry.subject = subject;
    entry.parts = parts;
    entry.frames = frames;
  }

  /** The lines that are kept, oldest first. */
  lines(): string[] {
    const start = this.#count > this.#entries.length ? this.#count % this.#entries.length : 0;
    return [...this.#entries.slice(start), ...this.#entries.slice(0, start)].map(entryLine);
  }

  #digestEntry(verb: Verb, subject: Subject, parts: readonly LogPart[], frames: Frames | undefined): void {
    this.mix(verbCode[verb]);
    this.mix(subject.hash);
    for (const part of parts) this.mix(typeof part === "number" ? Math.round(part * 1000) : hashText(part));
    if (frames === undefined) return;
    for (const frame of frames) {
      this.mix(frame.length);
      const end = Math.min(frame.length, HASHED_BYTES);
      for (let index = 0; index < end; index++) this.mix(frame[index] as number);
    }
  }
}

function entryLine({ at, verb, subject, parts, frames }: Entry): string {
  const words = [at.toFixed(3), subject.name, verb, ...parts];
  if (frames !== undefined) words.push(showFrames(frames));
  return words.join(" ");
}

/** Frames for people to read: text where it is printable ASCII, else hexadecimal; long ones cut. */
function showFrames(frames: Frames): string {
  return `[${frames.map(showFrame).join(" ")}]`;
}

function showFrame(frame: Uint8Array): string {
  const shown = frame.subarray(0, SHOWN_BYTES);
  const more = frame.length > SHOWN_BYTES ? `…(${frame.length})` : "";
  if (shown.every((byte) => byte >= 0x20 && byte < 0x7f)) return `"${String.fromCharCode(...shown)}"${more}`;
  return `${Array.from(shown, (byte) => byte.toString(16).padStart(2, "0")).join("")}${more}`;
}
