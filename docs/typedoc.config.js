import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Converter } from "typedoc";
import { MarkdownPageEvent } from "typedoc-plugin-markdown";

const packages = [
  "core",
  "simulator",
  "lazy-pirate",
  "simple-pirate",
  "paranoid-pirate",
  "majordomo",
  "titanic",
  "binary-star",
  "freelance",
  "suicidal-snail",
  "pubsub-snapshot",
];
const root = join(import.meta.dirname, "../packages");

/** Import path of every public entry -> its source file, as the packages' own exports say. */
const entries = new Map(
  packages.flatMap((folder) => {
    const { name, exports } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    return Object.entries(exports).flatMap(([path, target]) => {
      const source = target["@seaworthy/source"];
      return source === undefined ? [] : [[`${name}${path.slice(1)}`, join(root, folder, source)]];
    });
  }),
);

/** Modules are called what a reader imports, and places in the source are named, not linked. */
function seaworthyNames(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children ?? []) {
      const { fileName } = module.sources[0];
      const name = [...entries].find(([, file]) => file.endsWith(`/${fileName}`))?.[0];
      if (name === undefined) throw new Error(`no entry point is called ${fileName}`);
      module.name = name;
    }
  });
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    for (const reflection of Object.values(project.reflections)) {
      const signatures = [reflection, ...(reflection.signatures ?? [])];
      for (const source of signatures.flatMap((item) => item.sources ?? [])) delete source.url;
    }
  });
}

/** Headings that stand on each page: they would fill the outline and the search. */
const REPEATED =
  /^#{2,6} (Constructors|Parameters|Returns|Throws|Type Parameters|Type Literal|Type Declaration|Get Signature|Set Signature|Call Signature|Inherited from|Overrides|Implementation of|Extends|Extended by|Implements)$/gm;

/** Such headings become lines in bold. Subclasses link to a constructor, so that keeps its anchor. */
function quietHeadings(app) {
  app.renderer.on(MarkdownPageEvent.END, (page) => {
    page.contents = page.contents
      ?.replace(REPEATED, "**$1**")
      .replace(/^#{2,6} Constructor$/gm, '<strong id="constructor">Constructor</strong>');
  });
}

// One program over the sources: it needs no build before it, and links cross packages.
export default {
  name: "API reference",
  entryPoints: [...entries.values()],
  basePath: root,
  displayBasePath: root,
  cleanOutputDir: true,
  tsconfig: "tsconfig.api.json",
  plugin: ["typedoc-plugin-markdown", seaworthyNames, quietHeadings],
  out: "api",
  readme: "none",
  disableGit: true,
  sourceLinkTemplate: "{path}",
  excludePrivate: true,
  excludeInternal: true,
  excludeExternals: true,
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  indexFormat: "table",
  parametersFormat: "table",
  entryFileName: "index",
  navigationJson: "api/navigation.json",
};
