import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { textFrame } from "@seaworthy/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Control, controlPath, type Operated, openControl } from "../src/daemon-control.js";
import { type Operator, operate } from "../src/daemon-operator.js";
import type { RequestDetails, StoreQuery } from "../src/store.js";

const ID = "00112233445566778899AABBCCDDEEFF";
const request: RequestDetails = {
  id: Uint8Array.from(Buffer.from(ID, "hex")),
  service: Uint8Array.of(0xff, 0x00),
  ...{ state: "done", key: undefined, failures: 0, failure: undefined, acceptedAt: 1000, at: 2000 },
  body: [textFrame("hello"), Uint8Array.of(0x80)],
  reply: [textFrame("olleh")],
};

let folder: string;
let control: Control;
let operator: Operator;
let queries: StoreQuery[];
let failure: Error | undefined;

/** A server that knows one request. */
const server: Operated = {
  async list(query) {
    queries.push(query);
    if (failure !== undefined) throw failure;
    const { body: _body, reply: _reply, ...info } = request;
    return [info];
  },
  show: async (id) => (id === ID ? request : undefined),
  requeue: async (id) => id === ID,
  drop: async (id) => id === ID,
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "titanic-"));
  queries = [];
  failure = undefined;
  control = await openControl(controlPath(folder), server);
  operator = await operate({ type: "lmdb", folder });
  queries = [];
});
afterEach(async () => {
  await operator.close();
  await control.close();
  rmSync(folder, { recursive: true });
});

/** Asks the socket for something by hand. */
async function ask(method: string, path: string): Promise<{ status: number | undefined; value: unknown }> {
  const asked = httpRequest({ socketPath: controlPath(folder), method, path });
  asked.end();
  const [response] = await once(asked, "response");
  const text = Buffer.concat(await response.toArray()).toString("utf8");
  return { status: response.statusCode, value: JSON.parse(text) };
}

describe("the control socket", () => {
  it("can be opened by its owner alone", () => {
    const { mode } = statSync(controlPath(folder));
    expect((mode & 0o777).toString(8)).toBe("600");
  });

  it("leaves the rights of other new files as they were", () => {
    const before = process.umask();
    writeFileSync(join(folder, "other"), "");
    expect(statSync(join(folder, "other")).mode & 0o777).toBe(0o666 & ~before);
  });

  it("passes on what is asked for and what comes back, byte for byte", async () => {
    const query = { state: "dead", service: request.service, after: request.id, limit: 7 } as const;
    const { body: _body, reply: _reply, ...info } = request;
    expect(await operator.list(query)).toEqual([info]);
    expect(queries).toEqual([query]);
    expect(await operator.show(ID)).toEqual(request);
    const other = "F".repeat(32);
    expect(await operator.show(other)).toBeUndefined();
    expect([await operator.requeue(ID), await operator.requeue(other)]).toEqual([true, false]);
    expect([await operator.drop(ID), await operator.drop(other)]).toEqual([true, false]);
  });

  it("passes on why something cannot be done", async () => {
    failure = new Error("the disk is full");
    await expect(operator.list({ limit: 1 })).rejects.toThrow("the server says: the disk is full");
    failure = undefined;
    expect(await operator.list({ limit: 1 })).toHaveLength(1);
  });

  it.each([
    ["GET", "/", 404],
    ["GET", "/requests/x", 404],
    ["GET", `/requests/${ID}/requeue`, 404],
    ["POST", `/requests/${ID}/requeue/more`, 404],
    ["PUT", `/requests/${ID}`, 404],
    ["DELETE", "/requests", 404],
    ["GET", "/requests", 400],
    ["GET", "/requests?limit=0", 400],
    ["GET", "/requests?limit=1001", 400],
    ["GET", "/requests?limit=1&state=lost", 400],
    ["GET", "/requests?limit=1&after=..", 400],
    ["GET", "/requests?limit=1&service={", 500],
  ])("%s %s: %i", async (method, path, status) => {
    expect(await ask(method, path)).toEqual({ status, value: { message: expect.any(String) } });
    expect(queries).toEqual([]);
  });

  it("takes the place of one that a dead server has left", async () => {
    await control.close();
    writeFileSync(controlPath(folder), "");
    control = await openControl(controlPath(folder), server);
    expect(await operator.requeue(ID)).toBe(true);
  });

  it("is gone when it is closed, although somebody is connected", async () => {
    const socket = connect(controlPath(folder));
    socket.on("error", () => undefined);
    await once(socket, "connect");
    const ended = once(socket, "close");
    socket.write("GET /requests?limit=1 HTTP/1.1\r\nhost: x\r\n\r\nGET /requ");
    await once(socket, "data");
    await control.close();
    await ended;
    expect(() => statSync(controlPath(folder))).toThrow("ENOENT");
    control = await openControl(controlPath(folder), server);
  });

  it("cannot have a longer path than the system takes", async () => {
    const long = controlPath(join(folder, "x".repeat(100)));
    await expect(openControl(long, server)).rejects.toThrow(`${long} is too long for a socket: `);
  });
});

describe("the way to a store", () => {
  it("is not made where there is none", async () => {
    const missing = { type: "lmdb", folder: join(folder, "missing") } as const;
    await expect(operate(missing)).rejects.toThrow(`there is no store in ${missing.folder}`);
    expect(() => statSync(missing.folder)).toThrow("ENOENT");
  });
});
