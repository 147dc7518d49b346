import { choice, flag, integer, milliseconds, nested, type OptionRule, resolveOptions } from "./options.js";
import type { CurveOptions, SocketSettings, SocketSpec, SocketType } from "./transport.js";

const MAX_INT = 2 ** 31 - 1;

const settingsSchema = {
  sendHighWaterMark: integer(1000, { max: MAX_INT }),
  receiveHighWaterMark: integer(1000, { max: MAX_INT }),
  maxQueued: integer(10_000),
  maxFrameBytes: integer(64 * 1024 * 1024),
  reconnectIntervalMs: milliseconds(100, { min: 1, max: MAX_INT }),
  reconnectMaxIntervalMs: milliseconds(2000, { min: 1, max: MAX_INT }),
  pingIntervalMs: milliseconds(0, { max: MAX_INT }),
  ipv6: flag(false),
  curve: nested({}) as OptionRule<object>,
} as const;

const optionalText: OptionRule<string | undefined> = {
  fallback: undefined,
  check: (value) => (typeof value === "string" ? undefined : { kind: "type", expected: "a string" }),
};

const specSchema = {
  type: choice<SocketType>("dealer", ["dealer", "router", "publisher", "subscriber"]),
  immediate: flag(false),
  reconnect: flag(true),
  handover: flag(false),
  departures: flag(false),
  subscriptions: flag(false),
  routingId: optionalText,
} as const;

/** Socket settings with every default filled in. */
export type ResolvedSettings = Required<Omit<SocketSettings, "curve">> & { curve?: CurveOptions };

/** What a role asks of a socket, with every default filled in. */
export type ResolvedSpec = ResolvedSettings &
  Required<
    Pick<SocketSpec, "type" | "immediate" | "reconnect" | "handover" | "departures" | "subscriptions">
  > & {
    routingId?: string;
  };

/**
 * Checks the socket settings that a user gave to a role.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveSettings(owner: string, given: SocketSettings): ResolvedSettings {
  const { curve, ...rest } = resolveOptions(owner, settingsSchema, given);
  return given.curve === undefined ? rest : { ...rest, curve: checkCurve(owner, curve) };
}

/**
 * Checks what a role asks of a socket.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveSpec(owner: string, given: SocketSpec): ResolvedSpec {
  const { type, immediate, reconnect, handover, departures, subscriptions, routingId, ...settings } = given;
  const { routingId: id, ...own } = resolveOptions(owner, specSchema, {
    type,
    immediate,
    reconnect,
    handover,
    departures,
    subscriptions,
    routingId,
  });
  return { ...resolveSettings(owner, settings), ...own, ...(id === undefined ? {} : { routingId: id }) };
}

/** The alphabet of Z85 in the order of its digits (32/Z85). */
const Z85_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const Z85_KEY_LENGTH = 40;

/** True for the Z85 text of 32 bytes: each group of five digits is a 32-bit number. */
function isZ85Key(text: string): boolean {
  if (text.length !== Z85_KEY_LENGTH) return false;
  for (let start = 0; start < Z85_KEY_LENGTH; start += 5) {
    let group = 0;
    for (const character of text.slice(start, start + 5)) {
      const digit = Z85_DIGITS.indexOf(character);
      if (digit === -1) return false;
      group = group * 85 + digit;
    }
    if (group >= 2 ** 32) return false;
  }
  return true;
}

/** Unlike other options, a key is not shown when it is wrong: most often it is secret all the same. */
function checkKey(owner: string, name: string, value: unknown): string {
  const wrong = `${owner}: option "${name}" must be a CURVE key, ${Z85_KEY_LENGTH} characters of Z85 text`;
  if (typeof value !== "string")
    throw new TypeError(`${wrong}, got ${value === null ? "null" : typeof value}`);
  if (!isZ85Key(value)) throw new RangeError(`${wrong}, got ${value.length} characters that are none`);
  return value;
}

const anything: OptionRule<unknown> = { fallback: undefined, check: () => undefined };
const serverKeys = { secretKey: anything, server: anything };
const clientKeys = { publicKey: anything, secretKey: anything, serverKey: anything };

function checkCurve(owner: string, given: object): CurveOptions {
  const name = `${owner}: curve`;
  if ((given as { server?: unknown }).server === true) {
    const { secretKey } = resolveOptions(name, serverKeys, given);
    return { server: true, secretKey: checkKey(name, "secretKey", secretKey) };
  }
  const { publicKey, secretKey, serverKey } = resolveOptions(name, clientKeys, given);
  return {
    publicKey: checkKey(name, "publicKey", publicKey),
    secretKey: checkKey(name, "secretKey", secretKey),
    serverKey: checkKey(name, "serverKey", serverKey),
  };
}
