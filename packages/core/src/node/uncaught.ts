/**
 * Surfaces an error of somebody else's code (a listener, a handler) as an uncaught exception of the
 * process, where it is seen, instead of ending the loop that ran into it.
 */
export function throwUncaught(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
