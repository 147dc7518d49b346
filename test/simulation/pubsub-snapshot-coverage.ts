import { clientLife } from "@seaworthy/pubsub-snapshot/machine";

/** What has happened, and how often, over all runs in this process. */
const counts = new Map<string, number>();

export function seen(what: string, times = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + times);
}

const { step } = clientLife;
clientLife.step = (state, event) => {
  seen(`row ${state}: ${event}`);
  return step.call(clientLife, state, event);
};

/** What the seeds are to exercise: else the promises would be easy to keep. */
const WANTED = [
  "client: gap-noticed",
  "client: subtree-widened crowded",
  "client: items in one message",
  "client: items in several messages",
  "server: items in one message",
  "client: set-retried",
  "client: watcher-overflowed",
  ...["lost", "failed", "silent", "gap", "passive", "refused", "no-answer"].map(
    (reason) => `client left: ${reason}`,
  ),
  ...[
    "acknowledged",
    "ERR_CONFLICT",
    "ERR_SET_TIMEOUT",
    "ERR_LIMIT_REACHED",
    "ERR_REFUSED",
    "ERR_CLOSED",
  ].map((how) => `set: ${how}`),
  "failover: nothing lost",
  "failover: updates of the last life taken over",
  "restart with a store: nothing lost",
  "loss: a lone server without a store",
  "loss: the two had lost each other",
  "loss: both were lost",
  "loss: the stream had broken",
  "loss: one stood still, and the other began anew",
  ...["silent", "left", "gone", "replaced", "slow"].map((reason) => `server: follower-lost ${reason}`),
  "server: follower-joined",
  "server: caught-up",
  "server: entry-expired",
  "server: pending-ordered",
  "server: store-failed",
  "server: snapshot-sent",
  "server: snapshot-abandoned",
  "server: subtree-refused",
  "server: an update came again",
  "bare client: snapshot",
  "bare client: its update is published",
] as const;

/** What has happened how often, and what has not. */
export function pubsubSnapshotCoverage(): {
  readonly counts: Record<string, number>;
  readonly unseen: string[];
} {
  const rows = [...clientLife.rows()]
    .filter(({ decision }) => decision.kind !== "impossible")
    .map(({ state, event }) => `row ${state}: ${event}`);
  const unseen = [...WANTED, ...rows].filter((what) => !counts.has(what));
  const shown = [...counts].filter(([what]) => !what.startsWith("row ")).sort(([a], [b]) => (a < b ? -1 : 1));
  return { counts: Object.fromEntries(shown), unseen };
}
