import { MachineDriver } from "../../core/test/support/machine-driver.js";
import {
  type LazyPirateClientInput,
  LazyPirateClientMachine,
  type LazyPirateClientOptions,
  type LazyPirateClientOutput,
  resolveClientOptions,
} from "../src/machine.js";

export const EPOCH = 0x0102_0304_0506_0708n;

/** A client machine in virtual time, with everything it put out. No jitter unless `random` says so. */
export class ClientDriver extends MachineDriver<
  LazyPirateClientInput,
  LazyPirateClientOutput,
  LazyPirateClientMachine
> {
  #calls = 0;

  constructor(options: LazyPirateClientOptions = {}, random: () => number = () => 0) {
    super(
      new LazyPirateClientMachine(
        resolveClientOptions({
          timeoutMs: 1000,
          attempts: 3,
          backoff: { initialMs: 100, jitter: 0 },
          ...options,
        }),
        EPOCH,
        random,
      ),
    );
  }

  /** Makes a request; returns its call number. */
  request(limits: { timeoutMs?: number; attempts?: number } = {}): number {
    const call = ++this.#calls;
    this.feed({
      type: "request",
      call,
      body: [Uint8Array.of(call)],
      timeoutMs: 1000,
      attempts: 3,
      ...limits,
    });
    return call;
  }

  /** An endpoint with a connection that stands: connection number 0 for the first. */
  connected(endpoint = "tcp://a:1", connection = 0): this {
    return this.feed({ type: "connect", endpoint }).feed({ type: "up", connection });
  }

  reply(call: number, connection = 0, epoch = EPOCH): this {
    const body = [Uint8Array.of(100 + call)];
    return this.feed({
      type: "received",
      connection,
      reply: { type: "reply", epoch, sequence: BigInt(call), body },
    });
  }

  /** The status events as `type` or `type:reason`. */
  get statuses(): string[] {
    return this.of("status").map(({ event }) =>
      "reason" in event ? `${event.type}:${event.reason}` : event.type,
    );
  }

  get sends(): string[] {
    return this.of("send").map(({ call, connection }) => `${call}@${connection}`);
  }
}
