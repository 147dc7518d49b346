import { randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { MajordomoBroker } from "@seaworthy/majordomo";
import { MemoryStore, TitanicServer, type TitanicServerOptions, type TitanicStore } from "@seaworthy/titanic";
import type { Frame } from "./bare.js";
import { keep } from "./keep.js";
import type { Version } from "./mdp-frames.js";
import { BareMdpClient, BareMdpWorker } from "./mdp-peers.js";

// Servers, clients and workers of 9/TSP for the tests of Titanic; those on bare sockets from the texts of the RFCs.

export const SERVICES = ["titanic.request", "titanic.submit", "titanic.reply", "titanic.close"] as const;
export const ID = /^[0-9A-F]{32}$/;

/** Our broker, on any port. */
export async function newBroker(): Promise<{ broker: MajordomoBroker; endpoint: string }> {
  const broker = keep(new MajordomoBroker({ heartbeatMs: 200, maxBodyBytes: 32 * 1024 * 1024 }));
  return { broker, endpoint: await broker.bind("tcp://127.0.0.1:*") };
}

/** Our server, once the broker knows what it offers, unless told not to wait for that. */
export async function newServer(
  endpoint: string,
  { store = new MemoryStore(), ...options }: TitanicServerOptions & { store?: TitanicStore } = {},
): Promise<TitanicServer> {
  const server = keep(
    new TitanicServer(store, { heartbeatMs: 200, backoff: { initialMs: 20 }, lingerMs: 200, ...options }),
  );
  const offered = new Promise<void>((resolve) => {
    const names = new Set<string>();
    server.on("service-offered", ({ service }) => {
      if (names.add(service).size === SERVICES.length) resolve();
    });
  });
  server.connect(endpoint);
  await server.open();
  await offered;
  return server;
}

/** A client as the guide's ticlient: it asks one thing at a time. */
export class TspClient {
  readonly #client: BareMdpClient;

  constructor(endpoint: string, version: Version = "0.1") {
    this.#client = keep(new BareMdpClient(endpoint, version));
  }

  /** The frames of the one answer. */
  async frames(service: string, ...body: Frame[]): Promise<Buffer[]> {
    const client = this.#client;
    const before = client.replies.length;
    await client.send(service, ...body);
    await client.until(() => client.replies.length > before);
    const reply = client.replies[before];
    if (reply?.word !== "final" || reply.service !== service || client.strange.length > 0) {
      throw new Error(`${service}: no answer as the RFCs have it`);
    }
    return reply.body;
  }

  async ask(service: string, ...body: Frame[]): Promise<string[]> {
    return (await this.frames(service, ...body)).map(String);
  }

  /** Hands a request in; returns its id. */
  async submit(service: string, ...body: Frame[]): Promise<string> {
    const [status, id = "", ...more] = await this.ask("titanic.request", service, ...body);
    if (status !== "200" || !ID.test(id) || more.length > 0) throw new Error(`${status} ${id} ${more}`);
    return id;
  }

  /** The reply to a request, asked for until it is another than 300. */
  async reply(id: string): Promise<string[]> {
    for (;;) {
      const reply = await this.ask("titanic.reply", id);
      if (reply.join() !== "300") return reply;
      await turn();
    }
  }
}

/** What the guide's titanic does, as far as clients can see: ids in upper case, no texts behind a status. */
export class BareTitanic {
  /** Bodies of what was taken in, and of what came of it. */
  readonly requests = new Map<string, Buffer[]>();
  readonly replies = new Map<string, Frame[]>();
  /** What it says instead, once each, before it does as it should again; with nothing, nothing. */
  readonly oddities: (Frame[] | undefined)[] = [];
  readonly workers: readonly BareMdpWorker[];
  readonly asked: string[] = [];

  constructor(endpoint: string, version: Version = "0.1") {
    this.workers = SERVICES.filter((service) => service !== "titanic.submit").map((service) => {
      const answer = (body: Buffer[]): Frame[][] | undefined => {
        this.asked.push(service);
        const odd = this.oddities.length > 0;
        const frames = odd ? this.oddities.shift() : this.#answer(service, body);
        return frames && [frames];
      };
      return keep(new BareMdpWorker(endpoint, { version, service, answer }));
    });
  }

  /** It has had the requests worked on by a service that says what it gets. */
  work(): void {
    for (const [id, [, ...body]] of this.requests) this.replies.set(id, body);
  }

  #answer(service: string, body: Buffer[]): Frame[] {
    const id = String(body[0]);
    if (service === "titanic.request") {
      const made = randomBytes(16).toString("hex").toUpperCase();
      this.requests.set(made, body);
      return ["200", made];
    }
    if (service === "titanic.close") {
      this.requests.delete(id);
      this.replies.delete(id);
      return ["200"];
    }
    const reply = this.replies.get(id);
    if (reply !== undefined) return ["200", ...reply];
    return [this.requests.has(id) ? "300" : "400"];
  }
}
