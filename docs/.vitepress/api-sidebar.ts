import { existsSync, readFileSync } from "node:fs";
import type { DefaultTheme } from "vitepress";

/** An entry of the navigation that typedoc-plugin-markdown writes beside its pages. */
interface NavigationItem {
  title: string;
  path?: string;
  children?: NavigationItem[];
}

const navigation = new URL("../api/navigation.json", import.meta.url);

/** The sidebar of the API reference: a section per import path, in it a fold per kind. */
export function apiSidebar(): DefaultTheme.SidebarItem[] {
  if (!existsSync(navigation)) throw new Error("docs/api is missing: `npm run api -w docs` writes it");
  const modules: NavigationItem[] = JSON.parse(readFileSync(navigation, "utf8"));
  return [
    { text: "API reference", link: "/api/", items: [{ text: "Back to the guide", link: "/guide/choosing" }] },
    ...modules.map((module) => sidebarItem(module, false)),
  ];
}

function sidebarItem({ title, path, children }: NavigationItem, collapsed = true): DefaultTheme.SidebarItem {
  const item: DefaultTheme.SidebarItem = { text: title };
  if (path !== undefined) item.link = `/api/${path.replace(/(index)?\.md$/, "")}`;
  if (children !== undefined) {
    item.items = children.map((child) => sidebarItem(child));
    item.collapsed = collapsed;
  }
  return item;
}
