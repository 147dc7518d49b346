import { beforeEach, describe, expect, it } from "vitest";
import { Crew, TitanicProcess, testFolder } from "./daemon-crew.js";

let crew: Crew;
let at: string[];
let folder: string;
let server: TitanicProcess;
/** Of a dead letter, one that waits for a service, and one that is done. */
let dead: string;
let waiting: string;
let done: string;
const MISSING = "F".repeat(32);

const titanic = (...args: string[]) => TitanicProcess.run([...args, ...at]);

/** The ids that `ls` lists. */
async function listed(...args: string[]): Promise<string[]> {
  const { code, out, err } = await titanic("ls", ...args);
  expect({ code, err }).toEqual({ code: 0, err: [] });
  return out.slice(1).map((line) => line.slice(0, 32));
}

beforeEach(async () => {
  crew = await Crew.muster();
  folder = testFolder();
  at = ["--data", folder];
  crew.offer("echo");
  server = await crew.serve([...at, "--max-attempts", "1", "--metrics", "0"]);
  done = await crew.submit("echo", "hello", "order-7");
  dead = await crew.submit("echo", "fail");
  await server.logged("request buried");
  waiting = await crew.submit("nobody", "waits");
  // Answers of one service may overtake each other, so the reply is asked for until it is there.
  while ((await crew.reply(done)) === "pending");
}, 120_000);

async function stop(): Promise<void> {
  server.signal("SIGTERM");
  expect(await server.exit).toBe(0);
}

const PREPARATIONS: readonly [title: string, prepare: () => Promise<void>][] = [
  ["a server that runs", async () => {}],
  ["the folder of a server that has stopped", stop],
];

describe.each(PREPARATIONS)("commands to %s", (_title, prepare) => {
  beforeEach(prepare, 120_000);

  it("ls lists what there is, by state and by service; show shows one with its bodies", {
    timeout: 120_000,
  }, async () => {
    const all = await listed();
    expect([...all].sort()).toEqual([done, dead, waiting].sort());
    expect(await listed("--service", "nobody")).toEqual([waiting]);
    expect(await listed("--after", all[1] as string)).toEqual(all.slice(2));
    const some = await titanic("ls", "--limit", "2");
    expect(some.out.slice(1).map((line) => line.slice(0, 32))).toEqual(all.slice(0, 2));
    expect(some).toMatchObject({ code: 0, err: [`titanic ls: there are more: --after ${all[1]}`] });
    const json = (await titanic("ls", "--json", "--state", "dead")).out.map((line) => JSON.parse(line));
    expect(json).toEqual([
      {
        ...{ id: dead, service: "echo", state: "dead", key: null, failures: 1 },
        failure: expect.stringContaining("it was asked to"),
        ...{ acceptedAt: expect.any(String), at: expect.any(String) },
      },
    ]);
    const text = await titanic("show", done.toLowerCase());
    expect(text).toMatchObject({ code: 0, err: [] });
    for (const line of [`id        ${done}`, "service   echo", "state     done", 'key       "order-7"']) {
      expect(text.out).toContain(line);
    }
    expect(text.out.slice(-4)).toEqual([
      ...["body      1 frame, 5 bytes", '  "hello"', "reply     1 frame, 5 bytes", '  "HELLO"'],
    ]);
    const { out } = await titanic("show", done, "--json");
    expect(JSON.parse(out.join("\n"))).toMatchObject({ id: done, body: ["hello"], reply: ["HELLO"] });
    expect(await titanic("show", MISSING)).toEqual({
      ...{ code: 1, out: [], err: [`titanic show: ${MISSING}: there is no such request`] },
    });
  });

  it("requeue and drop change what there is, say what is not, and go on with the others", {
    timeout: 120_000,
  }, async () => {
    const other = await titanic("requeue", "--all-dead", "--service", "nobody");
    expect(other).toEqual({ code: 0, out: ["0 requeued"], err: [] });
    expect(await titanic("requeue", waiting, dead, MISSING)).toEqual({
      code: 1,
      out: [`${dead} requeued`],
      err: [waiting, MISSING].map((id) => `titanic requeue: ${id}: there is no such dead letter`),
    });
    expect(await titanic("drop", dead, MISSING, waiting)).toEqual({
      code: 1,
      out: [`${dead} dropped`, `${waiting} dropped`],
      err: [`titanic drop: ${MISSING}: there is no such request`],
    });
    expect(await listed()).toEqual([done]);
  });
});

describe("what a command has done", { timeout: 120_000 }, () => {
  it("to a server that runs is tried at once", async () => {
    const buried = (): number => server.log.filter(({ msg }) => msg === "request buried").length;
    expect(buried()).toBe(1);
    expect((await titanic("requeue", dead)).code).toBe(0);
    while (buried() < 2) await crew.reply(dead);
    expect((await titanic("drop", dead)).code).toBe(0);
    expect(await crew.reply(dead)).toBe("unknown");
  });

  it("while it did not run is there when it does", async () => {
    await stop();
    expect((await titanic("requeue", dead)).code).toBe(0);
    expect((await titanic("drop", waiting)).code).toBe(0);
    const second = await crew.serve([...at, "--max-attempts", "1"]);
    expect(await second.logged("request buried")).toMatchObject({ id: dead });
    expect(await crew.reply(waiting)).toBe("unknown");
  });
});
