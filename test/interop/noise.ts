import type { Frame } from "./bare.js";

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Frames of MDP, which random messages are made of so that some get far. */
const MDP_WORDS: readonly Frame[] = [
  ...["", "", "MDPC01", "MDPC02", "MDPW01", "MDPW02", "MDPC03", "mdpw01"],
  ...[..."\x00\x01\x02\x03\x04\x05\x06\x07\xff"].map((byte) => Buffer.from(byte, "latin1")),
  ...["noise", "mmi.service", "mmi.", "mmi.x", "mmi.services", "mmi.workers"],
  // A credit of 4 billion and heartbeats each 49 days; each 0 ms, which is none; cut short; of a later version.
  ...[
    "5357010000ffffffffffffff",
    "535701000000000000000001",
    "535701000000",
    "5357020000000fff00000001ff",
  ].map((hex) => Buffer.from(hex, "hex")),
  // Request headers: a request, a cancel, an answer, an unknown kind.
  ...[0, 1, 3, 200].map((kind) => Buffer.concat([Buffer.of(0x53, 0x57, 1, kind), Buffer.alloc(24, kind)])),
  // Addresses that nobody made.
  ...[15, 16, 17].map((length) => Buffer.alloc(length, 7)),
];

/** Frames of CHP, and of what ours say besides. */
export const CHP_WORDS: readonly Frame[] = [
  ...[
    "",
    "",
    "",
    "HUGZ",
    "KTHXBAI",
    "ICANHAZ?",
    "MOAR",
    "GOTIT",
    "PING",
    "PONG",
    "OKTHX",
    "SORRY",
    "KNOWN",
    "INSYNC",
  ],
  ...["/a", "/a/b", "\0HUGZ\0\0", "\0HUGZ\0\x02/a", "\0HUGZ\xff\xff", "ttl=1\n", "ttl=x\n", "sw-ttl=-1\n"],
  ...[
    "sw-credit=1\n",
    "sw-credit=4294967296\nsw-follows=1\n",
    "sw-if=0\n",
    "sw-life=1\nsw-beat=1\nsw-at=7\nsw-active=1\n",
  ],
  ...["0000000000000000", "0000000000000007", "001fffffffffffff", "0020000000000000", "ffffffffffffffff"].map(
    (hex) => Buffer.from(hex, "hex"),
  ),
  ...[15, 16, 17].map((length) => Buffer.alloc(length, 7)),
];

/** Random messages: of words, of bytes, and of both. */
export function* noise(count: number, seed: number, words: readonly Frame[] = MDP_WORDS): Generator<Frame[]> {
  const random = seeded(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  for (let made = 0; made < count; made++) {
    const share = random();
    yield Array.from({ length: 1 + below(8) }, () => {
      if (random() < share) return words[below(words.length)] as Frame;
      return Buffer.from(Array.from({ length: below(random() < 0.05 ? 2000 : 20) }, () => below(256)));
    });
  }
}
