import { textFrame } from "@seaworthy/core";
import { MachineDriver } from "../../core/test/support/machine-driver.js";
import { MajordomoWorkerMachine } from "../src/worker-machine.js";
import type { MajordomoWorkerInput, MajordomoWorkerOutput, WorkerSpeech } from "../src/worker-messages.js";
import { type MajordomoWorkerOptions, resolveWorkerOptions } from "../src/worker-options.js";
import type { BrokerCommand } from "../src/worker-wire.js";

/** A worker machine in virtual time, with everything it put out. No jitter. */
export class WorkerDriver extends MachineDriver<
  MajordomoWorkerInput,
  MajordomoWorkerOutput,
  MajordomoWorkerMachine
> {
  constructor(options: MajordomoWorkerOptions = {}) {
    const resolved = resolveWorkerOptions({
      heartbeatMs: 100,
      peerHeartbeatMs: 100,
      reconnect: { jitter: 0 },
      ...options,
    });
    super(new MajordomoWorkerMachine(resolved, () => 0));
  }

  demand(count = 1): this {
    return this.feed({ type: "demand", count });
  }

  withdraw(count: number, concurrency: number): this {
    return this.feed({ type: "withdraw", count, concurrency });
  }

  connect(endpoint = "tcp://broker:1"): this {
    return this.feed({ type: "connect", endpoint });
  }

  disconnect(endpoint = "tcp://broker:1"): this {
    return this.feed({ type: "disconnect", endpoint });
  }

  close(): this {
    return this.feed({ type: "close" });
  }

  /** A session, connection 1, that has said READY. Nothing is known of the broker. */
  opened(concurrency = 1): this {
    return this.demand(concurrency).connect().up(1);
  }

  /** As `opened`, with a broker of ours. */
  ours(concurrency = 1, intervalMs = 100): this {
    return this.opened(concurrency).greet(1, intervalMs).clear();
  }

  /** As `opened`, with another program's broker. */
  foreign(concurrency = 1): this {
    return this.opened(concurrency).heartbeat(1).clear();
  }

  up(connection: number): this {
    return this.feed({ type: "up", connection });
  }

  lost(connection: number, reason?: string): this {
    return this.feed({ type: "lost", connection, reason });
  }

  hears(connection: number, command: BrokerCommand): this {
    return this.feed({ type: "said", connection, command });
  }

  /** A broker of ours says how often it sends heartbeats, and maybe how often it wants some. */
  greet(connection: number, heartbeatMs = 100, askedMs = 0): this {
    return this.hears(connection, { type: "heartbeat", notice: { heartbeatMs, askedMs } });
  }

  heartbeat(connection: number): this {
    return this.hears(connection, { type: "heartbeat" });
  }

  dismiss(connection: number): this {
    return this.hears(connection, { type: "disconnect" });
  }

  request(connection: number, name = "x"): this {
    return this.hears(connection, {
      type: "request",
      address: [textFrame(`@${name}`)],
      body: [textFrame(name)],
    });
  }

  cancel(connection: number, name = "x"): this {
    return this.hears(connection, { type: "heartbeat", cancelled: textFrame(`@${name}`) });
  }

  partial(ticket: number, part: number, text = "part"): this {
    return this.feed({ type: "partial", ticket, part, body: [textFrame(text)] });
  }

  reply(ticket: number, text = "reply"): this {
    return this.feed({ type: "reply", ticket, body: [textFrame(text)] });
  }

  drop(ticket: number, reason?: string): this {
    return this.feed({ type: "drop", ticket, ...(reason === undefined ? {} : { reason }) });
  }

  /** Lets time pass until `now` while the broker says a heartbeat now and then. */
  alive(now: number, connection = 1): this {
    while (this.now < now) this.until(Math.min(now, this.now + 50)).heartbeat(connection);
    return this;
  }

  /** What was said to brokers, as `connection: version command …`. */
  get said(): string[] {
    return this.outputs.flatMap((output) =>
      output.type === "say" ? [`${output.connection}: ${describe(output.speech)}`] : [],
    );
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
          return [`revoke ${output.ticket} ${output.reason}`];
        case "passed":
          return [`passed ${output.part}`];
        case "closed":
          return ["closed"];
        default:
          return [];
      }
    });
  }

  /** The status events as `type`, with what tells them apart. */
  get statuses(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type !== "status") return [];
      const { event } = output;
      if (event.type === "session-lost") return [`${event.type}:${event.how} ${event.pauseMs}`];
      if (event.type === "broker-recognised") {
        return [`${event.ours ? "ours" : "foreign"} ${event.protocol}`];
      }
      return ["reason" in event ? `${event.type}:${event.reason}` : event.type];
    });
  }
}

const text = (frames: readonly Uint8Array[]): string => frames.map((frame) => Buffer.from(frame)).join("|");

function describe(speech: WorkerSpeech): string {
  switch (speech.type) {
    case "ready":
      return `${speech.version} ready ${speech.notice.heartbeatMs} credit ${speech.notice.credit}`;
    case "heartbeat":
      return `${speech.version} heartbeat${speech.notice === undefined ? "" : ` credit ${speech.notice.credit}`}`;
    case "disconnect":
      return `${speech.version} disconnect`;
    case "partial":
      return `partial ${text(speech.body)} to ${text(speech.address)}`;
    case "final":
      return `${speech.version} ${speech.outcome} ${text(speech.body)} to ${text(speech.address)}`;
  }
}
