import {
  decodeReply,
  encodeRequest,
  encodeRequestId,
  type FailureReply,
  Fifo,
  frameText,
  type Reply,
  type RequestClientInput,
  type RequestClientMachine,
  type RequestClientOutput,
  type Stalled,
  type StatusEvent,
  textFrame,
  wireRequestClient,
} from "@seaworthy/core";
import { expect, it } from "vitest";
import { FakeSockets, HandClock } from "./support/fake-sockets.js";

type Answer = Reply | FailureReply;
type Output = RequestClientOutput<StatusEvent, string>;

/** A machine that the test speaks for. */
class Script implements RequestClientMachine<Answer, StatusEvent, string> {
  readonly deadline = undefined;
  readonly heard: (RequestClientInput<Answer> | Stalled)[] = [];
  readonly outputs = new Fifo<Output>();
  awaited: string | undefined;

  handle(input: RequestClientInput<Answer> | Stalled): void {
    // How the test has outputs taken.
    if (input.type !== "abort") this.heard.push(input);
  }

  tick(): void {}

  take(): Output | undefined {
    return this.outputs.shift();
  }

  isAwaiting(call: number, attempt: number): boolean {
    return this.awaited === `${call}/${attempt}`;
  }
}

const ENDPOINT = "tcp://a:1";
const id = { epoch: 1n, sequence: 2n };

function wire() {
  const [sockets, machine] = [new FakeSockets(), new Script()];
  const told: string[] = [];
  const client = wireRequestClient(
    machine,
    {
      transport: sockets,
      scheduler: new HandClock(),
      socket: { maxQueued: 7 },
      owner: {
        answered: (call, body) => told.push(`answered ${call} ${body.map(frameText)}`),
        failed: (call, failure) => told.push(`failed ${call} ${failure}`),
        status: (event) => told.push(event.type),
      },
    },
    decodeReply,
  );
  const say = (...outputs: Output[]): void => {
    for (const output of outputs) machine.outputs.push(output);
    client.feed({ type: "abort", call: 0 });
  };
  const open = (connection = 1): void => say({ type: "open", connection, endpoint: ENDPOINT });
  const send = (connection = 1): void =>
    say({ type: "send", connection, call: 5, attempt: 2, id, body: [textFrame("hi")] });
  return { sockets, machine, told, client, say, open, send };
}

it("each connection has a DEALER with the client's settings, which connects once", () => {
  const { sockets, open } = wire();
  open(1);
  open(2);
  expect(sockets.opened.map(({ spec }) => spec)).toEqual(
    Array(2).fill({ maxQueued: 7, type: "dealer", reconnect: false }),
  );
});

it("what becomes of a connection is told of it, one that could not be made as one that is down", () => {
  const { sockets, machine, open } = wire();
  open(1);
  const { connection } = sockets.at(0).handlers;
  connection?.({ type: "up", endpoint: ENDPOINT });
  connection?.({ type: "down", endpoint: ENDPOINT, reason: "gone" });
  sockets.fault = new Error("Too many open files");
  open(2);
  expect(machine.heard).toEqual([
    { type: "up", connection: 1, reason: undefined },
    { type: "down", connection: 1, reason: "gone" },
    { type: "down", connection: 2, reason: "Too many open files" },
  ]);
});

it("replies are read as the pattern reads them, and what is none is told as such", () => {
  const { sockets, machine, open } = wire();
  open(3);
  const { message } = sockets.at(0).handlers;
  message([...encodeRequest(encodeRequestId(id), [textFrame("yes")])]);
  message([textFrame("what?")]);
  expect(machine.heard).toEqual([
    { type: "received", connection: 3, reply: { type: "reply", ...id, body: [textFrame("yes")] } },
    { type: "malformed", connection: 3, reason: expect.any(String) },
  ]);
});

it("a request is sent in our clients' envelope, and is wanted for as long as its attempt counts", () => {
  const { sockets, machine, open, send } = wire();
  open();
  send();
  const socket = sockets.at(0);
  expect(socket.sent).toEqual([encodeRequest(encodeRequestId(id), [textFrame("hi")])]);
  machine.awaited = "5/2";
  expect(socket.wanted[0]?.()).toBe(true);
  machine.awaited = "5/3";
  expect(socket.wanted[0]?.()).toBe(false);
  expect(machine.heard).toEqual([]);
});

it("a request that finds no room, or no connection, is not taken", () => {
  const { sockets, machine, open, send } = wire();
  open();
  sockets.at(0).isFull = true;
  send(1);
  send(2);
  expect(machine.heard).toEqual(Array(2).fill({ type: "not-taken", call: 5 }));
});

it("a connection that is given up takes what is queued on it along", () => {
  const { sockets, say, open } = wire();
  open();
  say({ type: "discard", connection: 1 });
  expect(sockets.at(0).closedWith).toBe(0);
});

it("ends of requests and status events are told", () => {
  const { told, say } = wire();
  say(
    { type: "answered", call: 1, body: [textFrame("yes")] },
    { type: "failed", call: 2, failure: "no" },
    { type: "status", event: { type: "process-stalled", at: 0 } },
  );
  expect(told).toEqual(["answered 1 yes", "failed 2 no", "process-stalled"]);
});

it("closing tells the machine, does what it says, and closes all sockets; nothing is heard after", async () => {
  const { sockets, machine, told, client, open } = wire();
  open(1);
  open(2);
  machine.outputs.push({ type: "failed", call: 1, failure: "closed" });
  await client.close();
  expect([machine.heard, told]).toEqual([[{ type: "close" }], ["failed 1 closed"]]);
  expect(sockets.opened.map(({ closedWith }) => closedWith)).toEqual([0, 0]);
  client.feed({ type: "connect", endpoint: ENDPOINT });
  expect(machine.heard).toHaveLength(1);
});
