/**
 * Runs in the threads of majordomo/threads-worker: counts the prime numbers below the number in the first frame,
 * and puts the count in that frame's place.
 */
import type { ThreadHandler } from "@seaworthy/majordomo";

const MAX = 1_000_000_000;

const handler: ThreadHandler = ({ body: [text, ...rest] }) => {
  const below = Number(String(text));
  if (!Number.isInteger(below) || below < 0 || below > MAX) {
    throw new RangeError(`the first frame must be a whole number from 0 to ${MAX}`);
  }
  return [String(countPrimes(below)), ...rest];
};

export default handler;

/** The sieve of Eratosthenes; busy all the time, so that nothing else in its thread gets a turn. */
function countPrimes(below: number): number {
  const composite = new Uint8Array(below);
  let count = 0;
  for (let number = 2; number < below; number++) {
    if (composite[number] === 1) continue;
    count += 1;
    for (let multiple = number * number; multiple < below; multiple += number) composite[multiple] = 1;
  }
  return count;
}
