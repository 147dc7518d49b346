/**
 * Lazy Pirate on the wire. A request travels as `[request id][][body…]`: the envelope that REP
 * sockets and well-behaved ROUTER servers send back unread (28/REQREP), so that many requests can
 * be in flight on one DEALER socket and each reply finds its own. On a ROUTER the routing ids of
 * the hops come first.
 *
 * The request id has 20 bytes:
 *
 * | bytes | meaning                                                          |
 * |-------|------------------------------------------------------------------|
 * | 0–1   | `SW`, so that a server can tell it from the routing id of a hop  |
 * | 2     | version, 1                                                       |
 * | 3     | kind: 0 request and reply, 1 the server's handler failed         |
 * | 4–11  | epoch: one life of a client, random                              |
 * | 12–19 | sequence number within the epoch, most significant byte first    |
 */
export {
  decodeReply,
  decodeRequest,
  type EnvelopedRequest as Request,
  encodeFailure,
  encodeReply,
  encodeRequest,
  encodeRequestId,
  type FailureReply,
  type Reply,
  type RequestId,
} from "@seaworthy/core";
