import type { MapChange, MapEntry } from "./client-entry.js";

/** What the platform calls bytes, of a frame. */
type ToBytes<B extends Uint8Array> = (frame: Uint8Array) => B;

/** An entry as the application sees it: decoded where it looks. */
export class EntryView<B extends Uint8Array> {
  readonly #entry: MapEntry;
  readonly #bytes: ToBytes<B>;

  constructor(entry: MapEntry, bytes: ToBytes<B>) {
    this.#entry = entry;
    this.#bytes = bytes;
  }

  get key(): B {
    return this.#bytes(this.#entry.key);
  }

  get keyText(): string {
    return this.#entry.keyText;
  }

  get value(): B {
    return this.#bytes(this.#entry.value);
  }

  get sequence(): number {
    return this.#entry.sequence;
  }

  get properties(): Record<string, string> {
    return this.#entry.properties;
  }

  get ttlMs(): number | undefined {
    return this.#entry.ttlMs;
  }
}

/** A change as the application sees it. */
export class ChangeView<B extends Uint8Array> {
  readonly type: "set" | "deleted";
  readonly entry: EntryView<B> | undefined;
  readonly previous: EntryView<B> | undefined;
  readonly sequence: number;
  readonly #change: MapChange;
  readonly #bytes: ToBytes<B>;

  constructor(change: MapChange, bytes: ToBytes<B>) {
    const { entry, previous, sequence } = change;
    this.type = entry === undefined ? "deleted" : "set";
    this.entry = entry && new EntryView(entry, bytes);
    this.previous = previous && new EntryView(previous, bytes);
    this.sequence = sequence;
    this.#change = change;
    this.#bytes = bytes;
  }

  get key(): B {
    return this.#bytes(this.#change.key);
  }

  get keyText(): string {
    return this.#change.keyText;
  }
}

/** Entries as the application sees them, made one by one. */
export function* views<B extends Uint8Array>(
  entries: readonly MapEntry[],
  bytes: ToBytes<B>,
): Generator<EntryView<B>, undefined> {
  for (const entry of entries) yield new EntryView(entry, bytes);
}
