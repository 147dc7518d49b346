import { randomBytes } from "node:crypto";
import { ID_BYTES } from "./wire.js";

/** Ids made at a time: to ask for random bytes costs more than all that the machine does for a request. */
const BATCH = 256;
const TIME_BYTES = 6;
const VERSION_AT = 6;
const VARIANT_AT = 8;

/**
 * Makes the ids of requests: UUIDs of version 7 (RFC 9562, section 5.7), the time in ms and 74 random bits. Nobody can
 * guess one, and whoever knows one may fetch the reply. They begin with the time, so that a store finds those of one
 * moment side by side: with ids that are all random, each request writes pages of its own to the disk.
 *
 * @param wall - the time in ms since 1970; one that goes back does no harm
 */
export function idMaker(wall: () => number): () => Uint8Array {
  let bytes = Buffer.alloc(0);
  let used = 0;
  return () => {
    if (used === bytes.length) {
      bytes = randomBytes(BATCH * ID_BYTES);
      used = 0;
    }
    const id = bytes.subarray(used, used + ID_BYTES);
    used += ID_BYTES;
    id.writeUIntBE(wall(), 0, TIME_BYTES);
    id[VERSION_AT] = 0x70 | ((id[VERSION_AT] as number) & 0x0f);
    id[VARIANT_AT] = 0x80 | ((id[VARIANT_AT] as number) & 0x3f);
    return id;
  };
}
