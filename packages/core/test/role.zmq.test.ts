import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { StatusEvent } from "@seaworthy/core";
import { Role, type StatusMessage } from "@seaworthy/core/node";
import { describe, expect, it, vi } from "vitest";

interface Sank extends StatusEvent {
  readonly type: "ship-sank";
  readonly name: string;
}
interface Sailed extends StatusEvent {
  readonly type: "ship-sailed";
}

class Harbour extends Role<Sank | Sailed> {
  closed = 0;

  constructor() {
    super("harbour");
  }

  tell(event: Sank | Sailed): void {
    this.report(event);
  }

  async close(): Promise<void> {
    this.closed += 1;
  }
}

const sank: Sank = { type: "ship-sank", at: 5, name: "Vasa" };
const sailed: Sailed = { type: "ship-sailed", at: 6 };

describe("Role", () => {
  it("emits each event under its type, and all of them as status", () => {
    const harbour = new Harbour();
    const seen: unknown[] = [];
    harbour.on("ship-sank", (event) => seen.push(event.name));
    harbour.on("status", (event) => seen.push(event));
    harbour.tell(sank);
    harbour.tell(sailed);
    expect(seen).toEqual(["Vasa", sank, sailed]);
  });

  it("publishes them on its diagnostics channel while somebody listens", () => {
    const harbour = new Harbour();
    const seen: unknown[] = [];
    const listener = (message: unknown): void => {
      seen.push(message);
    };
    subscribe("seaworthy:harbour", listener);
    harbour.tell(sank);
    unsubscribe("seaworthy:harbour", listener);
    harbour.tell(sailed);
    expect(seen).toEqual([{ role: harbour, event: sank } satisfies StatusMessage]);
  });

  it("survives a listener that throws: others still hear, and the error surfaces as uncaught", () => {
    const harbour = new Harbour();
    const heard: unknown[] = [];
    const channelHeard: unknown[] = [];
    const listener = (message: unknown): void => {
      channelHeard.push(message);
    };
    harbour.on("ship-sank", () => {
      throw new Error("listener failed");
    });
    harbour.on("status", (event) => heard.push(event));
    subscribe("seaworthy:harbour", listener);
    const later: (() => void)[] = [];
    const nextTick = vi.spyOn(process, "nextTick").mockImplementation((callback: unknown) => {
      later.push(callback as () => void);
    });
    try {
      harbour.tell(sank);
    } finally {
      nextTick.mockRestore();
      unsubscribe("seaworthy:harbour", listener);
    }
    expect(heard).toEqual([sank]);
    expect(channelHeard).toHaveLength(1);
    expect(later).toHaveLength(1);
    expect(later[0]).toThrow(new Error("listener failed"));
  });

  it("is closed at the end of an await using scope", async () => {
    const harbour = new Harbour();
    {
      await using scoped = harbour;
      expect(scoped.closed).toBe(0);
    }
    expect(harbour.closed).toBe(1);
  });
});
