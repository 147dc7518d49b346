import {
  type Frames,
  type RequestServerEvent,
  type RequestServerInput,
  RequestServerMachine,
  type RequestServerOptions,
  type RequestServerOwner,
  resolveRequestServerOptions,
} from "@seaworthy/core";
import { type RequestServerEngine, RequestServerRole, ServerRequest } from "@seaworthy/core/node";

/** A machine without sockets: the test plays the clients. */
export class ServerEngine implements RequestServerEngine {
  readonly machine: RequestServerMachine;
  readonly owner: RequestServerOwner;
  /** Answers in words. */
  readonly answers: string[] = [];
  /** What the sockets were given to linger, in ms; one number for each time that they were closed. */
  readonly closed: number[] = [];

  constructor(options: RequestServerOptions, owner: RequestServerOwner) {
    this.machine = new RequestServerMachine(resolveRequestServerOptions("Server", options));
    this.owner = owner;
  }

  feed(input: RequestServerInput): void {
    this.machine.handle(input, 0);
    for (let output = this.machine.take(); output !== undefined; output = this.machine.take()) {
      if (output.type === "run") this.owner.run(output);
      else if (output.type === "status") this.owner.status(output.event);
      else this.answers.push(output.outcome.type === "reply" ? text(output.outcome.body) : "failure");
    }
  }

  /** A request comes in. */
  ask(word: string, key?: string, tag = 0): void {
    const route = [Buffer.from("client")];
    this.feed({ type: "request", route, key, kind: 0, tag, body: [Buffer.from(word)] });
  }

  /** As a pattern does it: the machine first. */
  revoke(reason: Error): void {
    this.feed({ type: "revoke", reason: "revoked" });
    this.owner.revoke(reason);
  }

  async close(lingerMs: number): Promise<void> {
    this.closed.push(Math.ceil(lingerMs));
  }
}

/** A request that has something of its pattern. */
export class TaggedRequest extends ServerRequest {
  readonly tag: number;

  constructor(tag: number, ...rest: ConstructorParameters<typeof ServerRequest>) {
    super(...rest);
    this.tag = tag;
  }
}

/** A server with such an engine. */
export class Server extends RequestServerRole<RequestServerEvent, TaggedRequest, ServerEngine> {
  declare readonly engine: ServerEngine;

  constructor(options: RequestServerOptions = {}) {
    const { lingerMs, maxBodyBytes } = resolveRequestServerOptions("Server", options);
    super(
      "test-server",
      "Server",
      { lingerMs, maxBodyBytes },
      (owner) => new ServerEngine(options, owner),
      (run, signal, answers) => new TaggedRequest(run.tag, run, signal, answers),
    );
  }

  bind(endpoint: string): void {
    this.assertBindable(endpoint);
  }
}

export const text = (body: Frames): string => body.map((frame) => Buffer.from(frame)).join("|");
