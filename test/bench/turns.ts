/** What is compared: the library on bare sockets, and ours. */
export type Side = "bare" | "ours";

/** What came of all rounds of each side. */
export type Rounds<T> = Readonly<Record<Side, T[]>>;

/**
 * Both sides run once to warm up; then they take turns, and turns at being first.
 *
 * @param done - to go on from, if others have run the same
 * @returns `done`, with what came of these rounds behind it
 */
export async function takeTurns<T>(
  rounds: number,
  run: (side: Side) => Promise<T>,
  done: Rounds<T> = { bare: [], ours: [] },
): Promise<Rounds<T>> {
  for (const side of ["bare", "ours"] as const) await run(side);
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? (["bare", "ours"] as const) : (["ours", "bare"] as const);
    for (const side of order) done[side].push(await run(side));
  }
  return done;
}
