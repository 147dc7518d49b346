import { Dealer, Publisher, Router, type Socket, Subscriber } from "zeromq";
import { flag, integer, milliseconds, nested, type OptionRule, resolveOptions } from "../options.js";
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

/** A key in Z85: 32 bytes as 40 characters (32/Z85). */
const Z85_KEY = /^[0-9a-zA-Z.\-:+=^!/*?&<>()[\]{}@%$#]{40}$/;

const keySchema = (names: readonly string[]): Record<string, OptionRule<unknown>> =>
  Object.fromEntries(names.map((name) => [name, keyRule]));

const keyRule: OptionRule<unknown> = {
  fallback: undefined,
  check(value) {
    const expected = "a CURVE key: 40 characters of Z85 text";
    if (typeof value !== "string") return { kind: "type", expected };
    return Z85_KEY.test(value) ? undefined : { kind: "range", expected };
  },
};

function checkCurve(owner: string, curve: object): CurveOptions {
  const isServer = (curve as { server?: unknown }).server === true;
  const keys = isServer ? ["secretKey"] : ["publicKey", "secretKey", "serverKey"];
  const schema = { ...keySchema(keys), ...(isServer ? { server: flag(true) } : {}) };
  const complete = { ...Object.fromEntries(keys.map((key) => [key, null])), ...curve };
  return resolveOptions(`${owner}: curve`, schema, complete) as unknown as CurveOptions;
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

function openSocket(spec: SocketSpec, settings: ResolvedSettings): Socket {
  // PUB and SUB lack some of these; zeromq.js passes over what a type does not have.
  const options: object = {
    // Finite from the start, so that an abandoned socket cannot keep the process from ending;
    // close() sets what its caller allows.
    linger: 0,
    sendHighWaterMark: settings.sendHighWaterMark,
    receiveHighWaterMark: settings.receiveHighWaterMark,
    maxMessageSize: settings.maxFrameBytes,
    reconnectInterval: Math.ceil(settings.reconnectIntervalMs),
    reconnectMaxInterval: Math.ceil(Math.max(settings.reconnectIntervalMs, settings.reconnectMaxIntervalMs)),
    immediate: spec.immediate ?? false,
    ...(settings.pingIntervalMs > 0 ? { heartbeatInterval: Math.ceil(settings.pingIntervalMs) } : {}),
    ...(spec.routingId === undefined ? {} : { routingId: spec.routingId }),
    ...curveSocketOptions(settings.curve),
  };
  switch (spec.type) {
    case "dealer":
      return new Dealer(options);
    case "router":
      return new Router({ ...options, mandatory: true, sendTimeout: 0, handover: spec.handover ?? false });
    case "publisher":
      return new Publisher(options);
    case "subscriber":
      return new Subscriber(options);
  }
}

/** Opens zeromq sockets for one role and looks after all of them. */
export class ZmqTransport implements Transport {
  readonly #owner: string;
  readonly #open = new Set<SocketDriver>();
  readonly #past: DriverStats = { sent: 0, received: 0, refused: 0, overflowed: 0, queued: 0 };

  /** @param owner - the name that error messages begin with */
  constructor(owner: string) {
    this.#owner = owner;
  }

  open(spec: SocketSpec, handlers: SocketHandlers): TransportSocket {
    const { type: _type, immediate: _immediate, routingId: _id, handover: _handover, ...given } = spec;
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

  backlog(): boolean {
    for (const driver of this.#open) if (driver.backlog) return true;
    return false;
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
