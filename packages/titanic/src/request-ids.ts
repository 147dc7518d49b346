import { writeUint32 } from "@seaworthy/core";
import { ID_BYTES } from "./wire.js";

/** Ids made at a time: to ask for random bytes costs more than all that the machine does for a request. */
const BATCH = 256;
const VERSION_AT = 6;
const VARIANT_AT = 8;

/**
 * Makes the ids of requests: UUIDs of version 7 (RFC 9562, section 5.7), the time in ms and 74 random bits. Nobody can
 * guess one, and whoever knows one may fetch the reply. They begin with the time, so that a store finds those of one
 * moment side by side: with ids that are all random, each request writes pages of its own to the disk.
 *
 * @param wall - the time in ms since 1970; one that goes back does no harm
 * @param randomBytes - so many bytes that cannot be foreseen
 */
export function idMaker(wall: () => number, randomBytes: (count: number) => Uint8Array): () => Uint8Array {
  let bytes = new Uint8Array(0);
  let used = 0;
  return () => {
    if (used === bytes.length) {
      bytes = new Uint8Array(randomBytes(BATCH * ID_BYTES));
      used = 0;
    }
    const id = bytes.subarray(used, used + ID_BYTES);
    used += ID_BYTES;
    const time = wall();
    writeUint32(id, 0, Math.floor(time / 2 ** 16));
    id[4] = (time >>> 8) & 0xff;
    id[5] = time & 0xff;
    id[VERSION_AT] = 0x70 | ((id[VERSION_AT] as number) & 0x0f);
    id[VARIANT_AT] = 0x80 | ((id[VARIANT_AT] as number) & 0x3f);
    return id;
  };
}
