import { Fifo } from "@seaworthy/core";
import type { MapChange } from "./client-entry.js";

const SLASH = 0x2f;

/** What one reader is to be told of: a key, or all that begins with a name that is empty or ends with a slash. */
export class Watcher {
  /** The key, or how keys begin, as a `frameKey`. */
  readonly name: string;
  /** Of a subtree, and not of a key alone. */
  readonly isSubtree: boolean;
  readonly maxQueued: number;
  /** The reader waits, and is to be told of the next change. */
  isAwaited = false;
  /** It was too far behind: what waited is dropped, and nothing more is kept for it. */
  hasOverflowed = false;
  readonly #queue = new Fifo<MapChange>();
  #limit: number;

  constructor(name: string, maxQueued: number) {
    this.name = name;
    this.isSubtree = name === "" || name.charCodeAt(name.length - 1) === SLASH;
    this.maxQueued = maxQueued;
    this.#limit = maxQueued;
  }

  /** Changes that wait to be taken. */
  get queued(): number {
    return this.#queue.length;
  }

  /** The next change, in order; `undefined` if none waits. */
  take(): MapChange | undefined {
    const change = this.#queue.shift();
    if (this.#queue.length === 0) this.#limit = this.maxQueued;
    return change;
  }

  /** @returns false if there is no room: the reader is too far behind */
  push(change: MapChange): boolean {
    if (this.#queue.length >= this.#limit) return this.overflow();
    this.#queue.push(change);
    return true;
  }

  /** The reader is told of these at once, however many they are, if it was not too far behind before. */
  pushAll(changes: readonly MapChange[]): boolean {
    if (this.#queue.length >= this.maxQueued) return this.overflow();
    for (const change of changes) this.#queue.push(change);
    this.#limit = this.#queue.length + this.maxQueued;
    return true;
  }

  /** Drops what waits. */
  clear(): void {
    this.#queue.clear();
  }

  /** Drops what waits, for good. */
  overflow(): false {
    this.hasOverflowed = true;
    this.clear();
    return false;
  }
}

/** What {@link Watchers} tells the machine that owns it. */
export interface WatchersOwner {
  /** The reader waits, and there is something for it. */
  changed(watcher: Watcher): void;
  overflowed(watcher: Watcher): void;
}

/** All watchers of a map. Whoever is to be told of a change is found without asking each. */
export class Watchers {
  readonly #owner: WatchersOwner;
  readonly #byKey = new Map<string, Set<Watcher>>();
  /** By the length of the subtree's name, and by the name. */
  readonly #bySubtree = new Map<number, Map<string, Set<Watcher>>>();
  #size = 0;

  constructor(owner: WatchersOwner) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#size;
  }

  /** Only keys are watched, these. */
  get onlyKeys(): MapIterator<string> | undefined {
    return this.#bySubtree.size === 0 ? this.#byKey.keys() : undefined;
  }

  add(watcher: Watcher): void {
    const { name } = watcher;
    const group = watcher.isSubtree ? this.#group(name.length) : this.#byKey;
    const watchers = group.get(name);
    this.#size += 1;
    if (watchers === undefined) group.set(name, new Set([watcher]));
    else watchers.add(watcher);
  }

  /** Harmless if it is gone already. */
  remove(watcher: Watcher): void {
    const { name } = watcher;
    const group = watcher.isSubtree ? this.#bySubtree.get(name.length) : this.#byKey;
    const watchers = group?.get(name);
    if (group === undefined || watchers?.delete(watcher) !== true) return;
    this.#size -= 1;
    if (watchers.size === 0) group.delete(name);
    if (watcher.isSubtree && group.size === 0) this.#bySubtree.delete(name.length);
  }

  /** Whoever is to be told of a change of this key. */
  interested(name: string): Watcher[] {
    const found: Watcher[] = [...(this.#byKey.get(name) ?? [])];
    for (const [length, group] of this.#bySubtree) {
      if (length > name.length) continue;
      for (const watcher of group.get(name.slice(0, length)) ?? []) found.push(watcher);
    }
    return found;
  }

  tell(watchers: readonly Watcher[], change: MapChange): void {
    for (const watcher of watchers) this.#told(watcher, watcher.push(change));
  }

  tellAll(watcher: Watcher, changes: readonly MapChange[]): void {
    this.#told(watcher, watcher.pushAll(changes));
  }

  #group(length: number): Map<string, Set<Watcher>> {
    let group = this.#bySubtree.get(length);
    if (group === undefined) {
      group = new Map();
      this.#bySubtree.set(length, group);
    }
    return group;
  }

  #told(watcher: Watcher, hasRoom: boolean): void {
    if (!hasRoom) {
      this.remove(watcher);
      this.#owner.overflowed(watcher);
    }
    if (!watcher.isAwaited) return;
    watcher.isAwaited = false;
    this.#owner.changed(watcher);
  }
}
