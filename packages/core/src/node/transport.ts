import { Dealer, Publisher, Router, type Socket, Subscriber } from "zeromq";
import { integer, milliseconds, nested, type OptionRule, resolveOptions } from "../options.js";
import type {
  CurveOptions,
  SocketHandlers,
  SocketSettings,
  SocketSpec,
  Transport,
  TransportSocket,
} from "../transport.js";
import { type DriverStats, SocketDriver } from "./driver.js";

const MAX_INT = 2 ** 31 - 1;

const settingsSchema = {
  sendHighWaterMark: integer(1000, { max: MAX_INT }),
  receiveHighWaterMark: integer(1000, { max: MAX_INT }),
  maxQueued: integer(10_000),
  maxFrameBytes: integer(64 * 1024 * 1024),
  reconnectIntervalMs: milliseconds(100, { min: 1, max: MAX_INT }),
  reconnectMaxIntervalMs: milliseconds(2000, { min: 1, max: MAX_INT }),
  pingIntervalMs: milliseconds(0, { max: MAX_INT }),
  curve: nested({}) as OptionRule<object>,
} as const;

/** Socket settings with every default filled in. */
export type ResolvedSettings = Required<Omit<SocketSettings, "curve">> & { curve?: CurveOptions };

/**
 * Checks the socket settings that a user gave to a role.
 *
 * @throws TypeError or RangeError that names the option at fault
 */
export function resolveSettings(owner: string, given: SocketSettings): ResolvedSettings {
  const { curve, ...rest } = resolveOptions(owner, settingsSchema, given);
  return given.curve === undefined ? rest : { ...rest, curve: checkCurve(owner, curve) };
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

function curveSocketOptions(curve: CurveOptions | undefined): object {
  if (curve === undefined) return {};
  if ("server" in curve) return { curveServer: true, curveSecretKey: curve.secretKey };
  return {
    curvePublicKey: curve.publicKey,
    curveSecretKey: curve.secretKey,
    curveServerKey: curve.serverKey,
  };
}

/**
 * "Never" for a connection that is not to be made again, in ms. ZeroMQ's own -1 would throw away
 * what came over the lost connection and is not read yet.
 */
const NO_RECONNECT_MS = 24 * 3600 * 1000;

function reconnectOptions(spec: SocketSpec, settings: ResolvedSettings): object {
  if (spec.reconnect === false) return { reconnectInterval: NO_RECONNECT_MS };
  const interval = Math.ceil(settings.reconnectIntervalMs);
  const longest = Math.ceil(settings.reconnectMaxIntervalMs);
  return { reconnectInterval: interval, reconnectMaxInterval: Math.max(interval, longest) };
}

function openSocket(spec: SocketSpec, settings: ResolvedSettings): Socket {
  const { sendHighWaterMark, receiveHighWaterMark } = settings;
  const common = {
    // Finite from the start, so that an abandoned socket cannot keep the process from ending;
    // close() sets what its caller allows.
    linger: 0,
    maxMessageSize: settings.maxFrameBytes,
    ...reconnectOptions(spec, settings),
    immediate: spec.immediate ?? false,
    ...(settings.pingIntervalMs > 0 ? { heartbeatInterval: Math.ceil(settings.pingIntervalMs) } : {}),
    ...curveSocketOptions(settings.curve),
  };
  // Each type gets the options that it has: zeromq.js throws at any other.
  if (spec.type === "publisher") return new Publisher({ ...common, sendHighWaterMark });
  if (spec.type === "subscriber") return new Subscriber({ ...common, receiveHighWaterMark });
  const options = {
    ...common,
    sendHighWaterMark,
    receiveHighWaterMark,
    ...(spec.routingId === undefined ? {} : { routingId: spec.routingId }),
  };
  if (spec.type === "dealer") return new Dealer(options);
  return new Router({ ...options, mandatory: true, sendTimeout: 0, handover: spec.handover ?? false });
}

/** Opens zeromq sockets for one role and looks after all of them. */
export class ZmqTransport implements Transport {
  readonly #owner: string;
  readonly #open = new Set<SocketDriver>();
  #receivedWhenAsked = 0;
  readonly #past: DriverStats = { sent: 0, received: 0, refused: 0, overflowed: 0, queued: 0 };

  /** @param owner - the name that error messages begin with */
  constructor(owner: string) {
    this.#owner = owner;
  }

  open(spec: SocketSpec, handlers: SocketHandlers): TransportSocket {
    const { type: _t, immediate: _i, reconnect: _r, routingId: _id, handover: _h, ...given } = spec;
    const settings = resolveSettings(this.#owner, given);
    const driver = new SocketDriver(openSocket(spec, settings), handlers, settings.maxQueued);
    this.#open.add(driver);
    return {
      bind: (endpoint) => driver.bind(endpoint),
      connect: (endpoint) => driver.connect(endpoint),
      disconnect: (endpoint) => driver.disconnect(endpoint),
      subscribe: (prefix) => driver.subscribe(prefix),
      send: (frames) => driver.send(frames),
      close: async (lingerMs) => {
        await driver.close(lingerMs);
        if (this.#open.delete(driver)) addStats(this.#past, driver.stats);
      },
    };
  }

  /**
   * True if a message was handed over since this was last asked. The sockets themselves are not
   * asked: that would take away the wake-up that a pending receive waits for.
   */
  backlog(): boolean {
    const { received } = this.stats();
    const isComing = received !== this.#receivedWhenAsked;
    this.#receivedWhenAsked = received;
    return isComing;
  }

  /** What all sockets of this role, also closed ones, have done. */
  stats(): DriverStats {
    const total = { ...this.#past };
    for (const driver of this.#open) addStats(total, driver.stats);
    return total;
  }
}

function addStats(total: DriverStats, more: DriverStats): void {
  total.sent += more.sent;
  total.received += more.received;
  total.refused += more.refused;
  total.overflowed += more.overflowed;
  total.queued += more.queued;
}
