// What requests and replies say of themselves, so that it can be seen to whom they belong.
import { type Frames, readUint32, writeUint32 } from "@seaworthy/core";

/** Which request this is. Only clients that are not ours number attempts, from 1: each is a request of its own. */
export interface Question {
  readonly call: number;
  readonly attempt: number;
}

const QUESTION_BYTES = 8;
const PART_BYTES = 20;

/** The body of a request. */
export function questionFrame({ call, attempt }: Question): Uint8Array {
  const frame = new Uint8Array(QUESTION_BYTES);
  writeUint32(frame, 0, call);
  writeUint32(frame, 4, attempt);
  return frame;
}

export function readQuestion(frame: Uint8Array): Question {
  return { call: readUint32(frame, 0), attempt: readUint32(frame, 4) };
}

/** One part of a reply: of which run of the handler it is, which part, and how many there are. */
export function partFrame(question: Question, run: number, index: number, count: number): Uint8Array {
  const frame = new Uint8Array(PART_BYTES);
  frame.set(questionFrame(question));
  writeUint32(frame, 8, run);
  writeUint32(frame, 12, index);
  writeUint32(frame, 16, count);
  return frame;
}

/** Reads the parts of one reply as they come: all of them are to be of one run, in order, none missing, none twice. */
export class ReplyCheck {
  readonly #question: Question;
  #run: number | undefined;
  #next = 0;
  #count = 0;

  constructor(question: Question) {
    this.#question = question;
  }

  /** What is wrong with these parts, or `undefined`. */
  add(parts: Frames): string | undefined {
    for (const part of parts) {
      const fault = this.#add(part);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  /** What is missing of the reply, or `undefined`. */
  end(): string | undefined {
    return this.#next === this.#count ? undefined : `has ${this.#next} of ${this.#count} parts`;
  }

  #add(part: Uint8Array): string | undefined {
    if (part.length !== PART_BYTES) return "is no reply";
    const { call, attempt } = readQuestion(part);
    if (call !== this.#question.call || attempt !== this.#question.attempt)
      return `is one to ${call}, attempt ${attempt}`;
    const run = readUint32(part, 8);
    this.#run ??= run;
    if (run !== this.#run) return `is a mixture of the runs ${this.#run} and ${run}`;
    const index = readUint32(part, 12);
    if (index !== this.#next) return `goes on with part ${index} where ${this.#next} should be`;
    this.#next += 1;
    this.#count = readUint32(part, 16);
    return undefined;
  }
}
