import { readdirSync, readFileSync } from "node:fs";
import type { DefaultTheme } from "vitepress";

const folder = new URL("../decisions/", import.meta.url);

/** The architecture decision records, by number, under the headings that they have. */
export function decisionsSidebar(): DefaultTheme.SidebarItem[] {
  const files = readdirSync(folder).filter((file) => /^\d+.*\.md$/.test(file));
  return files.sort().map((file) => {
    const [, title = file] = /^# (.+)$/m.exec(readFileSync(new URL(file, folder), "utf8")) ?? [];
    return { text: title, link: `/decisions/${file.replace(/\.md$/, "")}` };
  });
}
