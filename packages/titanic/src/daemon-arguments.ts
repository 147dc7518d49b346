import { checkOption, integer, resolveOptions, type SocketSettings, textFrame } from "@seaworthy/core";
import {
  type Flag,
  type FlagValues,
  HELP,
  type LogLevel,
  type MetricsAddress,
  readEndpoints,
  readKey,
  readLogLevel,
  readMetrics,
  readNumbers,
  splitArguments,
  UsageError,
  VERSION,
} from "@seaworthy/majordomo/daemon";
import {
  AFTER,
  ALL_DEAD,
  CONNECT,
  type CommandName,
  CURVE_PUBLIC,
  CURVE_SECRET,
  CURVE_SERVER,
  DATA,
  DEFAULT_ENDPOINT,
  DEFAULT_LIMIT,
  FLAGS,
  IPV6,
  JSON_FLAG,
  LIMIT,
  OPTION_FLAGS,
  POSTGRES,
  SERVICE,
  STATE,
  STORE_FLAGS,
} from "./daemon-flags.js";
import { ledgerRules } from "./ledger-options.js";
import { REQUEST_STATES } from "./server-arguments.js";
import { resolveServerOptions, type TitanicServerOptions } from "./server-options.js";
import type { RequestState } from "./store.js";
import { MAX_SERVICE_BYTES, parseId } from "./wire.js";

/** Where requests are kept. */
export type StorePlace =
  | { readonly type: "lmdb"; readonly folder: string }
  | { readonly type: "postgres"; readonly url: string };

/** How much a store may hold. */
export type StoreLimits = { readonly [K in keyof typeof ledgerRules]?: number };

/** Keys of CURVE; without a pair of its own, the server makes one up. */
export interface CurveKeys {
  readonly serverKey: string;
  readonly own: { readonly publicKey: string; readonly secretKey: string } | undefined;
}

/** Runs a server. */
export interface ServeArguments {
  readonly command: "serve";
  readonly place: StorePlace;
  readonly endpoints: readonly string[];
  readonly options: TitanicServerOptions;
  readonly limits: StoreLimits;
  readonly socket: SocketSettings;
  readonly curve: CurveKeys | undefined;
  readonly metrics: MetricsAddress | undefined;
  readonly logLevel: LogLevel;
}

/** Looks into a store, or changes what is in there. Ids are 32 hexadecimal digits, in upper case. */
export type OperatorArguments = { readonly place: StorePlace } & (
  | {
      readonly command: "ls";
      readonly state: RequestState | undefined;
      readonly service: Uint8Array | undefined;
      readonly after: Uint8Array | undefined;
      readonly limit: number;
      readonly isJson: boolean;
    }
  | { readonly command: "show"; readonly id: string; readonly isJson: boolean }
  | { readonly command: "requeue"; readonly ids: readonly string[] }
  | { readonly command: "requeue-dead"; readonly service: Uint8Array | undefined }
  | { readonly command: "drop"; readonly ids: readonly string[] }
);

export type TitanicArguments =
  | { readonly command: "help"; readonly of: CommandName }
  | { readonly command: "version" }
  | ServeArguments
  | OperatorArguments;

/** The command that a command line begins with; without one it is to serve. */
export function commandOf(args: readonly string[]): CommandName {
  const [first] = args;
  if (first === undefined || first.startsWith("-")) return "serve";
  if (first !== "serve" && Object.hasOwn(FLAGS, first)) return first as CommandName;
  throw new UsageError(`there is no command ${JSON.stringify(first)}; there are ls, show, requeue and drop`);
}

/**
 * What a command line asks for.
 *
 * @param args - those behind the name of the program
 * @throws UsageError
 */
export function parseTitanicArguments(args: readonly string[]): TitanicArguments {
  const command = commandOf(args);
  const rest = command === "serve" ? args : args.slice(1);
  const { values, operands } = splitArguments(rest, FLAGS[command], takesIds(command));
  if (values[HELP.name] === true) return { command: "help", of: command };
  if (values[VERSION.name] === true) return { command: "version" };
  return read(command, values, operands);
}

function takesIds(command: CommandName): boolean {
  return command === "show" || command === "requeue" || command === "drop";
}

function read(command: CommandName, values: FlagValues, operands: readonly string[]): TitanicArguments {
  const place = readPlace(values);
  switch (command) {
    case "serve":
      return readServe(place, values);
    case "ls":
      return readList(place, values);
    case "show":
      if (operands.length > 1) throw new UsageError("show takes one id");
      return { command, place, id: readIds(operands)[0] as string, isJson: values[JSON_FLAG.name] === true };
    case "requeue":
      return readRequeue(place, values, operands);
    case "drop":
      return { command, place, ids: readIds(operands) };
  }
}

function readPlace(values: FlagValues): StorePlace {
  const { [DATA.name]: folder, [POSTGRES.name]: url } = values;
  if ((folder === undefined) === (url === undefined)) {
    throw new UsageError(`give ${folder === undefined ? "either" : "only one of"} --data or --postgres`);
  }
  if (typeof folder === "string") {
    if (folder === "") throw new UsageError('--data needs the name of a folder, got ""');
    return { type: "lmdb", folder };
  }
  // It may have a password in it, and is not shown.
  if (typeof url !== "string" || !URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    throw new UsageError("--postgres needs a URL of the form postgres://user@host:port/database");
  }
  return { type: "postgres", url };
}

function readServe(place: StorePlace, values: FlagValues): ServeArguments {
  return {
    command: "serve",
    place,
    endpoints: readEndpoints(values, CONNECT, DEFAULT_ENDPOINT, "connect"),
    options: readNumbers(values, OPTION_FLAGS, resolveServerOptions),
    limits: readNumbers(values, STORE_FLAGS, (given) => resolveOptions("", ledgerRules, given)),
    socket: { ipv6: values[IPV6.name] === true },
    curve: readCurve(values),
    metrics: readMetrics(values),
    logLevel: readLogLevel(values),
  };
}

function readCurve(values: FlagValues): CurveKeys | undefined {
  const read = (flag: Flag): string | undefined =>
    readKey(values, flag, (key) =>
      resolveServerOptions({ socket: { curve: { publicKey: key, secretKey: key, serverKey: key } } }),
    );
  const [serverKey, publicKey, secretKey] = [read(CURVE_SERVER), read(CURVE_PUBLIC), read(CURVE_SECRET)];
  if ((publicKey === undefined) !== (secretKey === undefined)) {
    throw new UsageError(`--${CURVE_PUBLIC.name} and --${CURVE_SECRET.name} belong together`);
  }
  if (serverKey === undefined) {
    if (publicKey !== undefined) throw new UsageError(`CURVE needs --${CURVE_SERVER.name}`);
    return undefined;
  }
  const own = publicKey === undefined || secretKey === undefined ? undefined : { publicKey, secretKey };
  return { serverKey, own };
}

function readList(place: StorePlace, values: FlagValues): OperatorArguments {
  const { [STATE.name]: state, [AFTER.name]: after, [LIMIT.name]: limit } = values;
  if (state !== undefined && !(REQUEST_STATES as readonly unknown[]).includes(state)) {
    throw new UsageError(`--state must be one of ${REQUEST_STATES.join(", ")}, got ${JSON.stringify(state)}`);
  }
  return {
    command: "ls",
    place,
    state: state as RequestState | undefined,
    service: readService(values),
    after: typeof after === "string" ? parseId(readId(after, "--after: ")) : undefined,
    limit: typeof limit === "string" ? readLimit(limit) : DEFAULT_LIMIT,
    isJson: values[JSON_FLAG.name] === true,
  };
}

function readLimit(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : text;
  try {
    return checkOption("", LIMIT.name, integer(DEFAULT_LIMIT), value as number);
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/^.*?option "\w+"/, `--${LIMIT.name}`));
  }
}

function readService(values: FlagValues): Uint8Array | undefined {
  const name = values[SERVICE.name];
  if (typeof name !== "string") return undefined;
  const service = textFrame(name);
  if (service.length === 0 || service.length > MAX_SERVICE_BYTES) {
    throw new UsageError(
      `--${SERVICE.name} must have 1 to ${MAX_SERVICE_BYTES} bytes, got ${service.length}`,
    );
  }
  return service;
}

function readRequeue(place: StorePlace, values: FlagValues, operands: readonly string[]): OperatorArguments {
  if (values[ALL_DEAD.name] === true) {
    if (operands.length > 0) throw new UsageError("give either ids or --all-dead");
    return { command: "requeue-dead", place, service: readService(values) };
  }
  if (values[SERVICE.name] !== undefined) throw new UsageError("--service goes with --all-dead");
  if (operands.length === 0) throw new UsageError("give the ids of requests, or --all-dead");
  return { command: "requeue", place, ids: readIds(operands) };
}

function readIds(operands: readonly string[]): string[] {
  if (operands.length === 0) throw new UsageError("give the id of a request");
  return operands.map((id) => readId(id));
}

function readId(text: string, what = ""): string {
  if (parseId(text) === undefined) {
    throw new UsageError(`${what}an id has 32 hexadecimal digits, got ${JSON.stringify(text)}`);
  }
  return text.toUpperCase();
}
