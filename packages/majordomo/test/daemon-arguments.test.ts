import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { curveKeyPair } from "zeromq";
import { resolveBrokerOptions } from "../src/broker-options.js";
import { parseDaemonArguments, UsageError } from "../src/daemon-arguments.js";
import { FLAGS, OPTION_FLAGS, usage } from "../src/daemon-flags.js";

const folder = mkdtempSync(join(tmpdir(), "majordomo-broker-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file with this text. */
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function refusal(...args: string[]): string {
  try {
    parseDaemonArguments(args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error(`taken: ${args.join(" ")}`);
}

const kebab = (option: string): string =>
  option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replace(/-ms$/, "");

describe("the command line", () => {
  it("needs nothing: the guide's port on all addresses, the broker's own defaults, no metrics", () => {
    expect(parseDaemonArguments([])).toEqual({
      endpoints: ["tcp://*:5555"],
      options: { socket: { ipv6: false } },
      metrics: undefined,
      logLevel: "info",
    });
  });

  it("takes any number of endpoints", () => {
    const endpoints = ["tcp://*:5555", "ipc:///run/broker.sock", "tcp://[::1]:5555"];
    const args = endpoints.flatMap((endpoint) => ["--bind", endpoint]);
    expect(parseDaemonArguments([...args, "--ipv6"])).toMatchObject({
      endpoints,
      options: { socket: { ipv6: true } },
    });
  });

  it("has a flag for every limit and every other number of the broker's options, named after it", () => {
    const numbers = Object.entries(resolveBrokerOptions()).filter(([, value]) => typeof value === "number");
    const expected = Object.fromEntries(numbers.map(([option]) => [option, kebab(option)]));
    const names = Object.entries(OPTION_FLAGS).map(([option, { name }]) => [option, name]);
    expect(Object.fromEntries(names)).toEqual(expected);
    expect(Object.keys(expected).filter((option) => option.startsWith("max"))).toHaveLength(11);
  });

  it.each(Object.entries(OPTION_FLAGS))("gives %s to the broker", (option, { name }) => {
    const parsed = parseDaemonArguments([`--${name}`, "7"]) as { options: object };
    expect(parsed.options).toEqual({ [option]: 7, socket: { ipv6: false } });
    expect(resolveBrokerOptions(parsed.options)).toMatchObject({ [option]: 7 });
  });

  it("takes fractions of milliseconds, and the last of several values", () => {
    const parsed = parseDaemonArguments(["--linger", "1", "--linger=0.5"]);
    expect(parsed).toMatchObject({ options: { lingerMs: 0.5 } });
  });

  it.each([
    ["9090", { host: "127.0.0.1", port: 9090 }],
    ["0", { host: "127.0.0.1", port: 0 }],
    ["0.0.0.0:9090", { host: "0.0.0.0", port: 9090 }],
    ["localhost:65535", { host: "localhost", port: 65_535 }],
    ["[::]:9090", { host: "::", port: 9090 }],
  ])("--metrics %s", (text, metrics) => {
    expect(parseDaemonArguments(["--metrics", text])).toMatchObject({ metrics });
  });

  it.each(["silent", "fatal", "error", "warn", "info", "debug", "trace"])("--log-level %s", (logLevel) => {
    expect(parseDaemonArguments(["--log-level", logLevel])).toMatchObject({ logLevel });
  });

  it("reads the secret key of CURVE from a file", () => {
    const { secretKey } = curveKeyPair();
    const path = file("key", `${secretKey}\n`);
    expect(parseDaemonArguments(["--curve-secret-key-file", path])).toMatchObject({
      options: { socket: { curve: { server: true, secretKey } } },
    });
  });

  it("asks for help, or for the version, also beside other flags", () => {
    expect(parseDaemonArguments(["--linger", "5", "--help"])).toBe("help");
    expect(parseDaemonArguments(["--version"])).toBe("version");
  });
});

describe("a wrong command line is refused in one line with the flag and the value", () => {
  it.each([
    [["--verbose"], "Unknown option '--verbose'"],
    [["now"], "Unexpected argument 'now'"],
    [["--bind"], "--bind"],
    [["--bind", "localhost"], '--bind: an endpoint must be of the form transport://address, got "localhost"'],
    [["--bind", "tcp://*"], 'tcp://host:port, got "tcp://*"'],
    [["--bind", "tcp://*:1", "--bind", "inproc://x"], 'got "inproc://x"'],
    [["--heartbeat", "0"], "--heartbeat must be a number of milliseconds from 1 to 31622400000, got 0"],
    [["--heartbeat", "1s"], '--heartbeat must be a number of milliseconds from 1 to 31622400000, got "1s"'],
    [["--heartbeat", ""], '--heartbeat must be a number of milliseconds from 1 to 31622400000, got ""'],
    [["--linger", "-5"], '--linger needs a value, got "-5"'],
    [["--linger=-5"], "--linger must be a number of milliseconds from 0 to 31622400000, got -5"],
    [["--bind", "--linger", "5"], '--bind needs a value, got "--linger"'],
    [["--max-waiting", "1.5"], "--max-waiting must be a whole number from 1 to 9007199254740991, got 1.5"],
    [["--max-workers", "0x10"], '--max-workers must be a whole number from 1 to 1000000, got "0x10"'],
    [["--max-workers", "1000001"], "--max-workers must be a whole number from 1 to 1000000, got 1000001"],
    [["--max-waiting", "Infinity"], 'got "Infinity"'],
    [["--metrics", "http"], '--metrics must be a port or host:port, got "http"'],
    [["--metrics", "65536"], '--metrics must be a port or host:port, got "65536"'],
    [["--metrics", ":9090"], '--metrics must be a port or host:port, got ":9090"'],
    [
      ["--log-level", "all"],
      '--log-level must be one of silent, fatal, error, warn, info, debug, trace, got "all"',
    ],
    [["--curve-secret-key-file", "/no/such"], '--curve-secret-key-file: cannot read "/no/such": ENOENT'],
    [["--help=yes"], "'--help'"],
  ])("%j", (args, message) => {
    expect(refusal(...args)).toContain(message);
    expect(refusal(...args)).not.toContain("\n");
  });

  it("a key that is none is not shown", () => {
    const path = file("wrong", "secret but wrong");
    const message = refusal("--curve-secret-key-file", path);
    expect(message).toContain(
      `--curve-secret-key-file: there is no CURVE key, 40 characters of Z85, in "${path}"`,
    );
    expect(message).not.toContain("secret but wrong");
  });
});

describe("the help", () => {
  it("tells of each flag once, and of the default of each option", () => {
    const lines = usage().split("\n");
    for (const { name, help } of FLAGS) {
      const found = lines.filter((line) => line.startsWith(`  --${name} `));
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(help);
    }
    const defaults = resolveBrokerOptions();
    for (const [option, { name }] of Object.entries(OPTION_FLAGS)) {
      const line = lines.find((text) => text.startsWith(`  --${name} `));
      expect(line).toContain(`(default ${defaults[option as keyof typeof OPTION_FLAGS]})`);
    }
  });
});
