import type { TransitionTable } from "@seaworthy/core";
import { callLife, serverLife } from "@seaworthy/freelance/machine";

/** Which rows of a table have happened, and how often, over all runs in this process. */
class TableWatch {
  readonly #possible: string[];
  readonly #seen = new Map<string, number>();

  constructor(table: TransitionTable<string, string, string, string>) {
    this.#possible = [...table.rows()]
      .filter(({ decision }) => decision.kind !== "impossible")
      .map(({ state, event }) => `${state}: ${event}`);
    const { step } = table;
    table.step = (state, event) => {
      const row = `${state}: ${event}`;
      this.#seen.set(row, (this.#seen.get(row) ?? 0) + 1);
      return step.call(table, state, event);
    };
  }

  get unseen(): string[] {
    return this.#possible.filter((row) => !this.#seen.has(row));
  }

  /** The rarest of the rows that were seen, and how often they were. */
  get rarest(): string {
    const counts = this.#possible.map((row) => ({ row, count: this.#seen.get(row) ?? 0 }));
    counts.sort((a, b) => a.count - b.count);
    const rarest = counts
      .filter(({ count }) => count > 0)
      .slice(0, 8)
      .map(({ row, count }) => `${row} ${count}`);
    return `${this.#possible.length} rows, rarest ${rarest.join("; ")}`;
  }
}

type AnyTable = TransitionTable<string, string, string, string>;

const requests = new TableWatch(callLife as unknown as AnyTable);
const servers = new TableWatch(serverLife as unknown as AnyTable);

/** How much of the tables was seen, and the rows that can happen and did not. */
export function tablesSeen(): {
  readonly requests: string;
  readonly servers: string;
  readonly unseen: string[];
} {
  const unseen = [...requests.unseen, ...servers.unseen];
  return { requests: requests.rarest, servers: servers.rarest, unseen };
}
