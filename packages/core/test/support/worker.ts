import type { StatusEvent, WorkerCall, WorkerOwner } from "@seaworthy/core";
import { WorkerRole, type WorkerRoleOptions } from "@seaworthy/core/node";

/** Stands in for a machine and its sockets: the test plays the queue. */
export class FakeEngine {
  readonly owner: WorkerOwner<StatusEvent>;
  readonly calls: WorkerCall[] = [];
  closed = 0;
  /** Bytes that are kept of the reply to each request. */
  kept = 0;
  /** By default there is nothing at hand: a worker that closes has left at once. */
  onClose = (): void => this.owner.closed();
  #lastTicket = 0;

  constructor(owner: WorkerOwner<StatusEvent>) {
    this.owner = owner;
  }

  feed(call: WorkerCall): void {
    this.calls.push(call);
    if (call.type === "close") this.onClose();
  }

  keptBytes(): number {
    return this.kept;
  }

  async close(): Promise<void> {
    this.closed += 1;
  }

  /** Hands a request to the application; returns its ticket. */
  run(text: string): number {
    this.#lastTicket += 1;
    this.owner.run(this.#lastTicket, [Buffer.from(text)]);
    return this.#lastTicket;
  }

  /** Calls other than those for more requests. */
  get answers(): WorkerCall[] {
    return this.calls.filter(({ type }) => type !== "demand");
  }

  get demanded(): number {
    return this.calls.reduce((sum, call) => (call.type === "demand" ? sum + call.count : sum), 0);
  }
}

/** A worker with such an engine. */
export class Worker extends WorkerRole<StatusEvent> {
  readonly engine: FakeEngine;

  constructor(options: Partial<WorkerRoleOptions> = {}) {
    let engine: FakeEngine | undefined;
    super("test-worker", "Worker", { maxBodyBytes: 10, lingerMs: 1000, ...options }, (owner) => {
      engine = new FakeEngine(owner);
      return engine;
    });
    this.engine = engine as unknown as FakeEngine;
  }
}
