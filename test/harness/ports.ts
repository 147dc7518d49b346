import { once } from "node:events";
import { createServer } from "node:net";

// Below the ranges from which systems pick the ports of outgoing connections: a client that keeps
// trying a dead server there can be given the server's own port, and then talks to itself.
const FIRST = 15_000;
/**
 * Test files run side by side, and a port that one of them has found free it may leave free for a while, or for ever: it then starts
 * what listens there, or kills it and starts it again. Each of those that run at a time has ports of its own.
 */
const SHARES = 25;
const COUNT = 600;

const share = Number(process.env["VITEST_POOL_ID"] ?? 0) % SHARES;
let next = Math.floor(Math.random() * COUNT);

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const failed = once(server, "error").then(() => false);
  server.listen(port, "127.0.0.1");
  const listening = once(server, "listening").then(() => true);
  const free = await Promise.race([listening, failed]);
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}

/** A TCP port on 127.0.0.1 that nobody listens on, and that this process was not given before. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = FIRST + share * COUNT + (next++ % COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error("there is no free port");
}

/** The first of three TCP ports in a row on 127.0.0.1 that nobody listens on, and that this process was not given before. */
export async function freePorts(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    const first = await freePort();
    if ((await freePort()) === first + 1 && (await freePort()) === first + 2) return first;
  }
  throw new Error("there are no three free ports in a row");
}
