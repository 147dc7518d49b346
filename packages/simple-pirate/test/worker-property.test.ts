import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WorkerDriver } from "./worker-driver.js";

describe("whatever queues and the application do", () => {
  /** Plays the sockets and the application: does only what these can do, to the nth of those there are. */
  class Surroundings {
    readonly worker: WorkerDriver = new WorkerDriver({ maxHeld: 3 }).connect();
    readonly #sockets = new Map<number, "connecting" | "up">();
    #running: number[] = [];
    #seen = 0;
    demanded = 0;
    ran = 0;

    act(what: Act, nth: number): void {
      const { worker } = this;
      const pick = <T>(items: readonly T[], then: (item: T) => unknown): void => {
        if (items.length > 0) then(items[nth % items.length] as T);
      };
      const inState = (state: string) => [...this.#sockets].filter(([, now]) => now === state);
      if (what === "up") pick(inState("connecting"), ([n]) => worker.up(this.#set(n)));
      else if (what === "lose") pick([...this.#sockets], ([n]) => worker.lost(n));
      else if (what === "request") pick(inState("up"), ([n]) => worker.request(n));
      else if (what === "reply") pick(this.#running, (ticket) => worker.reply(this.#done(ticket)));
      else if (what === "drop") pick(this.#running, (ticket) => worker.drop(this.#done(ticket)));
      else if (what === "wait") worker.until(worker.now + 100 * nth);
      else if (what === "demand") worker.demand(this.#demand());
      else worker[what]();
      this.#look();
    }

    #set(connection: number): number {
      this.#sockets.set(connection, "up");
      return connection;
    }

    #done(ticket: number): number {
      this.#running = this.#running.filter((other) => other !== ticket);
      return ticket;
    }

    #demand(): number {
      this.demanded += 1;
      return 1;
    }

    #look(): void {
      for (const output of this.worker.outputs.slice(this.#seen)) {
        if (output.type === "open") this.#sockets.set(output.connection, "connecting");
        if (output.type === "discard") this.#sockets.delete(output.connection);
        if (output.type === "run") {
          this.ran += 1;
          this.#running.push(output.ticket);
        }
      }
      this.#seen = this.worker.outputs.length;
    }
  }

  const acts = ["up", "lose", "request", "reply", "drop", "demand", "disconnect", "connect", "wait"] as const;
  type Act = (typeof acts)[number] | "close";
  const likely: Act[] = [...acts, "up", "up", "request", "request", "reply", "demand", "wait"];
  const step = fc.tuple(fc.constantFrom(...likely), fc.nat({ max: 30 }));

  it("no more runs than was asked for, and closing ends with no session, no request, no timer left", () => {
    let most = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const surroundings = new Surroundings();
        const { worker } = surroundings;
        for (const [what, nth] of steps) {
          surroundings.act(what, nth);
          if (surroundings.ran > surroundings.demanded) break;
        }
        expect(surroundings.ran).toBeLessThanOrEqual(surroundings.demanded);
        most = Math.max(most, surroundings.ran);
        surroundings.act("close", 0);
        while (worker.machine.running > 0) surroundings.act("reply", 0);
        expect(worker.deeds.filter((deed) => deed === "closed")).toHaveLength(1);
        expect(worker.counts).toEqual({ sessions: 0, ready: 0, running: 0, waiting: 0 });
        expect(worker.machine.deadline).toBeUndefined();
      }),
      { numRuns: 500 },
    );
    expect(most, "requests were run").toBeGreaterThan(3);
  });
});
