import { frameKey } from "@seaworthy/core";
import type { Call } from "./pubsub-snapshot-calls.js";
import type { Life, Update } from "./pubsub-snapshot-history.js";
import type { World } from "./pubsub-snapshot-world.js";

/** Ends that say that nothing was changed. */
const REFUSED: readonly string[] = ["ERR_CONFLICT", "ERR_LIMIT_REACHED", "ERR_REFUSED"];

/**
 * Whether the life that ordered it has published it. One that did not may have it in its store, where it is found again, though the other server
 * was asked meanwhile and refused.
 */
const isPublished = ({ life, sequence }: Update): boolean => life.at(sequence) !== undefined;

/** At the end: what was acknowledged is in the map, or what came later is; and what was refused is not. */
export function audit({ histories, calls, clients, violated }: World, life: Life, isLossless: boolean): void {
  for (const call of calls.all) {
    const found = histories.withUuid(call.uuid).filter((update) => life.has(update));
    if (found.length > 1) violated("once", `set ${call.number} is in the history ${found.length} times`);
    if (call.ended === "acknowledged") judgeAcknowledged(life, call, found[0], isLossless, violated);
    else if (isLossless && REFUSED.includes(call.ended ?? "") && found.some(isPublished))
      violated("condition", `set ${call.number} was refused, and is in the history as ${found[0]?.sequence}`);
  }
  for (const { app } of clients.values()) app?.view?.audit();
}

function judgeAcknowledged(
  life: Life,
  { number, wanted, sequence = 0 }: Call,
  found: Update | undefined,
  isLossless: boolean,
  violated: World["violated"],
): void {
  if (found === undefined) {
    if (isLossless)
      violated("survival", `set ${number} was acknowledged as ${sequence}, and is not in the history`);
    return;
  }
  const now = life.state.get(frameKey(wanted.key));
  // What is not there has been deleted since, or was a deletion.
  if (now !== undefined && now.sequence < found.sequence)
    violated(
      "survival",
      `set ${number} was acknowledged as ${found.sequence}, and the map has ${now.sequence}`,
    );
  if (now === undefined && wanted.value.length > 0 && !isDeletedAfter(life, found))
    violated("survival", `set ${number} was acknowledged as ${found.sequence}, and nothing has deleted it`);
}

/** Whether a later update has deleted the key. */
function isDeletedAfter(life: Life, { key, sequence }: Update): boolean {
  let limit = Number.POSITIVE_INFINITY;
  for (let own: Life | undefined = life; own !== undefined; own = own.parent) {
    const until = limit;
    // What was ordered and never published is among those that the next life took over.
    const updates = [...own.updates, ...own.ordered.values()];
    const isDeletion = (update: Update): boolean =>
      update.key === key &&
      update.sequence > sequence &&
      update.sequence <= until &&
      update.value.length === 0;
    if (updates.some(isDeletion)) return true;
    limit = Math.min(limit, own.baseSequence);
  }
  return false;
}
