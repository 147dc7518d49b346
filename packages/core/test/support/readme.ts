import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The README of a package, for tests that hold it against the code. */
export class Readme {
  readonly #folder: string;
  readonly text: string;

  private constructor(folder: string, text: string) {
    this.#folder = folder;
    this.text = text;
  }

  /** Reads that of the package to which a test file, given by its URL, belongs. */
  static async of(testFile: string): Promise<Readme> {
    const folder = fileURLToPath(new URL("..", testFile));
    return new Readme(folder, await readFile(`${folder}/README.md`, "utf8"));
  }

  /** Runs its first example as it stands, from source. */
  runExample(): Promise<{ stdout: string; stderr: string }> {
    const [, program = ""] = /^```js\n(.*?)^```$/ms.exec(this.text) ?? [];
    const flags = ["--conditions=@seaworthy/source", "--import", "tsx", "--input-type=module", "--eval"];
    return promisify(execFile)(process.execPath, [...flags, program], { cwd: this.#folder });
  }

  /** Names in the first column of the table of options of a section, in the order of the alphabet. */
  options(section: string): string[] {
    const [, text = ""] = this.text.split(`## ${section}\n`);
    const [, table = ""] = text.split("\n## ", 1)[0]?.split("| option |") ?? [];
    const rows = table.split("\n").filter((line) => line.startsWith("| `"));
    const names = rows.flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`(\w+)`/g)]);
    return names.map(([, name]) => `${name}`).sort();
  }

  /** Those of the given names that it does not mention. */
  lacks(names: readonly string[]): string[] {
    return names.filter((name) => !this.text.includes(`\`${name}\``));
  }
}
