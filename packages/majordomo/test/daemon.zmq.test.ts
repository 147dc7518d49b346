import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { curveKeyPair, Dealer, Request } from "zeromq";
import { DaemonProcess } from "./daemon-process.js";

const folder = mkdtempSync(join(tmpdir(), "majordomo-broker-"));
afterAll(() => rmSync(folder, { recursive: true }));

const sockets: { close(): void }[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

/** A client of 7/MDP on a bare REQ: asks, and resolves with the text of the reply. */
async function ask(endpoint: string, service: string, text: string, curve: object = {}): Promise<string> {
  const socket = new Request({ linger: 0, ...curve });
  sockets.push(socket);
  socket.connect(endpoint);
  await socket.send(["MDPC01", service, text]);
  return (await socket.receive()).slice(2).join("|");
}

/** Makes a named pipe. */
function makePipe(path: string): string {
  execFileSync("sh", ["-c", 'mkfifo "$0"', path]);
  return path;
}

const COMMAND = { ready: "\x01", request: "\x02", reply: "\x03" };

/** A worker of 7/MDP on a bare DEALER, which waits for what the test tells it. */
class BareWorker {
  readonly #socket = new Dealer({ linger: 0 });

  constructor(endpoint: string, service: string) {
    sockets.push(this.#socket);
    this.#socket.connect(endpoint);
    void this.#socket.send(["", "MDPW01", COMMAND.ready, service]);
  }

  /** Reads up to the next request. */
  async request(): Promise<{ address: Buffer; text: string }> {
    for (;;) {
      const [, , command, address, , text] = await this.#socket.receive();
      if (String(command) === COMMAND.request) return { address: address as Buffer, text: String(text) };
    }
  }

  async reply(address: Buffer, text: string): Promise<void> {
    await this.#socket.send(["", "MDPW01", COMMAND.reply, address, "", text]);
  }
}

/** One sample of the metrics. */
async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(url)).text();
  return Number(
    text
      .split("\n")
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1),
  );
}

/** No heartbeat is missed within a test, and no request is dropped. */
const PATIENT = [
  "--heartbeat",
  "60000",
  "--peer-heartbeat",
  "60000",
  "--request-ttl",
  "60000",
  "--linger",
  "60000",
];

/** A daemon with one worker of `echo` that has a request, and the reply that its client waits for. */
async function busyDaemon() {
  const started = await DaemonProcess.start(PATIENT);
  const worker = new BareWorker(started.endpoint, "echo");
  const reply = ask(started.endpoint, "echo", "at hand");
  reply.catch(() => undefined);
  return { ...started, worker, reply, request: await worker.request() };
}

describe("majordomo-broker", { timeout: 30_000 }, () => {
  it("passes requests on, and its metrics tell so", async () => {
    const { daemon, endpoint, url } = await DaemonProcess.start([...PATIENT, "--metrics", "0"]);
    expect(daemon.lines).toEqual([`ready ${endpoint} ${url}`]);
    expect(await metric(url, "majordomo_requests_total")).toBe(0);
    const worker = new BareWorker(endpoint, "echo");
    await daemon.logged("worker joined");
    for (const text of ["one", "two", "three"]) {
      const reply = ask(endpoint, "echo", text);
      const { address, text: asked } = await worker.request();
      await worker.reply(address, `${asked}!`);
      expect(await reply).toBe(`${text}!`);
    }
    expect(await ask(endpoint, "mmi.service", "echo")).toBe("200");
    expect(await metric(url, "majordomo_requests_total")).toBe(4);
    expect(await metric(url, "majordomo_requests_answered_total")).toBe(3);
    expect(await metric(url, 'majordomo_service_workers{service="echo"}')).toBe(1);
    expect(await (await fetch(new URL("/healthz", url))).text()).toBe("ok\n");
    expect(await daemon.logged("listening")).toMatchObject({
      level: "info",
      endpoints: [endpoint],
      metrics: url,
    });
    expect(await daemon.logged("worker joined")).toMatchObject({
      level: "info",
      service: "echo",
      protocol: "0.1",
    });
  });

  it("listens on several endpoints", async () => {
    const { daemon, endpoint } = await DaemonProcess.start([
      "--bind",
      `ipc://${join(folder, "broker.sock")}`,
    ]);
    expect(daemon.lines).toEqual([`ready ${endpoint} ipc://${join(folder, "broker.sock")}`]);
    for (const at of [endpoint, `ipc://${join(folder, "broker.sock")}`]) {
      expect(await ask(at, "mmi.service", "echo")).toBe("404");
    }
  });

  it("has the options of its command line", async () => {
    const { daemon, endpoint } = await DaemonProcess.start(["--max-workers", "1", "--log-level", "warn"]);
    new BareWorker(endpoint, "one");
    new BareWorker(endpoint, "two");
    expect(await daemon.logged("worker refused")).toMatchObject({ level: "warn", reason: "maxWorkers" });
    expect(daemon.messages).toEqual(["worker refused"]);
  });

  it("encrypts with the key in a file, and serves no others", async () => {
    const [server, client] = [curveKeyPair(), curveKeyPair()];
    const path = join(folder, "key");
    writeFileSync(path, server.secretKey);
    const { endpoint } = await DaemonProcess.start(["--curve-secret-key-file", path]);
    const keys = {
      ...{ curveServerKey: server.publicKey },
      ...{ curvePublicKey: client.publicKey, curveSecretKey: client.secretKey },
    };
    const plain = ask(endpoint, "mmi.service", "echo");
    let isServed = false;
    void plain.then(
      () => (isServed = true),
      () => undefined,
    );
    for (let count = 0; count < 3; count++) {
      expect(await ask(endpoint, "mmi.service", "echo", keys)).toBe("404");
    }
    expect(isServed).toBe(false);
  });
});

describe("signals", { timeout: 30_000 }, () => {
  it.each(["SIGTERM", "SIGINT"] as const)(
    "%s lets a running request be answered, then it exits with 0",
    async (signal) => {
      const { daemon, worker, reply, request } = await busyDaemon();
      daemon.signal(signal);
      expect(await daemon.logged("draining")).toMatchObject({
        level: "info",
        signal,
        running: 1,
        waiting: 0,
      });
      await worker.reply(request.address, "answered");
      expect(await reply).toBe("answered");
      expect(await daemon.exit).toBe(0);
      expect(daemon.log.at(-1)).toMatchObject({ msg: "stopped", requests: 1, answered: 1, dropped: 0 });
      expect(daemon.lines).toHaveLength(1);
    },
  );

  it.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("a second one, %s, ends it at once with %i", async (signal, code) => {
    const { daemon } = await busyDaemon();
    daemon.signal("SIGTERM");
    await daemon.logged("draining");
    daemon.signal(signal);
    expect(await daemon.exit).toBe(code);
  });

  it("SIGHUP does nothing", async () => {
    const { daemon, worker, reply, request } = await busyDaemon();
    daemon.signal("SIGHUP");
    await daemon.logged("SIGHUP is ignored");
    await worker.reply(request.address, "answered");
    expect(await reply).toBe("answered");
  });
});

describe("a log that nobody reads", { timeout: 30_000 }, () => {
  const opened: number[] = [];
  afterEach(() => {
    for (const descriptor of opened.splice(0)) closeSync(descriptor);
  });

  /** The end to write to of a pipe that has no room. */
  function fullPipe(name: string): number {
    const path = makePipe(join(folder, name));
    const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    opened.push(reader);
    const block = Buffer.alloc(4096, "\n");
    for (let isFull = false; !isFull; ) {
      try {
        writeSync(reader, block);
      } catch (error) {
        expect(error).toMatchObject({ code: "EAGAIN" });
        isFull = true;
      }
    }
    const writer = openSync(path, constants.O_WRONLY);
    opened.push(writer);
    return writer;
  }

  it("keeps the broker neither from its work nor from its end", async () => {
    const { daemon, endpoint } = await DaemonProcess.start(PATIENT, fullPipe("patient"));
    const worker = new BareWorker(endpoint, "echo");
    const reply = ask(endpoint, "echo", "x");
    await worker.reply((await worker.request()).address, "answered");
    expect(await reply).toBe("answered");
    daemon.signal("SIGTERM");
    expect(await daemon.exit).toBe(0);
  });

  it("nor from ending at once", async () => {
    const { daemon, endpoint } = await DaemonProcess.start(PATIENT, fullPipe("at-once"));
    const worker = new BareWorker(endpoint, "echo");
    ask(endpoint, "echo", "x").catch(() => undefined);
    await worker.request();
    daemon.signal("SIGTERM");
    daemon.signal("SIGINT");
    // The system may deliver them in any order.
    expect([130, 143]).toContain(await daemon.exit);
  });

  // Where there is such a device.
  it.runIf(process.platform === "linux")("nor does one that the disk has no room for", async () => {
    const full = openSync("/dev/full", "w");
    opened.push(full);
    const { daemon, endpoint } = await DaemonProcess.start(PATIENT, full);
    expect(await ask(endpoint, "mmi.service", "echo")).toBe("404");
    daemon.signal("SIGTERM");
    expect(await daemon.exit).toBe(0);
  });
});

describe("what cannot be run", { timeout: 30_000 }, () => {
  it.each([
    [["--max-waiting", "0"], "--max-waiting must be a whole number from 1 to 9007199254740991, got 0"],
    [["--verbose"], "Unknown option '--verbose'"],
  ])("%j: a line on standard error, and 2", async (args, message) => {
    const daemon = new DaemonProcess(args);
    expect(await daemon.exit).toBe(2);
    expect(daemon.errors).toEqual([`majordomo-broker: ${message} (see --help)`]);
    expect(daemon.lines).toEqual([]);
  });

  it("the code is the same when nobody reads the line any more", async () => {
    const path = makePipe(join(folder, "unread"));
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    closeSync(reader);
    const daemon = new DaemonProcess(["--verbose"], writer);
    closeSync(writer);
    expect(await daemon.exit).toBe(2);
  });

  it("a port in use: a line on standard error, and 1", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    try {
      await once(server, "listening");
      const { port } = server.address() as { port: number };
      const endpoint = `tcp://127.0.0.1:${port}`;
      const broker = new DaemonProcess(["--bind", "tcp://127.0.0.1:*", "--bind", endpoint]);
      const metrics = new DaemonProcess(["--bind", "tcp://127.0.0.1:*", "--metrics", String(port)]);
      expect([await broker.exit, await metrics.exit]).toEqual([1, 1]);
      expect(broker.errors).toEqual([expect.stringContaining(`cannot bind ${endpoint}`)]);
      expect(metrics.errors).toEqual([
        expect.stringContaining(`--metrics: cannot listen on 127.0.0.1 port ${port}`),
      ]);
      expect([...broker.lines, ...metrics.lines]).toEqual([]);
    } finally {
      server.close();
    }
  });

  it("--help and --version are printed, and that is all", async () => {
    const [help, version] = [new DaemonProcess(["--help"]), new DaemonProcess(["--version"])];
    expect([await help.exit, await version.exit]).toEqual([0, 0]);
    expect(help.lines[0]).toBe("Usage: majordomo-broker [--bind ENDPOINT]… [flag]…");
    const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
    expect(version.lines).toEqual([(JSON.parse(manifest) as { version: string }).version]);
    expect([...help.errors, ...version.errors]).toEqual([]);
  });
});
