import { frameKey, type Random, type Scheduler } from "@seaworthy/core";
import type { KnownUpdate, StoredEntry, StoredMap } from "@seaworthy/pubsub-snapshot/machine";
import { Word } from "./binary-star-words.js";
import type { Life } from "./pubsub-snapshot-history.js";
import type { Program, StoreSetting, World } from "./pubsub-snapshot-world.js";

/** UUIDs that are kept. */
const MAX_KNOWN = 10_000;

/** What is on a disk. */
interface Content {
  readonly sequence: number;
  readonly entries: ReadonlyMap<string, StoredEntry>;
  readonly known: readonly KnownUpdate[];
  /** Of which life it is. */
  readonly origin: Life | undefined;
}

const NOTHING: Content = { sequence: 0, entries: new Map(), known: [], origin: undefined };

function changed(
  { entries, known }: Content,
  updates: readonly StoredEntry[],
  origin: Life | undefined,
): Content {
  const after = new Map(entries);
  for (const update of updates) {
    if (update.value.length > 0) after.set(frameKey(update.key), update);
    else after.delete(frameKey(update.key));
  }
  const ordered = updates.filter(({ uuid }) => uuid.length > 0);
  const { sequence } = updates.at(-1) as StoredEntry;
  return { sequence, entries: after, known: [...known, ...ordered].slice(-MAX_KNOWN), origin };
}

/** One server's disk. What is being synced when the process dies is on it afterwards, or not. */
export class SimulatedDisk {
  readonly #world: World;
  readonly #setting: StoreSetting;
  readonly #random: Random;
  #content = NOTHING;
  /** What is being synced. */
  #unsynced: Content | undefined;

  constructor(world: World, setting: StoreSetting, name: string) {
    this.#world = world;
    this.#setting = setting;
    this.#random = world.simulation.stream(`disk of ${name}`);
  }

  /** Number of the last update that would survive. */
  get sequence(): number {
    return this.#content.sequence;
  }

  /** A process begins with what is there. */
  open(): { readonly map: StoredMap; readonly origin: Life | undefined } {
    if (this.#unsynced !== undefined && this.#random() < 0.5) this.#content = this.#unsynced;
    this.#unsynced = undefined;
    const { sequence, entries, known, origin } = this.#content;
    return { map: { sequence, entries: entries.values(), known }, origin };
  }

  /** The disk as one program sees it. */
  as(program: () => Program, scheduler: Scheduler) {
    const sync = (content: Content): Word<void> => {
      const word = new Word<void>();
      this.#unsynced = content;
      scheduler.schedule(scheduler.now() + this.#setting.syncMs * this.#random(), () => {
        if (this.#unsynced !== content) return;
        this.#unsynced = undefined;
        const fails = this.#random() < this.#setting.failing && this.#world.simulation.phase === "safety";
        if (fails) return word.break(new Error("the disk is full"));
        this.#content = content;
        word.keep();
      });
      return word;
    };
    return {
      commit: (updates: readonly StoredEntry[]) => sync(changed(this.#content, updates, program().origin)),
      replace: ({ sequence, entries, known }: StoredMap) => {
        const map = new Map(Array.from(entries, (entry) => [frameKey(entry.key), entry] as const));
        return sync({ sequence, entries: map, known: [...known], origin: program().origin });
      },
    };
  }
}
