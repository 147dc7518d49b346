import { compiledExample } from "./compiled.js";
import { freePort } from "./ports.js";
import { Program } from "./program.js";

/** An example, compiled beforehand; `name` is `<pattern>/<role>`. */
export function example(name: string, ...args: readonly string[]): Program {
  return new Program({ file: compiledExample(name), args });
}

const helps = new Map<string, Promise<string>>();

/** What an example says to `--help`, run from source as the root script `example` runs it, and once. */
export function helpOf(name: string): Promise<string> {
  const help = helps.get(name) ?? askForHelp(name);
  helps.set(name, help);
  return help;
}

async function askForHelp(name: string): Promise<string> {
  const program = Program.spawn({ file: "examples/run.ts", args: [name, "--help"] });
  const { code } = await program.exited;
  if (code !== 0) throw new Error(`${name} --help ended with ${code}\n${program.lastOutput}`);
  return program.lines.join(" ").replace(/\s+/g, " ");
}

/** {@link example}, started and ready. */
export async function startExample(name: string, ...args: readonly string[]): Promise<Program> {
  const program = example(name, ...args);
  await program.start();
  return program;
}

/** Runs an example to its end. */
export async function runExample(
  name: string,
  ...args: readonly string[]
): Promise<{ code: number | null; program: Program }> {
  const program = example(name, ...args);
  program.spawn();
  const { code } = await program.exited;
  return { code, program };
}

/** {@link runExample}, which must end with 0; if not, what it said tells why. */
export async function runExampleWell(name: string, ...args: readonly string[]): Promise<Program> {
  const { code, program } = await runExample(name, ...args);
  if (code !== 0) throw new Error(`${name} ended with ${code}\n${program.lastOutput}`);
  return program;
}

/** For programs that say on which port of the system's choice they listen. */
export const ANY_PORT = "tcp://127.0.0.1:*";

/** A server, started and ready, and the endpoint that it says it listens at. */
export async function startListening(
  name: string,
  ...args: readonly string[]
): Promise<{ program: Program; endpoint: string }> {
  const program = example(name, ...args);
  const [, endpoint = ""] = (await program.start()).split(" ");
  return { program, endpoint };
}

/** A TCP endpoint on which nobody listens. */
export async function freeEndpoint(): Promise<string> {
  return `tcp://127.0.0.1:${await freePort()}`;
}
