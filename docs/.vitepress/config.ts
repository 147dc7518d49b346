import { defineConfig } from "vitepress";
import { apiSidebars } from "./api-sidebar.js";
import { decisionsSidebar } from "./decisions-sidebar.js";
import { mermaidFences } from "./mermaid-fences.js";
import { searchOptions } from "./search-options.js";

const patterns = [
  { text: "Lazy Pirate", link: "/patterns/lazy-pirate" },
  { text: "Simple Pirate", link: "/patterns/simple-pirate" },
  { text: "Paranoid Pirate", link: "/patterns/paranoid-pirate" },
  { text: "Majordomo", link: "/patterns/majordomo" },
  { text: "Titanic", link: "/patterns/titanic" },
  { text: "Binary Star", link: "/patterns/binary-star" },
  { text: "Freelance", link: "/patterns/freelance" },
  { text: "Suicidal Snail", link: "/patterns/suicidal-snail" },
  { text: "Pub-sub snapshot", link: "/patterns/pubsub-snapshot" },
];

export default defineConfig({
  title: "Seaworthy",
  description: "The reliability patterns of the ZeroMQ guide as small TypeScript packages for Node.js.",
  lang: "en",
  head: [
    ["link", { rel: "icon", type: "image/svg+xml", href: "/favicon.svg" }],
    ["meta", { name: "theme-color", content: "#0d4f6e" }],
  ],
  // The sidebar of the API reference is long: once in a file of its own, not in every page.
  metaChunk: true,
  srcExclude: ["parts/**", "**/README.md"],
  markdown: {
    theme: { light: "github-light-high-contrast", dark: "github-dark" },
    config: mermaidFences,
  },
  themeConfig: {
    logo: "/favicon.svg",
    search: { provider: "local", options: { miniSearch: { searchOptions } } },
    outline: [2, 3],
    nav: [
      { text: "Choose a pattern", link: "/guide/choosing" },
      { text: "Patterns", activeMatch: "^/patterns/", items: patterns },
      { text: "API", link: "/api/", activeMatch: "^/api/" },
    ],
    sidebar: {
      ...apiSidebars(),
      "/": [
        {
          text: "Guide",
          items: [
            { text: "What Seaworthy is", link: "/" },
            { text: "How to choose a pattern", link: "/guide/choosing" },
            { text: "Status, errors and stats", link: "/guide/status-and-errors" },
          ],
        },
        { text: "Patterns", items: patterns },
        {
          text: "Foundations",
          items: [
            { text: "Core", link: "/packages/core" },
            { text: "Simulator", link: "/packages/simulator" },
          ],
        },
        { text: "Reference", items: [{ text: "API reference", link: "/api/" }] },
        { text: "Design decisions", collapsed: true, items: decisionsSidebar() },
      ],
    },
    footer: { message: "MIT licensed" },
  },
  vite: {
    // Pages import the machines that they describe; from source, so that no build comes first.
    resolve: { conditions: ["@seaworthy/source"] },
    ssr: { noExternal: [/^@seaworthy\//] },
    // Mermaid is 500 kB or more however it is cut, and loaded only by pages that have a diagram.
    build: { chunkSizeWarningLimit: 1000 },
  },
});
