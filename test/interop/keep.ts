import { afterEach } from "vitest";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((peer) => peer.close()));
});

/** Has it closed at the end of the test. */
export function keep<T extends { close(): unknown }>(peer: T): T {
  open.push(peer);
  return peer;
}
