import { frameKey, textFrame } from "@seaworthy/core";
import { MachineDriver } from "../../core/test/support/machine-driver.js";
import {
  type ParanoidPirateQueueInput,
  ParanoidPirateQueueMachine,
  type ParanoidPirateQueueOptions,
  type ParanoidPirateQueueOutput,
  resolveQueueOptions,
  type WorkerCommand,
  workerRoutingId,
} from "../src/machine.js";

/** Routing id of a worker of ours, which understands greetings and LEAVE. */
export const ours = (name: string): string => workerRoutingId(name, 1);

/** A queue machine in virtual time, with everything it put out. Workers and clients are named by their routing ids. */
export class QueueDriver extends MachineDriver<
  ParanoidPirateQueueInput,
  ParanoidPirateQueueOutput,
  ParanoidPirateQueueMachine
> {
  constructor(options: ParanoidPirateQueueOptions = {}) {
    super(new ParanoidPirateQueueMachine(resolveQueueOptions({ heartbeatMs: 100, liveness: 3, ...options })));
  }

  says(worker: string, command: WorkerCommand): this {
    const id = textFrame(worker);
    return this.feed({ type: "said", worker: frameKey(id), id, command });
  }

  ready(...workers: string[]): this {
    for (const worker of workers) this.says(worker, { type: "ready" });
    return this;
  }

  heartbeat(worker: string, intervalMs?: number): this {
    return this.says(
      worker,
      intervalMs === undefined ? { type: "heartbeat" } : { type: "heartbeat", intervalMs },
    );
  }

  leave(worker: string): this {
    return this.says(worker, { type: "leave" });
  }

  reply(worker: string, number: number | undefined, body = `reply ${number}`): this {
    return this.says(worker, { type: "reply", number, body: [textFrame(body)] });
  }

  /** A request of a client; the first one is number 1. */
  request(client = "client", body = "question"): this {
    return this.feed({ type: "enveloped", route: [textFrame(client)], body: [textFrame(body)] });
  }

  departed(worker: string): this {
    return this.feed({ type: "worker-departed", worker: frameKey(textFrame(worker)) });
  }

  unreachable(worker: string, number?: number): this {
    const key = frameKey(textFrame(worker));
    return this.feed({ type: "unreachable", worker: key, reason: "peer-unknown", number });
  }

  /** Lets time pass until `now` while these workers say a heartbeat in each interval. */
  alive(now: number, ...workers: string[]): this {
    while (this.now < now) {
      this.until(Math.min(now, this.now + 50));
      for (const worker of workers) this.heartbeat(worker);
    }
    return this;
  }

  /** What was given to whom, as `number > worker`. */
  get deliveries(): string[] {
    return this.outputs.flatMap((output) =>
      output.type === "deliver" ? [`${output.request.number} > ${Buffer.from(output.worker)}`] : [],
    );
  }

  /** What was answered, as `client: body`. */
  get answers(): string[] {
    return this.outputs.flatMap((output) =>
      output.type === "answer" ? [`${Buffer.concat(output.route)}: ${Buffer.concat(output.body)}`] : [],
    );
  }

  /** Whether it has said that no worker has a request any more. */
  get isIdle(): boolean {
    return this.outputs.some(({ type }) => type === "idle");
  }

  /** What control messages were sent, as `heartbeat worker interval` or `release worker`. */
  get said(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type === "release") return [`release ${Buffer.from(output.worker)}`];
      if (output.type !== "heartbeat") return [];
      return [`heartbeat ${Buffer.from(output.worker)} ${output.intervalMs}`];
    });
  }

  /** The status events as `type`, `type:reason` or `type worker`. */
  get statuses(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type !== "status") return [];
      const { event } = output;
      const reason = "reason" in event ? `:${event.reason}` : "";
      return [`${event.type}${reason}${"worker" in event ? ` ${event.worker}` : ""}`];
    });
  }
}
