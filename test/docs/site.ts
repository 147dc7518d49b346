import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Browser, chromium } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
const workspace = fileURLToPath(new URL("../..", import.meta.url));
const dist = join(workspace, "docs/.vitepress/dist");

const contentTypes: Record<string, string> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
};

/** True if the tests can run; where they must, a missing browser is an error. */
export function hasChromium(): boolean {
  if (existsSync(CHROMIUM)) return true;
  const { SEAWORTHY_REQUIRE_SERVERS } = process.env;
  if (SEAWORTHY_REQUIRE_SERVERS === "1") throw new Error(`${CHROMIUM} is not installed`);
  console.warn(`${CHROMIUM} is not installed: the site is not tested in a browser`);
  return false;
}

/** Builds the API reference and the site; its output is in the error if that fails. */
export async function buildSite(): Promise<void> {
  await promisify(execFile)("npm", ["run", "build", "-w", "docs"], { cwd: workspace });
}

export interface Site extends AsyncDisposable {
  readonly origin: string;
}

/** Serves the built site on a free port. */
export async function serveSite(): Promise<Site> {
  const server = createServer(async ({ url = "/" }, response) => {
    const path = normalize(decodeURIComponent(new URL(url, "http://site").pathname));
    const file = join(dist, path.endsWith("/") ? `${path}index.html` : path);
    const content = await readFile(file).catch(() => undefined);
    response.writeHead(content === undefined ? 404 : 200, { "content-type": contentTypes[extname(file)] });
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Every built page: its path on the site and its HTML. */
export async function builtPages(): Promise<Map<string, string>> {
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".html"),
  );
  const pages = files.map(
    async (file): Promise<[string, string]> => [
      `/${relative(dist, join(dist, file))}`,
      await readFile(join(dist, file), "utf8"),
    ],
  );
  return new Map(await Promise.all(pages));
}

/** A file of the workspace, as text. */
export function workspaceFile(path: string): Promise<string> {
  return readFile(join(workspace, path), "utf8");
}
