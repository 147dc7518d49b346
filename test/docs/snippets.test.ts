import { expect, test } from "vitest";
import { workspaceFile } from "./site.js";
import { fences, SnippetFolder } from "./snippet-folder.js";

const programs = [
  { page: "docs/index.md", prints: "hello\n" },
  { page: "docs/patterns/simple-pirate.md", prints: "you said ahoy\n" },
  { page: "docs/patterns/paranoid-pirate.md", prints: "you said ahoy\n" },
  { page: "docs/patterns/majordomo.md", prints: "you said ahoy\n" },
  { page: "docs/patterns/titanic.md", prints: "you said ahoy\n" },
  { page: "docs/patterns/binary-star.md", prints: "primary, epoch 1: ahoy\nbackup, epoch 2: avast\n" },
  { page: "docs/patterns/freelance.md", prints: "you said ahoy\n" },
  { page: "docs/patterns/suicidal-snail.md", prints: "temperature.deck: 21\n" },
  { page: "docs/patterns/pubsub-snapshot.md", prints: "speed: 12\n/wind/direction: north-west\n" },
];

test.each(programs)("the first request on $page is answered", async ({ page, prints }) => {
  const [snippet = ""] = fences(await workspaceFile(page), "ts");
  await using folder = await SnippetFolder.create();
  await folder.write("first.ts", snippet);
  expect(await folder.run("first.ts")).toBe(prints);
});
