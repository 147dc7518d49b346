import { textFrame } from "@seaworthy/core";
import { MachineDriver } from "../../core/test/support/machine-driver.js";
import {
  resolveWorkerOptions,
  type SimplePirateWorkerInput,
  SimplePirateWorkerMachine,
  type SimplePirateWorkerOptions,
  type SimplePirateWorkerOutput,
} from "../src/machine.js";

const text = (frames: readonly Uint8Array[]): string => Buffer.concat(frames).toString();

/** A worker machine in virtual time, with everything it put out. Its pauses are as long as they can be. */
export class WorkerDriver extends MachineDriver<
  SimplePirateWorkerInput,
  SimplePirateWorkerOutput,
  SimplePirateWorkerMachine
> {
  constructor(options: SimplePirateWorkerOptions = {}) {
    super(new SimplePirateWorkerMachine(resolveWorkerOptions(options), () => 0));
  }

  demand(count = 1): this {
    return this.feed({ type: "demand", count });
  }

  connect(endpoint = "tcp://queue:1"): this {
    return this.feed({ type: "connect", endpoint });
  }

  disconnect(endpoint = "tcp://queue:1"): this {
    return this.feed({ type: "disconnect", endpoint });
  }

  close(): this {
    return this.feed({ type: "close" });
  }

  /** One session, or as many as are asked for, whose connections stand: numbers 1, 2, … */
  opened(concurrency = 1): this {
    this.demand(concurrency).connect();
    for (let connection = 1; connection <= concurrency; connection++) this.up(connection);
    return this;
  }

  up(connection: number): this {
    return this.feed({ type: "up", connection });
  }

  lost(connection: number, reason?: string): this {
    return this.feed({ type: "lost", connection, reason });
  }

  request(connection: number, name = "x"): this {
    const [address, body] = [[textFrame(`address of ${name}`)], [textFrame(name)]];
    return this.feed({ type: "received", connection, request: { type: "request", address, body } });
  }

  reply(ticket: number): this {
    return this.feed({ type: "reply", ticket, body: [textFrame(`reply ${ticket}`)] });
  }

  drop(ticket: number, reason?: string): this {
    return this.feed({ type: "drop", ticket, ...(reason === undefined ? {} : { reason }) });
  }

  /** What was said to queues, as `connection: READY` or `connection: reply to address`. */
  get said(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type === "ready") return [`${output.connection}: READY`];
      if (output.type !== "reply") return [];
      return [`${output.connection}: ${text(output.body)} to ${text(output.address)}`];
    });
  }

  /** What happened to sockets and requests, as `open connection`, `discard connection`, `run ticket body`, … */
  get deeds(): string[] {
    return this.outputs.flatMap((output) => {
      switch (output.type) {
        case "open":
          return [`open ${output.connection}`];
        case "discard":
          return [`discard ${output.connection}${output.lingers ? " lingering" : ""}`];
        case "run":
          return [`run ${output.ticket} ${text(output.body)}`];
        case "revoke":
          return [`revoke ${output.ticket}`];
        case "closed":
          return ["closed"];
        default:
          return [];
      }
    });
  }

  /** The status events as `type`, with `:how`, `:reason` or `:message` where they have such. */
  get statuses(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type !== "status") return [];
      const { type, how, reason, message } = output.event as unknown as Record<string, string | undefined>;
      return [[type, how, reason, message].filter((part) => part !== undefined).join(":")];
    });
  }

  /** Sessions and requests, as the machine counts them. */
  get counts(): { sessions: number; ready: number; running: number; waiting: number } {
    const { sessions, ready, running, waiting } = this.machine;
    return { sessions, ready, running, waiting };
  }
}
