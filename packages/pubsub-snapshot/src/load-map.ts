import { frameKey } from "@seaworthy/core";
import { Entry } from "./entry.js";
import type { ServerMachine } from "./server-machine.js";
import type { StoredMap } from "./store.js";

/**
 * Gives a server's machine what its store has, before anything else. What is over by the wall clock comes in all the same: it is
 * deleted, and published so, when the server is active.
 *
 * @param now - on the role's clock, in ms
 * @param wallNow - the same in ms since 1970
 */
export function loadMap(
  machine: ServerMachine,
  { sequence, entries, known }: StoredMap,
  now: number,
  wallNow: number,
): void {
  for (const { key, sequence: number, uuid, properties, value, expiresAt } of entries) {
    const until = expiresAt === undefined ? undefined : now + expiresAt - wallNow;
    machine.load(new Entry(key, frameKey(key), number, uuid, properties, value, until));
  }
  // What is not in the map was not ordered, as far as anybody can tell.
  for (const { uuid, sequence: number } of known) if (number <= sequence) machine.known.add(uuid, number);
  machine.loaded(sequence);
}
