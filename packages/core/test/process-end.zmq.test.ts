import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("support/lifetime.ts", import.meta.url));

async function run(mode: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--conditions=@seaworthy/source", program, mode],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data: Buffer) => {
      output += data.toString();
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

describe("a process ends by itself", { timeout: 30_000 }, () => {
  it.each(["idle", "exchange", "unreachable", "unreachable-linger"])(
    "after everything is closed: %s",
    async (mode) => {
      expect(await run(mode)).toEqual({ code: 0, output: "closed\n" });
    },
  );

  it("with the error of a listener that threw, which nobody caught", async () => {
    const { code, output } = await run("listener-throws");
    expect(code).toBe(1);
    expect(output).toContain("still working\n");
    expect(output).toContain("Error: listener failed");
  });
});
