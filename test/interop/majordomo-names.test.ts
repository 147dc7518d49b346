import { once } from "node:events";
import type { MajordomoBroker } from "@seaworthy/majordomo";
import { afterEach, expect, it } from "vitest";
import { Dealer } from "zeromq";
import { Program } from "../harness/program.js";
import { type Frame, newReq } from "./bare.js";
import { keep } from "./keep.js";
import { clientFrames, VERSIONS, workerFrames } from "./mdp-frames.js";
import { askReq, BareMdpWorker, echo } from "./mdp-peers.js";

/** `SEAWORTHY_INVENTED_NAMES=1000000` for all of them. */
const NAMES = Number(process.env["SEAWORTHY_INVENTED_NAMES"] ?? 150_000);
/** What the process may have more of at the end than when its books were full. */
const GROWTH_BYTES = 48 * 1024 * 1024;

interface Report {
  readonly rss: number;
  readonly heap: number;
  readonly stats: ReturnType<MajordomoBroker["stats"]>;
}

let program: Program | undefined;
afterEach(async () => {
  await program?.kill();
});

it(`${NAMES.toLocaleString("en")} invented names of services: the broker's memory is bounded, and others are served`, async () => {
  program = new Program({ file: "test/interop/majordomo-process.ts", ipc: true, nodeFlags: ["--expose-gc"] });
  const endpoint = (await program.start()).split(" ")[1] as string;
  const report = async (): Promise<Report> => {
    const told = once(program as Program, "message");
    program?.send({});
    return (await told)[0] as Report;
  };
  const worker = keep(new BareMdpWorker(endpoint, { answer: echo }));
  await worker.until(() => worker.commands.length > 0);
  const hostile = keep(new Dealer({ linger: 0, sendHighWaterMark: 0 }));
  hostile.connect(endpoint);

  /** Asks for services that nobody offers, asks whether they are there, and offers them: up to this many names. */
  let invented = 0;
  const invent = async (upTo: number): Promise<void> => {
    for (; invented < upTo; invented++) {
      const name = `invented ${invented}`;
      const version = VERSIONS[invented % 2] as (typeof VERSIONS)[0];
      let said: Frame[] = clientFrames(version, "request", name, "x");
      if (invented % 20 === 1) said = clientFrames(version, "request", "mmi.service", name);
      if (invented % 20 === 2) said = workerFrames(version, "ready", name);
      await hostile.send(said);
    }
    // Heard after all those.
    await hostile.send(clientFrames("0.1", "request", "mmi.mark", "x"));
    while (String((await hostile.receive())[2]) !== "mmi.mark");
  };

  await invent(NAMES / 5);
  const before = await report();
  expect(before.stats.waiting).toBe(1000);
  const flooded = invent(NAMES);
  const req = keep(newReq(endpoint));
  for (let turn = 0; turn < 50; turn++) expect(await askReq(req, "echo", `${turn}`)).toBe(`${turn}`);
  await flooded;
  const after = await report();
  expect(after.stats.requests).toBeGreaterThanOrEqual(0.9 * NAMES);
  expect(after.stats).toMatchObject({ waiting: 1000, running: 0, redelivered: 0, malformed: 0 });
  // Those that requests wait for, the one that is offered, and perhaps the last invention of the hostile one.
  expect(after.stats.services).toBeLessThanOrEqual(1002);
  expect(after.stats.workers).toBeLessThanOrEqual(2);
  expect(after.heap - before.heap).toBeLessThan(GROWTH_BYTES);
  expect(after.rss - before.rss).toBeLessThan(GROWTH_BYTES);
  hostile.close();
  expect(await askReq(req, "echo", "still")).toBe("still");
});
