import { existsSync, readFileSync } from "node:fs";
import type { DefaultTheme } from "vitepress";

/** An entry of the navigation that typedoc-plugin-markdown writes beside its pages. */
interface NavigationItem {
  title: string;
  path?: string;
  children?: NavigationItem[];
}

const navigation = new URL("../api/navigation.json", import.meta.url);

/**
 * The sidebars of the API reference by the paths that they are for: a link for each import path, and of the one that
 * the page belongs to, a fold per kind. All of it on each of hundreds of pages was a fifth of the time to build the site.
 */
export function apiSidebars(): DefaultTheme.SidebarMulti {
  if (!existsSync(navigation)) throw new Error("docs/api is missing: `npm run api -w docs` writes it");
  const modules: NavigationItem[] = JSON.parse(readFileSync(navigation, "utf8"));
  const home = {
    text: "API reference",
    link: "/api/",
    items: [{ text: "Back to the guide", link: "/guide/choosing" }],
  };
  const sidebar = (current?: NavigationItem): DefaultTheme.SidebarItem[] => [
    home,
    ...modules.map((module) => sidebarItem(module === current ? module : withoutChildren(module), false)),
  ];
  return Object.fromEntries([
    ["/api/", sidebar()],
    ...modules.map((module) => [linkTo(module.path ?? ""), sidebar(module)] as const),
  ]);
}

function withoutChildren({ children, ...module }: NavigationItem): NavigationItem {
  return module;
}

function linkTo(path: string): string {
  return `/api/${path.replace(/(index)?\.md$/, "")}`;
}

function sidebarItem({ title, path, children }: NavigationItem, collapsed = true): DefaultTheme.SidebarItem {
  const item: DefaultTheme.SidebarItem = { text: title };
  if (path !== undefined) item.link = linkTo(path);
  if (children !== undefined) {
    item.items = children.map((child) => sidebarItem(child));
    item.collapsed = collapsed;
  }
  return item;
}
