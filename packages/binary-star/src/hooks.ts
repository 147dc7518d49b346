import { ClosedError, failureText, SeaworthyError } from "@seaworthy/core";
import type { BinaryStarInput, DeactivationReason } from "./star-messages.js";

/** The node is not active any more: what was done for a request of its epoch is not to be answered. */
export class DeposedError extends SeaworthyError<"ERR_DEPOSED"> {
  override name = "DeposedError";
  /** The epoch that is over for this node. */
  readonly epoch: number;
  readonly reason: DeactivationReason;

  constructor(epoch: number, reason: DeactivationReason) {
    super("ERR_DEPOSED", `this node is not active any more: epoch ${epoch} is over (${reason})`, {
      retryable: true,
    });
    this.epoch = epoch;
    this.reason = reason;
  }
}

/** What an application does when its node becomes active, stops to be so, or follows the other. All are optional. */
export interface BinaryStarHooks {
  /**
   * The node is active, in this epoch: give it to storage with each write, and let storage refuse those of lower ones. Requests are
   * answered when what this returns has resolved. If it rejects, the node becomes passive again, and tries anew after a heartbeat
   * at the earliest; beside a backup that is passive, after the second time in a row, only when that has had its time to take over.
   *
   * @param signal - fires with a `DeposedError` when the node is not active any more
   */
  onActive?: ((epoch: number, signal: AbortSignal) => void | Promise<void>) | undefined;
  /** The node was active in this epoch and is not any more. What it throws is an unhandled rejection of the process. */
  onPassive?: ((epoch: number, reason: DeactivationReason) => void) | undefined;
  /**
   * The other node is active: bring this one's state up to its. Until that has resolved the node does not take over, since what the
   * other knew would be lost. If it rejects it is called again with the next heartbeat of the active node.
   *
   * @param signal - fires when there is nobody to have state from any more, or the node is closed
   */
  transferState?: ((signal: AbortSignal) => Promise<void>) | undefined;
}

/** Calls the hooks, and tells the machine how they end. */
export class Hooks {
  readonly #owner: string;
  readonly #hooks: BinaryStarHooks;
  readonly #feed: (input: BinaryStarInput) => void;
  #active = new AbortController();
  #transfer = new AbortController();

  /** @throws TypeError if a hook is no function */
  constructor(owner: string, hooks: BinaryStarHooks, feed: (input: BinaryStarInput) => void) {
    for (const name of ["onActive", "onPassive", "transferState"] as const) {
      if (hooks[name] !== undefined && typeof hooks[name] !== "function")
        throw new TypeError(`${owner}: option "${name}" must be a function`);
    }
    this.#owner = owner;
    this.#hooks = hooks;
    this.#feed = feed;
  }

  activate(epoch: number): void {
    this.#active = new AbortController();
    const { signal } = this.#active;
    if (this.#hooks.onActive === undefined) return this.#feed({ type: "activated", epoch });
    attempt(() => this.#hooks.onActive?.(epoch, signal)).then(
      () => this.#feed({ type: "activated", epoch }),
      (error: unknown) => this.#feed({ type: "activation-failed", epoch, reason: failureText(error) }),
    );
  }

  deactivate(epoch: number, reason: DeactivationReason): void {
    this.#active.abort(new DeposedError(epoch, reason));
    // What it throws is for the process to see, and does not keep the node from what is to follow.
    void attempt(() => this.#hooks.onPassive?.(epoch, reason));
  }

  transfer(transfer: number): void {
    this.#transfer = new AbortController();
    const { signal } = this.#transfer;
    if (this.#hooks.transferState === undefined) return this.#feed({ type: "caught-up", transfer });
    attempt(() => this.#hooks.transferState?.(signal)).then(
      () => this.#feed({ type: "caught-up", transfer }),
      (error: unknown) => this.#feed({ type: "transfer-failed", transfer, reason: failureText(error) }),
    );
  }

  stopTransfer(): void {
    this.#transfer.abort(
      new SeaworthyError("ERR_NO_SOURCE", "no active node has the state", { retryable: true }),
    );
  }

  close(): void {
    const closed = new ClosedError(this.#owner);
    this.#active.abort(closed);
    this.#transfer.abort(closed);
  }
}

/** Also what is thrown at once is a rejection. */
async function attempt(hook: () => void | Promise<void>): Promise<void> {
  await hook();
}
