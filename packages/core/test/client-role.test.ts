import {
  AbortedError,
  ClosedError,
  ConnectionLostError,
  LimitError,
  NotConnectedError,
  RemoteError,
  type RequestClientCall,
  type RequestClientCode,
  type RequestClientFailure,
  type RequestClientOwner,
  RequestError,
  RequestTimeoutError,
  type StatusEvent,
  textFrame,
} from "@seaworthy/core";
import { type RequestClientEngine, RequestClientRole } from "@seaworthy/core/node";
import { afterEach, describe, expect, it, vi } from "vitest";
import { text } from "./support/server.js";

type Failure = RequestClientFailure<RequestClientCode | "ERR_OUT_OF_OFFICE">;

class OutOfOfficeError extends RequestError<"ERR_OUT_OF_OFFICE"> {}

/** What a machine and its sockets are told; the test says what comes of it. */
class Engine implements RequestClientEngine {
  readonly owner: RequestClientOwner<StatusEvent, Failure>;
  readonly told: RequestClientCall[] = [];
  closed = 0;

  constructor(owner: RequestClientOwner<StatusEvent, Failure>) {
    this.owner = owner;
  }

  feed(call: RequestClientCall): void {
    this.told.push(call);
  }

  async close(): Promise<void> {
    this.closed++;
  }

  answer(call: number, word: string): void {
    this.owner.answered(call, [Buffer.from(word)]);
  }

  fail(call: number, code: Failure["code"], message?: string): void {
    const effort = { attempts: 2, sent: 1, endpoints: ["tcp://a:1"] };
    this.owner.failed(call, message === undefined ? { code, ...effort } : { code, ...effort, message });
  }
}

class Client extends RequestClientRole<StatusEvent, Engine, "ERR_OUT_OF_OFFICE"> {
  declare readonly engine: Engine;

  constructor(options: { maxBodyBytes?: number; maxInFlight?: number; lingerMs?: number } = {}) {
    super(
      "test-client",
      "Client",
      { timeoutMs: 70, attempts: 7, maxBodyBytes: 10, maxInFlight: 10, lingerMs: 0, ...options },
      { ERR_OUT_OF_OFFICE: (effort) => new OutOfOfficeError("ERR_OUT_OF_OFFICE", "gone", effort) },
      (owner) => new Engine(owner),
    );
  }
}

const settled = (): Promise<unknown> => new Promise(setImmediate);

afterEach(() => {
  vi.useRealTimers();
});

describe("RequestClientRole: requests", () => {
  it("have the client's limits or their own, and end in their own replies", async () => {
    const client = new Client();
    const replies = [client.request(["a", "b"]), client.request("c", { attempts: 1 })];
    expect(client.engine.told).toEqual([
      { type: "request", call: 1, body: ["a", "b"].map(textFrame), timeoutMs: 70, attempts: 7 },
      { type: "request", call: 2, body: [textFrame("c")], timeoutMs: 70, attempts: 1 },
    ]);
    client.engine.answer(2, "second");
    client.engine.answer(1, "first");
    expect((await Promise.all(replies)).map(text)).toEqual(["first", "second"]);
  });

  it.each([
    ["ERR_REQUEST_TIMEOUT", RequestTimeoutError],
    ["ERR_CONNECTION_LOST", ConnectionLostError],
    ["ERR_NOT_CONNECTED", NotConnectedError],
    ["ERR_OUT_OF_OFFICE", OutOfOfficeError],
  ] as const)("that end in %s tell how far they got", async (code, kind) => {
    const client = new Client();
    const reply = client.request("ask");
    client.engine.fail(1, code);
    await expect(reply).rejects.toThrow(kind);
    await expect(reply).rejects.toMatchObject({ code, attempts: 2, sent: 1, endpoints: ["tcp://a:1"] });
  });

  it("that a handler failed tell what it said, if it said anything", async () => {
    const client = new Client();
    const replies = [client.request("ask"), client.request("ask")];
    client.engine.fail(1, "ERR_HANDLER_FAILED", "no luck");
    client.engine.fail(2, "ERR_HANDLER_FAILED");
    await expect(replies[0]).rejects.toThrow(new RemoteError("no luck"));
    await expect(replies[1]).rejects.toThrow(new RemoteError(""));
  });

  it("are over once", async () => {
    const client = new Client();
    const reply = client.request("ask");
    client.engine.answer(1, "yes");
    client.engine.answer(1, "no");
    client.engine.fail(1, "ERR_REQUEST_TIMEOUT");
    expect(text(await reply)).toBe("yes");
  });

  it("are aborted by their signal, before they are made and after", async () => {
    const client = new Client();
    const reason = new Error("changed my mind");
    const early = client.request("ask", { signal: AbortSignal.abort(reason) });
    await expect(early).rejects.toMatchObject({ code: "ERR_ABORTED", cause: reason });
    expect(client.engine.told).toEqual([]);
    const controller = new AbortController();
    const late = client.request("ask", { signal: controller.signal });
    controller.abort(reason);
    expect(client.engine.told.at(-1)).toEqual({ type: "abort", call: 1 });
    client.engine.fail(1, "ERR_ABORTED");
    await expect(late).rejects.toThrow(AbortedError);
    await expect(late).rejects.toMatchObject({ cause: reason });
  });

  it("are refused beyond the limits, and taken again when there is room", async () => {
    const client = new Client({ maxBodyBytes: 3, maxInFlight: 1 });
    const large = client.request(["12", "34"]);
    await expect(large).rejects.toThrow(LimitError);
    await expect(large).rejects.toMatchObject({ option: "maxBodyBytes", limit: 3, retryable: false });
    const first = client.request("123");
    const many = client.request("ask");
    await expect(many).rejects.toMatchObject({ option: "maxInFlight", limit: 1, retryable: true });
    client.engine.answer(1, "one");
    await first;
    void client.request("ask");
    expect(client.engine.told).toHaveLength(2);
  });

  it("are refused by rejecting if their arguments are wrong, by name", async () => {
    const client = new Client();
    await expect(client.request(undefined as unknown as string)).rejects.toThrow(TypeError);
    await expect(client.request("ask", { attempts: 0 })).rejects.toThrow('Client.request: option "attempts"');
    await expect(client.request("ask", null as never)).rejects.toThrow(TypeError);
    expect(client.engine.told).toEqual([]);
  });
});

describe("RequestClientRole: endpoints and events", () => {
  it("hands endpoints on, and none that is no endpoint", () => {
    const client = new Client();
    client.connect("tcp://a:1");
    client.disconnect("tcp://a:1");
    expect(client.engine.told).toEqual([
      { type: "connect", endpoint: "tcp://a:1" },
      { type: "disconnect", endpoint: "tcp://a:1" },
    ]);
    expect(() => client.connect("a:1")).toThrow("Client: ");
    expect(() => client.disconnect(1 as unknown as string)).toThrow(TypeError);
    expect(client.engine.told).toHaveLength(2);
  });

  it("reports the machine's status events", () => {
    const client = new Client();
    const heard: unknown[] = [];
    client.on("status", (event) => heard.push(event));
    const event = { type: "process-stalled", at: 5 };
    client.engine.owner.status(event);
    expect(heard).toEqual([event]);
  });
});

describe("RequestClientRole.close", () => {
  it("lets requests in flight finish, then closes the sockets, once", async () => {
    const client = new Client({ lingerMs: 60_000 });
    const reply = client.request("ask");
    const closing = client.close();
    expect(client.close()).toBe(closing);
    await settled();
    expect(client.engine.closed).toBe(0);
    client.engine.answer(1, "in time");
    expect(text(await reply)).toBe("in time");
    await closing;
    expect(client.engine.closed).toBe(1);
  });

  it("waits for no longer than lingerMs", async () => {
    vi.useFakeTimers();
    const client = new Client({ lingerMs: 1000 });
    const reply = client.request("ask");
    const closing = client.close();
    await vi.advanceTimersByTimeAsync(999);
    expect(client.engine.closed).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    await closing;
    expect(client.engine.closed).toBe(1);
    client.engine.fail(1, "ERR_CLOSED");
    await expect(reply).rejects.toThrow(new ClosedError("Client"));
  });

  it("is closed from the call on: no more requests, no more servers", async () => {
    const client = new Client();
    const closing = client.close();
    await expect(client.request("ask")).rejects.toThrow(new ClosedError("Client"));
    expect(() => client.connect("tcp://a:1")).toThrow(new ClosedError("Client"));
    expect(() => client.disconnect("tcp://a:1")).not.toThrow();
    await closing;
    expect(client.engine.told).toEqual([{ type: "disconnect", endpoint: "tcp://a:1" }]);
  });
});
