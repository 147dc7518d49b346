import { BindError, checkEndpoint, type Random } from "@seaworthy/core";

/** Ports that nobody is given for good, where most are free: the dynamic ones of RFC 6335, section 6. */
const FIRST_PORT = 49_152;
const LAST_PORT = 65_535;

/** So many ports are tried before it is believed that none is to be had. */
const MAX_TRIES = 100;

const ANY_PORT = /:[*0]$/;
const ANY_HOST = /^[a-z]+:\/\/(?:\*|0\.0\.0\.0|\[::\])(?::|$)/;

/** Where to listen, and the routing id to have there. */
export interface NamedEndpoint {
  readonly endpoint: string;
  /** The endpoint that clients connect to. */
  readonly name: string;
}

/**
 * The endpoint to bind with the name that the server has there.
 *
 * @param as - the endpoint that clients connect to; by default the one that is bound
 * @throws RangeError if that is needed and missing, or no endpoint to connect to
 */
export function nameEndpoint(owner: string, endpoint: string, as: string | undefined): NamedEndpoint {
  if (as === undefined && ANY_HOST.test(endpoint))
    throw new RangeError(
      `${owner}: to listen at ${endpoint}, option "as" must be the endpoint that clients connect to`,
    );
  if (as !== undefined && !(ANY_PORT.test(endpoint) && ANY_PORT.test(as)))
    checkEndpoint(`${owner}: as`, as, "connect");
  return { endpoint, name: as ?? endpoint };
}

/**
 * Binds. A socket must have its routing id before it is bound, and so before the system could give it a port: where
 * the port is left open, one is taken at random, and another if somebody has it. The port is never let go between,
 * so that nobody can take it meanwhile.
 *
 * @param bind - binds with the routing id
 * @throws BindError
 */
export function bindNamed(
  { endpoint, name }: NamedEndpoint,
  random: Random,
  bind: (endpoint: NamedEndpoint) => void,
): string {
  if (!ANY_PORT.test(endpoint)) {
    bind({ endpoint, name });
    return name;
  }
  for (let tries = 1; ; tries++) {
    const port = `:${FIRST_PORT + Math.floor(random() * (LAST_PORT - FIRST_PORT + 1))}`;
    const named = { endpoint: endpoint.replace(ANY_PORT, port), name: name.replace(ANY_PORT, port) };
    try {
      bind(named);
      return named.name;
    } catch (error) {
      if (tries === MAX_TRIES || !isPortTaken(error)) throw error;
    }
  }
}

function isPortTaken(error: unknown): boolean {
  const cause = error instanceof BindError ? error.cause : undefined;
  return (cause as { code?: unknown } | undefined)?.code === "EADDRINUSE";
}
