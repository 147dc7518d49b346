import { DELIMITER, frameKey, frameText, textFrame } from "@seaworthy/core";
import { MachineDriver } from "../../core/test/support/machine-driver.js";
import {
  decodeRequestHeader,
  encodeRequestHeader,
  type MajordomoBrokerInput,
  MajordomoBrokerMachine,
  type MajordomoBrokerOptions,
  type MajordomoBrokerOutput,
  type MdpVersion,
  type Notice,
  type PartKind,
  resolveBrokerOptions,
  type WorkerCommand,
} from "../src/machine.js";

/** What a test says of a request, where it matters. */
export interface Asked {
  service?: string;
  version?: MdpVersion;
  client?: string;
  /** The client is ours, and this is the sequence number of its request. */
  sequence?: number;
  /** Number of the attempt. Default 1. */
  attempt?: number;
  /** How long it may wait, if the client is ours. */
  ttlMs?: number;
  /** Frames of an envelope that the client puts in front. */
  envelope?: string[];
}

const EPOCH = 7n;

/** How a worker introduces itself, if it is ours. */
export type Introduction = Partial<Notice> & { service?: string; version?: MdpVersion };

/** How long a broker waits for more connections to end, in ms. */
const SETTLE_MS = 20;

/**
 * A broker machine in virtual time, with everything it put out. Workers and clients are named by their routing ids,
 * requests by the text of their bodies.
 */
export class BrokerDriver extends MachineDriver<
  MajordomoBrokerInput,
  MajordomoBrokerOutput,
  MajordomoBrokerMachine
> {
  readonly #versions = new Map<string, MdpVersion>();
  /** The numbers under which workers were given requests. */
  readonly #numbers = new Map<string, number[]>();
  readonly #texts = new Map<number, string>();

  constructor(options: MajordomoBrokerOptions = {}) {
    const heartbeats = { heartbeatMs: 100, peerHeartbeatMs: 100, liveness: 3 };
    super(new MajordomoBrokerMachine(resolveBrokerOptions({ ...heartbeats, ...options })));
  }

  /** A client asks for something. */
  ask(text: string, { service = "echo", version = "0.1", client = "client", ...more }: Asked = {}): this {
    const { sequence, attempt = 1, ttlMs = 0, envelope } = more;
    const frame = sequence === undefined ? undefined : header(sequence, ttlMs, attempt);
    const front = [...(envelope?.map(textFrame) ?? []), ...(frame === undefined ? [] : [frame])];
    const isBare = version === "0.2" && front.length === 0;
    return this.feed({
      type: "request",
      version,
      route: [textFrame(client), ...front, ...(isBare ? [] : [DELIMITER])],
      key: sequence === undefined ? undefined : keyOf(sequence),
      ttlMs,
      service: textFrame(service),
      body: [textFrame(text)],
    });
  }

  /** Our client has given its request up. */
  cancel(sequence: number): this {
    return this.feed({ type: "cancel", key: keyOf(sequence) });
  }

  says(worker: string, command: WorkerCommand): this {
    const version = this.#versions.get(worker) ?? "0.1";
    return this.feed({ type: "said", worker: textFrame(worker), version, command });
  }

  /** A worker that says nothing of itself registers. */
  ready(...workers: string[]): this {
    for (const worker of workers) this.join(worker);
    return this;
  }

  /** A worker registers; it is ours if it says its credit or its interval. */
  join(worker: string, { service = "echo", version = "0.1", ...introduction }: Introduction = {}): this {
    this.#versions.set(worker, version);
    return this.says(worker, { type: "ready", service: textFrame(service), notice: notice(introduction) });
  }

  heartbeat(worker: string, introduction: Partial<Notice> = {}): this {
    return this.says(worker, { type: "heartbeat", notice: notice(introduction) });
  }

  disconnect(worker: string): this {
    return this.says(worker, { type: "disconnect" });
  }

  /** A worker answers a request, which it was given last under the number that this takes. */
  reply(worker: string, text: string, body = `re ${text}`, kind: PartKind = "final"): this {
    const number = this.numberOf(worker, text);
    return this.says(worker, { type: "part", kind, number, body: [textFrame(body)] });
  }

  /** A worker sends a part of a reply. */
  part(worker: string, text: string, body: string): this {
    return this.reply(worker, text, body, "partial");
  }

  /** The number under which a worker was given a request, the last time or an earlier one. */
  numberOf(worker: string, text: string, back = 1): number {
    const number = this.#numbers.get(`${text} > ${worker}`)?.at(-back);
    if (number === undefined) throw new Error(`${worker} was not given ${text}`);
    return number;
  }

  /** The ends of these connections are read, and the moment passes that the broker waits for more of them. */
  departed(...peers: string[]): this {
    for (const peer of peers) {
      const isAnonymous = peer.startsWith("\0");
      this.feed({ type: "departed", peer: frameKey(textFrame(peer)), isAnonymous });
    }
    return this.settle();
  }

  /** That moment passes. */
  settle(): this {
    return this.until(this.now + SETTLE_MS);
  }

  /** Nothing can be sent to a peer: neither what was given under this number, nor anything from now on. */
  unreachable(peer: string, number?: number): this {
    return this.undelivered(peer, number).settle();
  }

  /** The same, and what else could not be sent is yet to be told. */
  undelivered(peer: string, number?: number): this {
    return this.feed({
      type: "undeliverable",
      peer: frameKey(textFrame(peer)),
      reason: "peer-unknown",
      number,
      isForWorker: true,
    });
  }

  /** Lets time pass until `now` while these workers say a heartbeat in each interval. */
  alive(now: number, ...workers: string[]): this {
    while (this.now < now) {
      this.until(Math.min(now, this.now + 50));
      for (const worker of workers) this.heartbeat(worker);
    }
    return this;
  }

  /** What was given to whom, as `request > worker`. */
  get deliveries(): string[] {
    return this.outputs.flatMap((output) =>
      output.type === "deliver"
        ? [`${frameText(output.body[0] ?? DELIMITER)} > ${frameText(output.worker)}`]
        : [],
    );
  }

  /** What clients were told, as `client: body|body`; parts that are not the last end in an ellipsis. */
  get answers(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type !== "answer") return [];
      const body = output.body.map(frameText).join("|");
      return [`${frameText(output.route[0] ?? DELIMITER)}: ${body}${output.isFinal ? "" : "…"}`];
    });
  }

  /** What our clients were told, as `sequence kind part/delivery: body|body`. */
  get told(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type !== "answer") return [];
      const head = decodeRequestHeader(output.route.at(-2) ?? DELIMITER);
      if (head === undefined) return [];
      const body = output.body.map(frameText).join("|");
      const { sequence, kind, first, second } = head;
      return [`${sequence} ${kind} ${first}/${second}: ${body}${output.isFinal ? "" : "…"}`];
    });
  }

  /** What else workers were told, as `heartbeat worker`, `disconnect worker` or `cancel request > worker`. */
  get said(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type === "cancel")
        return [`cancel ${this.#texts.get(output.number)} > ${frameText(output.worker)}`];
      if (output.type === "disconnect") return [`disconnect ${frameText(output.worker)}`];
      if (output.type !== "heartbeat") return [];
      const interval = output.notice === undefined ? "" : ` ${output.notice.heartbeatMs}`;
      return [`heartbeat ${frameText(output.worker)}${interval}`];
    });
  }

  /** Whether it has said that no worker has a request any more. */
  get isIdle(): boolean {
    return this.outputs.some(({ type }) => type === "idle");
  }

  /** The status events as `type`, `type:reason`, `type worker` or `type:reason worker`. */
  get statuses(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type !== "status") return [];
      const { event } = output;
      const reason = "reason" in event ? `:${event.reason}` : "";
      return [`${event.type}${reason}${"worker" in event ? ` ${event.worker}` : ""}`];
    });
  }

  /** Only what was reported of requests and replies. */
  get fates(): string[] {
    return this.statuses.filter((status) => /^(request|reply)-/.test(status));
  }

  protected override noted(output: MajordomoBrokerOutput): void {
    if (output.type !== "deliver") return;
    const text = frameText(output.body[0] ?? DELIMITER);
    const name = `${text} > ${frameText(output.worker)}`;
    this.#numbers.set(name, [...(this.#numbers.get(name) ?? []), output.number]);
    this.#texts.set(output.number, text);
  }
}

function header(sequence: number, first: number, second: number): Uint8Array {
  return encodeRequestHeader({ kind: "message", epoch: EPOCH, sequence: BigInt(sequence), first, second });
}

const keyOf = (sequence: number): string => `${EPOCH}/${sequence}`;

function notice({ credit, heartbeatMs }: Partial<Notice>): Notice | undefined {
  if (credit === undefined && heartbeatMs === undefined) return undefined;
  return { credit: credit ?? 1, heartbeatMs: heartbeatMs ?? 100 };
}
