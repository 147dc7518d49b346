import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { textFrame } from "@seaworthy/core";
import { UsageError } from "@seaworthy/majordomo/daemon";
import { afterAll, describe, expect, it } from "vitest";
import { curveKeyPair } from "zeromq";
import { parseTitanicArguments } from "../src/daemon-arguments.js";
import { type CommandName, FLAGS, OPTION_FLAGS } from "../src/daemon-flags.js";
import { usage } from "../src/daemon-help.js";
import { resolveServerOptions } from "../src/server-options.js";
import { parseId } from "../src/wire.js";

const folder = mkdtempSync(join(tmpdir(), "titanic-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file with this text. */
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function refusal(...args: string[]): string {
  try {
    parseTitanicArguments(args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error(`taken: ${args.join(" ")}`);
}

const kebab = (option: string): string =>
  option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replace(/-ms$/, "");

const ID = "0123456789abcdefABCDEF0123456789";
const AT = ["--data", "d"];
const place = { type: "lmdb", folder: "d" };

describe("a server's command line", () => {
  it("needs a store only: the broker of this machine, the server's own defaults, no metrics", () => {
    expect(parseTitanicArguments(AT)).toEqual({
      command: "serve",
      place,
      endpoints: ["tcp://localhost:5555"],
      options: {},
      limits: {},
      socket: { ipv6: false },
      curve: undefined,
      metrics: undefined,
      logLevel: "info",
    });
  });

  it("takes any number of brokers, and a database", () => {
    const url = "postgresql://user:word@db:5432/titanic?sslmode=require";
    const args = ["--connect", "tcp://a:5555", "--connect", "tcp://[::1]:5555", "--ipv6", "--postgres", url];
    expect(parseTitanicArguments(args)).toMatchObject({
      place: { type: "postgres", url },
      endpoints: ["tcp://a:5555", "tcp://[::1]:5555"],
      socket: { ipv6: true },
    });
  });

  it("has a flag for every number of the server's options, named after it", () => {
    const { worker: _worker, client: _client, ...options } = resolveServerOptions();
    const numbers = Object.entries(options).filter(([, value]) => typeof value === "number");
    const names = Object.entries(OPTION_FLAGS).map(([option, { name }]) => [option, name]);
    expect(names.length).toBeGreaterThan(10);
    expect(Object.fromEntries(names)).toEqual(
      Object.fromEntries(numbers.map(([option]) => [option, kebab(option)])),
    );
  });

  it.each(Object.entries(OPTION_FLAGS))("gives %s to the server", (option, { name }) => {
    const parsed = parseTitanicArguments([...AT, `--${name}`, "777"]) as { options: object };
    expect(parsed.options).toEqual({ [option]: 777 });
    expect(resolveServerOptions(parsed.options)).toMatchObject({ [option]: 777 });
  });

  it("gives its limits to the store", () => {
    const parsed = parseTitanicArguments([...AT, "--max-requests", "7", "--max-keys", "8"]);
    expect(parsed).toMatchObject({ options: {}, limits: { maxRequests: 7, maxKeys: 8 } });
    expect(refusal(...AT, "--max-keys", "0")).toContain("--max-keys must be a whole number from 1 to");
  });

  it("reads keys of CURVE from files", () => {
    const [{ publicKey: serverKey }, own] = [curveKeyPair(), curveKeyPair()];
    const server = ["--curve-server-key-file", file("server", `${serverKey}\n`)];
    const pair = [
      ...["--curve-public-key-file", file("public", own.publicKey)],
      ...["--curve-secret-key-file", file("secret", own.secretKey)],
    ];
    expect(parseTitanicArguments([...AT, ...server, ...pair])).toMatchObject({ curve: { serverKey, own } });
    expect(parseTitanicArguments([...AT, ...server])).toMatchObject({ curve: { serverKey, own: undefined } });
    expect(refusal(...AT, ...pair)).toBe("CURVE needs --curve-server-key-file");
    expect(refusal(...AT, ...server, ...pair.slice(2))).toContain("belong together");
    const wrong = refusal(...AT, "--curve-server-key-file", file("wrong", "secret but wrong"));
    expect(wrong).toContain("there is no CURVE key, 40 characters of Z85, in");
    expect(wrong).not.toContain("secret but wrong");
  });
});

describe("an operator's command line", () => {
  const id = ID.toUpperCase();
  it.each<[string[], object]>([
    [
      ["ls"],
      { command: "ls", limit: 100, isJson: false, state: undefined, service: undefined, after: undefined },
    ],
    [["ls", "--state", "dead", "--limit", "5", "--json"], { state: "dead", limit: 5, isJson: true }],
    [["ls", "--service", "é", "--after", ID], { service: textFrame("é"), after: parseId(ID) }],
    [["show", ID], { command: "show", id, isJson: false }],
    [["show", ID, "--json"], { command: "show", id, isJson: true }],
    [["requeue", ID, ID], { command: "requeue", ids: [id, id] }],
    [["requeue", "--all-dead"], { command: "requeue-dead", service: undefined }],
    [["requeue", "--all-dead", "--service", "echo"], { command: "requeue-dead", service: textFrame("echo") }],
    [["drop", ID, ID], { command: "drop", ids: [id, id] }],
  ])("%j", (args, expected) => {
    expect(parseTitanicArguments([...args, ...AT])).toMatchObject({ place, ...expected });
  });

  it.each<CommandName>(["serve", "ls", "show", "requeue", "drop"])(
    "%s: help needs nothing else",
    (command) => {
      const args = command === "serve" ? ["--help"] : [command, "--help"];
      expect(parseTitanicArguments(args)).toEqual({ command: "help", of: command });
    },
  );
});

describe("a wrong command line is refused in one line that says what is wrong", () => {
  it.each([
    [[], "give either --data or --postgres"],
    [[...AT, "--postgres", "postgres://x/y"], "give only one of --data or --postgres"],
    [["--data", ""], '--data needs the name of a folder, got ""'],
    [["--data", "--metrics"], '--data needs a value, got "--metrics"'],
    [["--postgres", "mysql://root:secret@x/y"], "--postgres needs a URL of the form postgres://"],
    [["--postgres", "not a secret url"], "--postgres needs a URL of the form postgres://"],
    [[...AT, "--verbose"], "Unknown option '--verbose'"],
    [[...AT, "--json"], "Unknown option '--json'"],
    [[...AT, "more"], "Unexpected argument 'more'"],
    [[...AT, "--connect", "localhost"], "--connect: an endpoint must be of the form transport://address"],
    [[...AT, "--connect", "tcp://*:5555"], "a host and a port to connect to"],
    [[...AT, "--max-attempts", "0"], "--max-attempts must be a whole number from 1"],
    [[...AT, "--lease", "1s"], '--lease must be a number of milliseconds from 100 to 31622400000, got "1s"'],
    [[...AT, "--metrics", "65536"], '--metrics must be a port or host:port, got "65536"'],
    [[...AT, "--log-level", "all"], "--log-level must be one of silent"],
    [["list", ...AT], 'there is no command "list"; there are ls, show, requeue and drop'],
    [["toString", ...AT], 'there is no command "toString"'],
    [["ls"], "give either --data or --postgres"],
    [["ls", ...AT, "more"], "Unexpected argument 'more'"],
    [["ls", ...AT, "--state", "lost"], '--state must be one of pending, done, dead, got "lost"'],
    [["ls", ...AT, "--limit", "0"], "--limit must be a whole number from 1 to"],
    [["ls", ...AT, "--limit", "1e3"], '--limit must be a whole number from 1 to 9007199254740991, got "1e3"'],
    [["ls", ...AT, "--after", "x"], '--after: an id has 32 hexadecimal digits, got "x"'],
    [["ls", ...AT, "--service", ""], "--service must have 1 to 255 bytes, got 0"],
    [["ls", ...AT, "--service", "é".repeat(128)], "--service must have 1 to 255 bytes, got 256"],
    [["ls", ...AT, "--connect", "tcp://a:1"], "Unknown option '--connect'"],
    [["show", ...AT], "give the id of a request"],
    [["show", ...AT, ID, ID], "show takes one id"],
    [["show", ...AT, `../${ID.slice(3)}`], "an id has 32 hexadecimal digits"],
    [["requeue", ...AT], "give the ids of requests, or --all-dead"],
    [["requeue", ...AT, ID, "--all-dead"], "give either ids or --all-dead"],
    [["requeue", ...AT, ID, "--service", "echo"], "--service goes with --all-dead"],
    [["drop", ...AT], "give the id of a request"],
    [["drop", ...AT, ID, "--all-dead"], "Unknown option '--all-dead'"],
  ])("%j", (args, message) => {
    expect(refusal(...args)).toContain(message);
    expect(refusal(...args)).not.toMatch(/\n|secret/);
  });
});

describe("the help", () => {
  it.each(Object.keys(FLAGS) as CommandName[])("of %s tells of each flag once", (command) => {
    const lines = usage(command).split("\n");
    for (const { name, help } of FLAGS[command]) {
      const found = lines.filter((line) => line.startsWith(`  --${name} `));
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(help);
    }
    expect(lines.filter((line) => line.startsWith("  --"))).toHaveLength(FLAGS[command].length);
  });

  it("of the server tells of the default of each option", () => {
    const defaults = resolveServerOptions();
    for (const [option, { name }] of Object.entries(OPTION_FLAGS)) {
      const line = usage("serve")
        .split("\n")
        .find((text) => text.startsWith(`  --${name} `));
      expect(line).toContain(`(default ${defaults[option as keyof typeof OPTION_FLAGS]})`);
    }
    expect(usage("serve")).toMatch(/ --max-keys N .* \(default 10000000\)$/m);
  });
});
