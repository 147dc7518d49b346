import { expect } from "vitest";
import type { LazyPirateCrew } from "../harness/crew.js";
import { freeEndpoint, startExample } from "../harness/example.js";
import { Fleet, requestsOf } from "../harness/fleet.js";
import type { Program } from "../harness/program.js";

type Pattern = "simple-pirate" | "paranoid-pirate";

export const WORKERS = 8;

/** Where a queue is bound. */
export interface Places {
  readonly frontend: string;
  readonly backend: string;
}

export async function freePlaces(): Promise<Places> {
  return { frontend: await freeEndpoint(), backend: await freeEndpoint() };
}

/** The example queue. */
export function startQueue(
  pattern: Pattern,
  { frontend, backend }: Places,
  ...args: readonly string[]
): Promise<Program> {
  return startExample(`${pattern}/queue`, "--frontend", frontend, "--backend", backend, ...args);
}

/** Example workers of such a queue. */
export function startWorkers(
  pattern: Pattern,
  { backend }: Places,
  ...args: readonly string[]
): Promise<Fleet> {
  return Fleet.start(WORKERS, `${pattern}/worker`, "--connect", backend, ...args);
}

/** Every request was answered by its own reply, whatever the workers have suffered. */
export async function allAnswered(clients: LazyPirateCrew, { suffered }: Fleet, what: string): Promise<void> {
  await clients.isAccountedFor(`${what} (${JSON.stringify(suffered)})`);
  expect(clients.load.failures).toEqual({});
}

/** Ends workers and queue: each worker has had requests, and the queue whatever the clients have sent, and nothing else. */
export async function allWorked(queue: Program, workers: Fleet, clients: LazyPirateCrew): Promise<void> {
  for (const requests of await workers.end()) expect(requests).toBeGreaterThan(0);
  expect(await queue.end("SIGTERM")).toEqual({ code: 0, signal: null });
  expect(requestsOf(queue)).toBe(clients.stats().sent);
}
