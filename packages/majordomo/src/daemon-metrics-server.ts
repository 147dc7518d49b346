import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { MetricsAddress } from "./daemon-command-line.js";

/** What is served. */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/** Serves metrics over HTTP. */
export interface MetricsServer {
  /** Of the metrics, with the real port. */
  readonly url: string;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** Scrapers are few; whoever opens more gets no answer. */
const MAX_CONNECTIONS = 100;
/** How long a request may take to arrive, in ms. */
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Serves metrics where the command line asks for them, if it does.
 *
 * @throws (by rejecting) an Error with a line for people if it cannot listen there
 */
export async function openMetrics(
  metrics: MetricsText | undefined,
  address: MetricsAddress | undefined,
): Promise<MetricsServer | undefined> {
  if (metrics === undefined || address === undefined) return undefined;
  return serveMetrics(metrics, address).catch(({ message }: Error) => {
    throw new Error(`--metrics: cannot listen on ${address.host} port ${address.port}: ${message}`);
  });
}

/**
 * Listens for HTTP requests: `/metrics` for Prometheus, `/healthz` with 200 for as long as the process works.
 *
 * @throws (by rejecting) what the system says if it cannot listen there
 */
export async function serveMetrics(
  metrics: MetricsText,
  { host, port }: MetricsAddress,
): Promise<MetricsServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    void respond(metrics, request, response);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(port, host);
  await once(server, "listening");
  // A connection that it cannot take, for want of file descriptors, is no reason to end the process.
  server.on("error", () => undefined);
  const { port: realPort } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${realPort}/metrics`,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function respond(
  metrics: MetricsText,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path] = (request.url ?? "").split("?", 1);
  if (path !== "/metrics" && path !== "/healthz") return send(response, 404, "not found\n");
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return send(response, 405, "method not allowed\n");
  }
  if (path === "/healthz") return send(response, 200, "ok\n");
  try {
    send(response, 200, await metrics.text(), metrics.contentType);
  } catch (error) {
    send(response, 500, `${error}\n`);
  }
}

function send(
  response: ServerResponse,
  status: number,
  text: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) });
  response.end(text);
}
