import { BindError, ClosedError, type QueueOwner, type StatusEvent } from "@seaworthy/core";
import { QueueRole } from "@seaworthy/core/node";
import { afterEach, describe, expect, it, vi } from "vitest";

/** A queue whose machine and sockets are played by the test. */
class Queue extends QueueRole<StatusEvent> {
  readonly log: string[] = [];
  readonly owner: QueueOwner<StatusEvent>;
  onClose: () => void;

  constructor(lingerMs: number) {
    let given: QueueOwner<StatusEvent> | undefined;
    super("test-queue", "Queue", { lingerMs }, (owner) => {
      given = owner;
      const bind = (side: string, endpoint: string): string => {
        if (endpoint.endsWith(":1")) throw new BindError(endpoint, new Error("in use"));
        this.log.push(`${side} ${endpoint}`);
        return endpoint.replace("*", "7777");
      };
      return {
        bindFrontend: (endpoint) => bind("frontend", endpoint),
        bindBackend: (endpoint) => bind("backend", endpoint),
        feed: ({ type }) => {
          this.log.push(type);
          this.onClose();
        },
        close: async (forMs) => void this.log.push(`sockets ${Math.ceil(forMs)}`),
      };
    });
    this.owner = given as unknown as QueueOwner<StatusEvent>;
    this.onClose = () => this.owner.idle();
  }
}

afterEach(() => {
  vi.useRealTimers();
});

describe("QueueRole", () => {
  it("binds each side to as many endpoints as it is told, and says where they are", async () => {
    const queue = new Queue(0);
    expect(await queue.bindFrontend("tcp://127.0.0.1:*")).toBe("tcp://127.0.0.1:7777");
    expect(await queue.bindBackend("tcp://127.0.0.1:*")).toBe("tcp://127.0.0.1:7777");
    await queue.bindFrontend("tcp://127.0.0.1:5555");
    expect(queue.log).toEqual([
      "frontend tcp://127.0.0.1:*",
      "backend tcp://127.0.0.1:*",
      "frontend tcp://127.0.0.1:5555",
    ]);
  });

  it.each(["bindFrontend", "bindBackend"] as const)(
    "%s rejects what cannot be bound, or not any more",
    async (bind) => {
      const queue = new Queue(0);
      await expect(queue[bind]("nonsense")).rejects.toThrow(RangeError);
      await expect(queue[bind](5 as never)).rejects.toThrow(TypeError);
      await expect(queue[bind]("tcp://127.0.0.1:1")).rejects.toThrow(BindError);
      const closing = queue.close();
      await expect(queue[bind]("tcp://127.0.0.1:2")).rejects.toThrow(new ClosedError("Queue"));
      await closing;
      expect(queue.log).toEqual(["close", "sockets 0"]);
    },
  );

  it("reports what happens as status events", () => {
    const queue = new Queue(0);
    const heard: unknown[] = [];
    queue.on("status", (event) => heard.push(event));
    queue.owner.status({ type: "something-happened", at: 5 });
    expect(heard).toEqual([{ type: "something-happened", at: 5 }]);
  });

  it("closes, once, as soon as no worker has a request, and leaves the sockets the rest of the time", async () => {
    vi.useFakeTimers();
    const queue = new Queue(1000);
    queue.onClose = () => {};
    const closing = queue.close();
    expect(queue.close()).toBe(closing);
    await vi.advanceTimersByTimeAsync(400);
    expect(queue.log).toEqual(["close"]);
    queue.owner.idle();
    await closing;
    expect(queue.log).toEqual(["close", "sockets 600"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits for workers no longer than lingerMs", async () => {
    vi.useFakeTimers();
    const queue = new Queue(1000);
    queue.onClose = () => {};
    const closing = queue.close();
    await vi.advanceTimersByTimeAsync(1000);
    await closing;
    expect(queue.log).toEqual(["close", "sockets 0"]);
  });

  it("is told to close also without time to linger, and at once if it is idle", async () => {
    const hasty = new Queue(0);
    hasty.onClose = () => {};
    await hasty.close();
    expect(hasty.log).toEqual(["close", "sockets 0"]);
    vi.useFakeTimers();
    const idle = new Queue(1000);
    idle.owner.idle();
    await idle.close();
    expect(idle.log).toEqual(["close", "sockets 1000"]);
  });
});
