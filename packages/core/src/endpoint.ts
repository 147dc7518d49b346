/** `transport://address`, as zmq_bind and zmq_connect take it. */
const ENDPOINT = /^([a-z][a-z0-9+]*):\/\/(\S+)$/;
const TCP_ADDRESS = /^(?:\S+;)?(?:\[[^\]\s]+\]|[^\s:[\]]+):(\*|\d{1,5})$/;
const MAX_PORT = 65_535;
/**
 * Transports of libzmq, in some build of it. Not inproc: its sockets say nothing of their
 * connections, which the patterns go by.
 */
const TRANSPORTS = ["tcp", "ipc", "ws", "wss", "tipc", "vmci"];

/**
 * Checks that an endpoint can be meant for ZeroMQ, so that a typing error is reported where it was
 * made and not when a connection is opened later.
 *
 * @param owner - the name that the error message begins with
 * @param use - what it is for: only an endpoint to bind may leave the host or the port to the system
 * @throws TypeError if it is not a string, RangeError if it is not of the form `transport://address`,
 * the transport is unknown, or a host or port is missing; both name the value
 */
export function checkEndpoint(owner: string, endpoint: unknown, use: "bind" | "connect"): string {
  if (typeof endpoint !== "string") {
    throw new TypeError(
      `${owner}: an endpoint must be a string, got ${endpoint === null ? "null" : typeof endpoint}`,
    );
  }
  const [, transport, address = ""] = ENDPOINT.exec(endpoint) ?? [];
  if (transport === undefined) throw invalid(owner, endpoint, "transport://address");
  if (!TRANSPORTS.includes(transport))
    throw invalid(owner, endpoint, `transport://address with a transport of ${TRANSPORTS.join(", ")}`);
  if (transport === "tcp") {
    const port = TCP_ADDRESS.exec(address)?.[1];
    if (port === undefined || Number(port) > MAX_PORT) throw invalid(owner, endpoint, "tcp://host:port");
    if (use === "connect" && (address.startsWith("*:") || port === "*" || port === "0")) {
      throw invalid(owner, endpoint, "tcp://host:port, with a host and a port to connect to");
    }
  }
  return endpoint;
}

function invalid(owner: string, endpoint: string, form: string): RangeError {
  return new RangeError(`${owner}: an endpoint must be of the form ${form}, got ${JSON.stringify(endpoint)}`);
}
