import { describe, expect, it } from "vitest";
import { type BinaryStarHooks, DeposedError, Hooks } from "../src/hooks.js";
import type { BinaryStarInput } from "../src/star-messages.js";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const forever = (): Promise<void> => new Promise(() => {});

function make(hooks: BinaryStarHooks) {
  const fed: BinaryStarInput[] = [];
  return { fed, hooks: new Hooks("Star", hooks, (input) => fed.push(input)) };
}

describe("onActive", () => {
  it("is called with the epoch, and the node serves when it has resolved", async () => {
    const epochs: number[] = [];
    let ready = (): void => {};
    const { fed, hooks } = make({
      onActive(epoch) {
        epochs.push(epoch);
        return new Promise((resolve) => {
          ready = resolve;
        });
      },
    });
    hooks.activate(3);
    await turn();
    expect([epochs, fed]).toEqual([[3], []]);
    ready();
    await turn();
    expect(fed).toEqual([{ type: "activated", epoch: 3 }]);
  });

  it("that rejects, or throws, fails the activation", async () => {
    const rejects = make({ onActive: async () => Promise.reject(new Error("no disk")) });
    rejects.hooks.activate(1);
    const throws = make({
      onActive() {
        throw new Error("at once");
      },
    });
    throws.hooks.activate(1);
    await turn();
    expect(rejects.fed).toEqual([{ type: "activation-failed", epoch: 1, reason: "no disk" }]);
    expect(throws.fed).toEqual([{ type: "activation-failed", epoch: 1, reason: "at once" }]);
  });

  it("without one the node serves at once", () => {
    const { fed, hooks } = make({});
    hooks.activate(1);
    expect(fed).toEqual([{ type: "activated", epoch: 1 }]);
  });

  it("while it is pending and the node is deposed, its signal has fired before onPassive is called", () => {
    const signals: AbortSignal[] = [];
    const seen: unknown[] = [];
    const { hooks } = make({
      onActive(_epoch, signal) {
        signals.push(signal);
        return forever();
      },
      onPassive: (epoch, reason) => seen.push(epoch, reason, signals[0]?.reason),
    });
    hooks.activate(3);
    hooks.deactivate(3, "yielded");
    expect(seen).toEqual([3, "yielded", expect.any(DeposedError)]);
    expect(signals[0]?.reason).toMatchObject({
      code: "ERR_DEPOSED",
      epoch: 3,
      reason: "yielded",
      retryable: true,
    });
    hooks.activate(5);
    expect(
      signals.map(({ aborted }) => aborted),
      "each epoch has a signal of its own",
    ).toEqual([true, false]);
  });

  it("that ends after its epoch says for which one", async () => {
    const ends: (() => void)[] = [];
    const { fed, hooks } = make({ onActive: () => new Promise((resolve) => ends.push(resolve)) });
    hooks.activate(1);
    hooks.deactivate(1, "overtaken");
    hooks.activate(3);
    ends[0]?.();
    await turn();
    expect(fed).toEqual([{ type: "activated", epoch: 1 }]);
  });
});

describe("onPassive", () => {
  it.each([
    [
      "throws",
      () => {
        throw new Error("from onPassive");
      },
    ],
    ["rejects", async () => Promise.reject(new Error("from onPassive"))],
  ])("that %s is for the process to see, and keeps nothing from going on", async (_how, onPassive) => {
    const listeners = process.rawListeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    const unhandled: unknown[] = [];
    process.on("unhandledRejection", (reason) => unhandled.push(reason));
    try {
      make({ onPassive }).hooks.deactivate(1, "closed");
      await turn();
    } finally {
      process.removeAllListeners("unhandledRejection");
      for (const listener of listeners) process.on("unhandledRejection", listener as () => void);
    }
    expect(unhandled).toMatchObject([{ message: "from onPassive" }]);
  });
});

describe("transferState", () => {
  it("has caught up when it resolves", async () => {
    const { fed, hooks } = make({ transferState: async () => {} });
    hooks.transfer(2);
    expect(fed).toEqual([]);
    await turn();
    expect(fed).toEqual([{ type: "caught-up", transfer: 2 }]);
  });

  it("that rejects is told by its number", async () => {
    const { fed, hooks } = make({ transferState: () => Promise.reject("reset") });
    hooks.transfer(2);
    await turn();
    expect(fed).toEqual([{ type: "transfer-failed", transfer: 2, reason: "reset" }]);
  });

  it("without one there is nothing to catch up with", () => {
    const { fed, hooks } = make({});
    hooks.transfer(1);
    expect(fed).toEqual([{ type: "caught-up", transfer: 1 }]);
  });

  it("is told when there is nobody to have it from any more", () => {
    const signals: AbortSignal[] = [];
    const { hooks } = make({
      transferState(signal) {
        signals.push(signal);
        return forever();
      },
    });
    hooks.transfer(1);
    hooks.stopTransfer();
    hooks.transfer(2);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(signals[0]?.reason).toMatchObject({ code: "ERR_NO_SOURCE", retryable: true });
  });
});

describe("closing", () => {
  it("tells whatever runs", () => {
    const signals: AbortSignal[] = [];
    const { hooks } = make({
      onActive(_epoch, signal) {
        signals.push(signal);
        return forever();
      },
      transferState(signal) {
        signals.push(signal);
        return forever();
      },
    });
    hooks.activate(1);
    hooks.transfer(1);
    hooks.close();
    expect(signals.map(({ reason }) => reason.message)).toEqual(["Star is closed", "Star is closed"]);
  });
});
