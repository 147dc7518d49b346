import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What a browser cannot load, and the file that asked for it. */
interface ForeignImport {
  readonly path: string;
  readonly importer: string;
}

export interface Bundle {
  readonly code: string;
  readonly foreign: readonly ForeignImport[];
  /** Files that went into it, relative to the workspace. */
  readonly inputs: readonly string[];
}

/** Import paths that must run in a browser: `./machine` of a pattern, or all of a package without one. */
export function portableEntries(): string[] {
  return readdirSync(join(root, "packages")).map((folder) => {
    const { name, exports } = JSON.parse(
      readFileSync(join(root, "packages", folder, "package.json"), "utf8"),
    );
    return "./machine" in exports ? `${name}/machine` : name;
  });
}

function catchForeign(foreign: ForeignImport[]): Plugin {
  return {
    name: "catch-foreign",
    setup({ onResolve }) {
      onResolve({ filter: /^[^./]/ }, ({ path, importer }) => {
        if (!isBuiltin(path) && path !== "zeromq" && !path.startsWith("zeromq/")) return undefined;
        foreign.push({ path, importer });
        return { path, external: true };
      });
    },
  };
}

/** Bundles all that `specifier` exports, from source, for browsers. */
export async function bundleForBrowsers(specifier: string, minify = false): Promise<Bundle> {
  const foreign: ForeignImport[] = [];
  const { metafile, outputFiles } = await build({
    stdin: { contents: `export * from ${JSON.stringify(specifier)};`, resolveDir: join(root, "test") },
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    minify,
    platform: "browser",
    target: "es2022",
    format: "iife",
    globalName: "bundled",
    conditions: ["@seaworthy/source"],
    plugins: [catchForeign(foreign)],
    logLevel: "silent",
  });
  return { code: outputFiles[0]?.text ?? "", foreign, inputs: Object.keys(metafile.inputs) };
}
