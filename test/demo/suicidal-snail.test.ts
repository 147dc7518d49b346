import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { Program } from "../harness/program.js";

const demo = (...args: readonly string[]): Program =>
  new Program({ file: "test/demo/main.ts", args: ["--pattern", "suicidal-snail", ...args] });

/** Processes that are not yet gone, of all or of those that a process has started. */
async function living(which: (pid: number, parent: number) => boolean): Promise<number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,stat="]);
  return stdout.split("\n").flatMap((line) => {
    const [pid, parent, state = "Z"] = line.trim().split(/\s+/);
    return !state.startsWith("Z") && which(Number(pid), Number(parent)) ? [Number(pid)] : [];
  });
}

describe("the demo of a pattern that publishes", () => {
  it("shows every fault, and that no loss goes unnoticed", async () => {
    await using program = demo("--seconds", "5", "--json");
    program.spawn();
    expect({ ...(await program.exited), stderr: program.stderr }).toEqual({
      code: 0,
      signal: null,
      stderr: "",
    });
    const { ok, patterns } = JSON.parse(program.lines.join("\n"));
    expect(ok).toBe(true);
    const [{ counts, load, faults }] = patterns;
    expect(counts).toBe("messages");
    expect(load).toMatchObject({ lost: 0, mismatched: 0, inFlight: 0 });
    expect(load.answered + load.failed).toBe(load.sent);
    // What is published while a subscriber is cut off is missing, and comes to its notice.
    expect(load.failed).toBeGreaterThan(0);
    expect(load.retried).toBeGreaterThan(0);
    expect(faults.map(({ name }: { name: string }) => name)).toEqual([
      "publisher killed, started again",
      "subscriber frozen (SIGSTOP)",
      "TCP to a subscriber cut",
      "subscriber too slow",
    ]);
    for (const { times } of faults)
      expect(times).toEqual([expect.objectContaining({ recoveryMs: expect.any(Number) })]);
  });

  it("ends with all that it has started when it is interrupted, in the midst of a fault", async () => {
    await using program = demo("--seconds", "5");
    const frozen = program.nextLine((line) => line.endsWith("frozen (SIGSTOP): begins"));
    program.spawn();
    await frozen;
    const all = await living((_, parent) => parent === process.pid);
    const started = await living((_, parent) => all.includes(parent));
    // Publisher, three subscribers, judge, and the one that would see to their end if this one could not.
    expect(started.length).toBeGreaterThanOrEqual(6);
    expect(await program.end("SIGINT", "leader")).toEqual({ code: 130, signal: null });
    while ((await living((pid) => started.includes(pid))).length > 0);
  });
});
