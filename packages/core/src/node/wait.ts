/** Longest delay that a timer takes, in ms. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Waits for work to finish, but not for ever.
 *
 * @param limitMs - how long, in ms; with 0 it does not wait at all
 * @param begin - called at once with the function to call when the work is done
 */
export function waitAtMost(limitMs: number, begin: (done: () => void) => void): Promise<void> {
  if (limitMs <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.min(limitMs, MAX_DELAY_MS));
    begin(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
