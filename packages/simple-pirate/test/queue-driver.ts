import { frameKey, textFrame } from "@seaworthy/core";
import { MachineDriver } from "../../core/test/support/machine-driver.js";
import {
  resolveQueueOptions,
  type SimplePirateQueueInput,
  SimplePirateQueueMachine,
  type SimplePirateQueueOptions,
  type SimplePirateQueueOutput,
  type UnsentReason,
} from "../src/machine.js";

const text = (frames: readonly Uint8Array[]): string => Buffer.concat(frames).toString();

/** A queue machine in virtual time, with everything it put out. Workers and clients go by their routing ids. */
export class QueueDriver extends MachineDriver<
  SimplePirateQueueInput,
  SimplePirateQueueOutput,
  SimplePirateQueueMachine
> {
  constructor(options: SimplePirateQueueOptions = {}) {
    super(new SimplePirateQueueMachine(resolveQueueOptions(options)));
  }

  ready(...workers: string[]): this {
    for (const worker of workers) this.feed({ type: "ready", worker: textFrame(worker) });
    return this;
  }

  reply(worker: string, number: number | undefined, body = `reply ${number}`): this {
    return this.feed({ type: "reply", worker: textFrame(worker), number, body: [textFrame(body)] });
  }

  /** A request of a client; the first one is number 1. */
  request(client = "client", body = "question"): this {
    return this.feed({ type: "enveloped", route: [textFrame(client)], body: [textFrame(body)] });
  }

  /** ZeroMQ, or the socket in front of it, did not take what was given to a worker. */
  undelivered(worker: string, number: number | undefined, reason: UnsentReason = "peer-unknown"): this {
    return this.feed({ type: "undelivered", worker: textFrame(worker), number, reason });
  }

  /** The connection of a worker has ended. */
  departed(worker: string): this {
    return this.feed({ type: "worker-departed", worker: textFrame(worker) });
  }

  clientGone(client: string): this {
    return this.feed({ type: "client-departed", client: frameKey(textFrame(client)) });
  }

  close(): this {
    return this.feed({ type: "close" });
  }

  /** What was given to whom, as `number > worker`. */
  get dispatches(): string[] {
    return this.outputs.flatMap((output) =>
      output.type === "dispatch" ? [`${output.request.number} > ${text([output.worker])}`] : [],
    );
  }

  /** What was answered, as `client: body`. */
  get answers(): string[] {
    return this.outputs.flatMap((output) =>
      output.type === "answer" ? [`${text(output.route)}: ${text(output.body)}`] : [],
    );
  }

  /** How often it has said that no worker has a request any more. */
  get idles(): number {
    return this.outputs.filter(({ type }) => type === "idle").length;
  }

  /** The status events as `type`, with `:reason` and ` worker` where they have such. */
  get statuses(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type !== "status") return [];
      const { event } = output;
      const reason = "reason" in event ? `:${event.reason}` : "";
      return [`${event.type}${reason}${"worker" in event ? ` ${event.worker}` : ""}`];
    });
  }

  /** Workers and requests, as the machine counts them. */
  get counts(): { workers: number; ready: number; busy: number; waiting: number } {
    const { workers, ready, busy, waiting } = this.machine;
    return { workers, ready, busy, waiting };
  }
}
