import type { Random } from "@seaworthy/core";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** 32-bit FNV-1a of a text, by UTF-16 code unit. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash;
}

/** Spreads every bit of a number over the whole result. */
function scramble(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return mixed ^ (mixed >>> 16);
}

/**
 * A source of randomness that depends on the seed and the name of the stream alone: draws in one
 * stream do not disturb another one of the same seed.
 */
export function randomStream(seed: number, stream: string): Random {
  // The generator's first outputs follow its seed closely, and neighbouring seeds must differ.
  const generator = xoroshiro128plus(scramble(scramble(seed) ^ hashText(stream)));
  for (let skipped = 0; skipped < 8; skipped++) generator.next();
  return () => (generator.next() >>> 0) / 0x1_0000_0000;
}

/** A number, or the bounds between which it is drawn. */
export type Range = number | readonly [min: number, max: number];

/** A number within the range; a fixed one costs no draw. */
export function draw(range: Range, random: Random): number {
  if (typeof range === "number") return range;
  return range[0] + (range[1] - range[0]) * random();
}

/** One item of a list that is not empty. */
export function pick<T>(items: readonly T[], random: Random): T {
  return items[Math.floor(random() * items.length)] as T;
}
