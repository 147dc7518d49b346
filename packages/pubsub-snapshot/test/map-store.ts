import type { KnownUpdate, MapStore, StoredEntry, StoredMap } from "../src/store.js";

const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** A store that lasts as long as the test, and fails when it is told to. */
export class TestStore implements MapStore {
  readonly entries = new Map<string, StoredEntry>();
  known: KnownUpdate[] = [];
  sequence = 0;
  /** What all methods fail with, if they do. */
  fault: Error | undefined;
  /** What was done, in order. */
  readonly calls: string[] = [];

  async open(): Promise<StoredMap> {
    this.#enter("open");
    // Copied: what is ordered from now on is none of it.
    return { sequence: this.sequence, entries: [...this.entries.values()], known: [...this.known] };
  }

  async commit(updates: readonly StoredEntry[]): Promise<void> {
    this.#enter(`commit ${updates.map(({ sequence }) => sequence)}`);
    for (const update of updates) {
      if (update.value.length === 0) this.entries.delete(nameOf(update.key));
      else this.entries.set(nameOf(update.key), update);
      if (update.uuid.length > 0) this.known.push({ uuid: update.uuid, sequence: update.sequence });
      this.sequence = update.sequence;
    }
  }

  async replace({ sequence, entries, known }: StoredMap): Promise<void> {
    this.#enter(`replace ${sequence}`);
    this.entries.clear();
    for (const entry of entries) this.entries.set(nameOf(entry.key), entry);
    this.known = [...known];
    this.sequence = sequence;
  }

  async close(): Promise<void> {
    this.#enter("close");
  }

  #enter(call: string): void {
    this.calls.push(call);
    if (this.fault !== undefined) throw this.fault;
  }
}
