import { checkEndpoint } from "@seaworthy/core";

/** Where the three sockets of a server are. */
export interface SnapshotEndpoints {
  /** Snapshots, and the updates of clients of ours: port P of RFC 12. */
  readonly snapshot: string;
  /** Updates to clients: P + 1. */
  readonly publisher: string;
  /** Updates of clients that are not ours: P + 2. */
  readonly collector: string;
}

const PORT = /^(tcp:\/\/.*:)(\d+)$/;
const MAX_PORT = 65_535;
const ANY_PORT = /^tcp:\/\/.*:\*$/;

/**
 * The endpoints of a server: the first one of `tcp://host:port`, whose next two ports follow, or all three. To bind any ports, `tcp://host:*` is
 * three times the same.
 *
 * @param owner - the name that error messages begin with
 * @throws TypeError or RangeError if one of them cannot be meant for ZeroMQ, or if the others do not follow from the first
 */
export function threeEndpoints(
  owner: string,
  given: string | SnapshotEndpoints,
  use: "bind" | "connect",
): SnapshotEndpoints {
  if (typeof given === "object" && given !== null) {
    return {
      snapshot: checkEndpoint(owner, given.snapshot, use),
      publisher: checkEndpoint(owner, given.publisher, use),
      collector: checkEndpoint(owner, given.collector, use),
    };
  }
  const snapshot = checkEndpoint(owner, given, use);
  // The system chooses all three.
  if (ANY_PORT.test(snapshot)) return { snapshot, publisher: snapshot, collector: snapshot };
  const [, host, port] = PORT.exec(snapshot) ?? [];
  const first = Number(port);
  if (host === undefined || first === 0 || first + 2 > MAX_PORT) {
    throw new RangeError(
      `${owner}: two more ports follow from tcp://host:port with a port from 1 to ${MAX_PORT - 2}; give { snapshot, publisher, collector } instead of ${JSON.stringify(given)}`,
    );
  }
  return { snapshot, publisher: `${host}${first + 1}`, collector: `${host}${first + 2}` };
}
