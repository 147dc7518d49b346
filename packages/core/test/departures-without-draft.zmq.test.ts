import { expect, it, vi } from "vitest";
import { bytes, open } from "./support/sockets.js";

vi.mock("zeromq", async (importOriginal) => {
  const zeromq = await importOriginal<typeof import("zeromq")>();
  return { ...zeromq, capability: { ...zeromq.capability, draft: false } };
});

it("a router works as any other where ZeroMQ cannot tell departures, and its transport says so", async () => {
  const server = open({ type: "router", departures: true });
  expect(server.transport.tellsDepartures).toBe(false);
  const client = open({ type: "dealer" });
  client.socket.connect(server.socket.bind("tcp://127.0.0.1:*"));
  client.socket.send([bytes("x")]);
  await server.seen.until(({ messages }) => messages.length === 1);
  await client.socket.close(0);
  await server.seen.until((seen) => seen.count("down") === 1);
  expect([server.seen.messages.length, server.seen.departures]).toEqual([1, []]);
});
