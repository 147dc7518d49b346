/** `transport://address`, as zmq_bind and zmq_connect take it. */
const ENDPOINT = /^([a-z][a-z0-9+]*):\/\/(\S+)$/;
const TCP_ADDRESS = /^(?:\S+;)?(?:\[[^\]\s]+\]|[^\s:[\]]+):(\*|\d{1,5})$/;
const MAX_PORT = 65_535;

/**
 * Checks that an endpoint can be meant for ZeroMQ, so that a typing error is reported where it was
 * made and not when a connection is opened later.
 *
 * @param owner - the name that the error message begins with
 * @throws TypeError if it is not a string, RangeError if it is not of the form `transport://address`
 * or, for tcp, lacks a host or a port; both name the value
 */
export function checkEndpoint(owner: string, endpoint: unknown): string {
  if (typeof endpoint !== "string") {
    throw new TypeError(
      `${owner}: an endpoint must be a string, got ${endpoint === null ? "null" : typeof endpoint}`,
    );
  }
  const [, transport, address = ""] = ENDPOINT.exec(endpoint) ?? [];
  if (transport === undefined) throw invalid(owner, endpoint, "transport://address");
  if (transport === "tcp") {
    const port = TCP_ADDRESS.exec(address)?.[1];
    if (port === undefined || Number(port) > MAX_PORT) throw invalid(owner, endpoint, "tcp://host:port");
  }
  return endpoint;
}

function invalid(owner: string, endpoint: string, form: string): RangeError {
  return new RangeError(`${owner}: an endpoint must be of the form ${form}, got ${JSON.stringify(endpoint)}`);
}
