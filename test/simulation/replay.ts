/** The line that repeats one seed of a scenario with its full log. */
export function replayCommand(scenario: string, seed: number): string {
  return `npm run simulate -- ${scenario} --seed ${seed}`;
}
