/** Monotonic time in ms. All processes of a machine read the same clock, so their times compare. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
