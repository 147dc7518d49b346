import { textFrame } from "@seaworthy/core";
import { MachineDriver } from "../../core/test/support/machine-driver.js";
import {
  type ParanoidPirateWorkerInput,
  ParanoidPirateWorkerMachine,
  type ParanoidPirateWorkerOptions,
  type ParanoidPirateWorkerOutput,
  type QueueCommand,
  resolveWorkerOptions,
} from "../src/machine.js";

/** A worker machine in virtual time, with everything it put out. No jitter. */
export class WorkerDriver extends MachineDriver<
  ParanoidPirateWorkerInput,
  ParanoidPirateWorkerOutput,
  ParanoidPirateWorkerMachine
> {
  constructor(options: ParanoidPirateWorkerOptions = {}) {
    const resolved = resolveWorkerOptions({ heartbeatMs: 100, reconnect: { jitter: 0 }, ...options });
    super(new ParanoidPirateWorkerMachine(resolved, () => 0));
  }

  demand(count = 1): this {
    return this.feed({ type: "demand", count });
  }

  connect(endpoint = "tcp://queue:1"): this {
    return this.feed({ type: "connect", endpoint });
  }

  /** One session, or as many as are asked for, whose connections stand: numbers 1, 2, … */
  opened(concurrency = 1): this {
    this.demand(concurrency).connect();
    for (let connection = 1; connection <= concurrency; connection++) this.up(connection);
    return this;
  }

  /** As `opened`, with a queue of ours. */
  greeted(intervalMs = 100): this {
    return this.opened().greet(1, intervalMs);
  }

  up(connection: number): this {
    return this.feed({ type: "up", connection });
  }

  lost(connection: number, reason?: string): this {
    return this.feed({ type: "lost", connection, reason });
  }

  hears(connection: number, command: QueueCommand): this {
    return this.feed({ type: "said", connection, command });
  }

  greet(connection: number, intervalMs = 100): this {
    return this.hears(connection, { type: "heartbeat", intervalMs });
  }

  heartbeat(connection: number): this {
    return this.hears(connection, { type: "heartbeat" });
  }

  request(connection: number, name = "x"): this {
    const [address, body] = [[textFrame(`address of ${name}`)], [textFrame(name)]];
    return this.hears(connection, { type: "request", address, body });
  }

  reply(ticket: number): this {
    return this.feed({ type: "reply", ticket, body: [textFrame(`reply ${ticket}`)] });
  }

  drop(ticket: number, reason?: string): this {
    return this.feed({ type: "drop", ticket, ...(reason === undefined ? {} : { reason }) });
  }

  /** Lets time pass until `now` while the queue says a heartbeat in each interval. */
  alive(now: number, connection = 1): this {
    while (this.now < now) this.until(Math.min(now, this.now + 50)).heartbeat(connection);
    return this;
  }

  /** What was said to queues, as `connection: command`. */
  get said(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type !== "say") return [];
      const { connection, speech } = output;
      if (speech.type === "heartbeat") return [`${connection}: heartbeat ${speech.intervalMs}`];
      if (speech.type !== "reply") return [`${connection}: ${speech.type}`];
      return [`${connection}: ${Buffer.concat(speech.body)} to ${Buffer.concat(speech.address)}`];
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
          return [`run ${output.ticket} ${Buffer.concat(output.body)}`];
        case "revoke":
          return [`revoke ${output.ticket}`];
        case "closed":
          return ["closed"];
        default:
          return [];
      }
    });
  }

  /** The status events as `type`, `type:reason` or `type:how pause`. */
  get statuses(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type !== "status") return [];
      const { event } = output;
      if (event.type === "session-lost") return [`${event.type}:${event.how} ${event.pauseMs}`];
      return ["reason" in event ? `${event.type}:${event.reason}` : event.type];
    });
  }
}
