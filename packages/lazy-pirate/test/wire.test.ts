import { describe, expect, it } from "vitest";
import {
  decodeReply,
  decodeRequest,
  encodeFailure,
  encodeReply,
  encodeRequest,
  encodeRequestId,
  REQUEST_ID_BYTES,
} from "../src/machine.js";

const routingId = Uint8Array.of(0, 1, 2, 3, 4);
const body = [Uint8Array.of(7), new Uint8Array(0)];
const id = encodeRequestId({ epoch: 0x0102030405060708n, sequence: 0xf1f2f3f4f5f6f7f8n });

describe("the request id", () => {
  it("is laid out as documented", () => {
    expect(Buffer.from(id).toString("hex")).toBe(`53570100${"0102030405060708"}${"f1f2f3f4f5f6f7f8"}`);
    expect(id).toHaveLength(REQUEST_ID_BYTES);
  });

  it("has two kinds: of requests and replies, and of failures", () => {
    const request = decodeRequest([routingId, ...encodeRequest(id, body)]);
    if (request.type !== "request") throw new Error(request.reason);
    const [, replied] = encodeReply(request.route, body);
    const [, failed] = encodeFailure(request.route, "broken") ?? [];
    expect([id[3], replied?.[3], failed?.[3]]).toEqual([0, 0, 1]);
    for (let kind = 2; kind < 256; kind++) {
      const other = id.slice();
      other[3] = kind;
      expect(decodeReply([other, new Uint8Array(0), ...body]).type).toBe("malformed");
      expect(decodeRequest([routingId, other, new Uint8Array(0), ...body]).type).toBe("malformed");
    }
  });
});
