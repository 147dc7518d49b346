import { writeUint32 } from "@seaworthy/core";

const LANES: readonly (readonly [seed: number, factor: number])[] = [
  [0x243f6a88, 0x9e3779b1],
  [0x85a308d3, 0x85ebca77],
  [0x13198a2e, 0xc2b2ae3d],
  [0x03707344, 0x27d4eb2f],
];

/**
 * 128 bits that differ for different bytes, unless somebody sets out to find two that do not: for stores that keep nothing.
 * It needs no library, so that it runs in a simulation and in a browser.
 */
export function quickDigest(bytes: Uint8Array): Uint8Array {
  const digest = new Uint8Array(4 * LANES.length);
  for (const [index, [seed, factor]] of LANES.entries())
    writeUint32(digest, 4 * index, lane(bytes, seed, factor));
  return digest;
}

function lane(bytes: Uint8Array, seed: number, factor: number): number {
  let hash = seed ^ bytes.length;
  for (let index = 0; index < bytes.length; index++) {
    hash = Math.imul(hash ^ (bytes[index] as number), factor);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 16), factor);
  return (hash ^ (hash >>> 13)) >>> 0;
}
