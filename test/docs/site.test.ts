import * as binaryStar from "@seaworthy/binary-star/machine";
import type { TransitionTable } from "@seaworthy/core";
import * as freelance from "@seaworthy/freelance/machine";
import { requestLife } from "@seaworthy/lazy-pirate/machine";
import * as majordomo from "@seaworthy/majordomo/machine";
import * as paranoid from "@seaworthy/paranoid-pirate/machine";
import * as snapshot from "@seaworthy/pubsub-snapshot/machine";
import * as simple from "@seaworthy/simple-pirate/machine";
import * as titanic from "@seaworthy/titanic/machine";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  buildSite,
  builtPages,
  hasChromium,
  launchBrowser,
  type Site,
  serveSite,
  workspaceFile,
} from "./site.js";

type Life = TransitionTable<string, string, string, string>;

/** A pattern's page: what it draws, and the examples that it shows. */
interface PatternPage {
  readonly title: string;
  readonly path: string;
  readonly lives: readonly Life[];
  /** A word of each sequence diagram, in order. */
  readonly sequences: readonly string[];
  /** How many state diagrams, sequences and charts there are. */
  readonly drawings: number;
  /** Whether a phone shows all of every drawing, the state diagrams too. */
  readonly fitsPhone: boolean;
  readonly examples: readonly string[];
}

const patterns: readonly PatternPage[] = [
  {
    title: "Lazy Pirate",
    path: "/patterns/lazy-pirate.html",
    lives: [requestLife],
    sequences: ["crashes", "LazyPirateClient", "connection 2"],
    drawings: 5,
    fitsPhone: true,
    examples: ["lazy-pirate/client", "lazy-pirate/server"],
  },
  {
    title: "Simple Pirate",
    path: "/patterns/simple-pirate.html",
    lives: [simple.sessionLife],
    sequences: ["READY", "crashes"],
    drawings: 5,
    fitsPhone: false,
    examples: ["simple-pirate/queue", "simple-pirate/worker"],
  },
  {
    title: "Paranoid Pirate",
    path: "/patterns/paranoid-pirate.html",
    lives: [paranoid.workerLife, paranoid.sessionLife],
    sequences: ["knows nothing", "connection gone", "frozen"],
    drawings: 7,
    fitsPhone: false,
    examples: ["paranoid-pirate/queue", "paranoid-pirate/worker"],
  },
  {
    title: "Majordomo",
    path: "/patterns/majordomo.html",
    lives: [majordomo.workerLife, majordomo.sessionLife, majordomo.requestLife],
    sequences: ["connection gone", "it joins", "PARTIAL"],
    drawings: 9,
    fitsPhone: false,
    examples: [
      "majordomo/broker",
      "majordomo/worker",
      "majordomo/client",
      "majordomo/stream",
      "majordomo/threads-worker",
    ],
  },
  {
    title: "Titanic",
    path: "/patterns/titanic.html",
    lives: [titanic.serviceLife, titanic.callLife, titanic.dialectLife],
    sequences: ["synced", "killed", "known"],
    drawings: 8,
    fitsPhone: false,
    examples: ["titanic/server", "titanic/client", "titanic/survive"],
  },
  {
    title: "Binary Star",
    path: "/patterns/binary-star.html",
    lives: [binaryStar.starLife, binaryStar.requestLife, binaryStar.serverChoiceLife],
    sequences: ["crashes", "cut off", "Storage"],
    drawings: 9,
    fitsPhone: false,
    examples: ["binary-star/server", "binary-star/client"],
  },
  {
    title: "Freelance",
    path: "/patterns/freelance.html",
    lives: [freelance.callLife, freelance.serverLife],
    sequences: ["crashes", "hedgeAfterMs", "duplicate"],
    drawings: 7,
    fitsPhone: false,
    examples: ["freelance/server", "freelance/client"],
  },
  {
    title: "Suicidal Snail",
    path: "/patterns/suicidal-snail.html",
    lives: [],
    sequences: ["high-water", "alarm", "another series"],
    drawings: 3,
    fitsPhone: true,
    examples: ["suicidal-snail/publisher", "suicidal-snail/subscriber"],
  },
  {
    title: "Pub-sub snapshot",
    path: "/patterns/pubsub-snapshot.html",
    lives: [snapshot.clientLife],
    sequences: ["it is live", "is missing", "GOTIT"],
    drawings: 5,
    fitsPhone: false,
    examples: ["pubsub-snapshot/server", "pubsub-snapshot/client"],
  },
];

const lazyPirate = "/patterns/lazy-pirate.html";
const patternPaths = patterns.map(({ path }) => path);
const pages = [
  "/",
  "/guide/choosing.html",
  "/guide/status-and-errors.html",
  ...patternPaths,
  "/packages/core.html",
  "/packages/simulator.html",
  "/api/",
  "/api/@seaworthy/lazy-pirate/classes/LazyPirateClient.html",
  "/api/@seaworthy/simple-pirate/classes/SimplePirateQueue.html",
  "/api/@seaworthy/paranoid-pirate/classes/ParanoidPirateWorker.html",
  "/api/@seaworthy/majordomo/classes/MajordomoBroker.html",
  "/api/@seaworthy/titanic/classes/TitanicServer.html",
  "/api/@seaworthy/binary-star/classes/BinaryStarServer.html",
  "/api/@seaworthy/freelance/classes/FreelanceClient.html",
  "/api/@seaworthy/suicidal-snail/classes/SnailSubscriber.html",
  "/api/@seaworthy/pubsub-snapshot/classes/SnapshotClient.html",
  "/api/@seaworthy/pubsub-snapshot/lmdb/classes/LmdbStore.html",
  "/api/@seaworthy/titanic/postgres/interfaces/PostgresStoreOptions.html",
];

const pagesWithDiagrams = ["/guide/choosing.html", ...patternPaths, "/packages/core.html"];

/** A busy machine builds in minutes and draws in seconds. */
const BUILD_TIMEOUT_MS = 300_000;
const DRAWING_TIMEOUT_MS = 30_000;
const BLANK = "about:blank";
const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 } };

function eventually<T>(read: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(read, { timeout: DRAWING_TIMEOUT_MS });
}

beforeAll(buildSite, BUILD_TIMEOUT_MS);

test("every link within the site leads to a page, and to a heading that is there", async () => {
  const built = await builtPages();
  expect(built.size).toBeGreaterThan(pages.length);
  const dead: string[] = [];
  for (const [path, html] of built) {
    for (const [, href = ""] of html.matchAll(/<a [^>]*?href="([^"]+)"/g)) {
      const { origin, pathname, hash } = new URL(href, `http://site${path}`);
      if (origin !== "http://site") continue;
      const target = built.get(
        pathname.endsWith("/") ? `${pathname}index.html` : decodeURIComponent(pathname),
      );
      const id = decodeURIComponent(hash.slice(1));
      if (target === undefined || (id !== "" && !target.includes(`id="${id}"`)))
        dead.push(`${path}: ${href}`);
    }
  }
  expect(dead).toEqual([]);
});

describe.skipIf(!hasChromium())("in a browser", () => {
  let site: Site;
  let browser: Browser;
  const complaints: string[] = [];
  /** One for each kind of window, for all tests: to open a window takes longer than to load a page into it. */
  const windows = new Map<string, Page>();
  /** What was read last. To draw all the diagrams of a page takes longer than to look at them. */
  let reading: { readonly path: string; readonly page: Page } | undefined;

  beforeAll(async () => {
    [site, browser] = await Promise.all([serveSite(), launchBrowser()]);
  });

  afterAll(async () => {
    await browser?.close();
    await site?.[Symbol.asyncDispose]();
  });

  afterEach(async () => {
    for (const page of windows.values()) if (page !== reading?.page) await page.goto(BLANK);
    expect(complaints.splice(0)).toEqual([]);
  });

  /** A new window; errors in its console and requests to other hosts fail the test. */
  async function newWindow(options: BrowserContextOptions): Promise<Page> {
    const page = await (await browser.newContext(options)).newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(`${page.url()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
    page.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (["data:", "about:"].includes(protocol) || origin === site.origin) return;
      complaints.push(`${page.url()} asks ${request.url()}`);
    });
    return page;
  }

  /** Loads a page, and waits until its diagrams are drawn. */
  async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const kind = JSON.stringify(options);
    const page = windows.get(kind) ?? (await newWindow(options));
    windows.set(kind, page);
    if (reading?.page === page) reading = undefined;
    // From another document: to a heading of its own a page would only scroll.
    await page.goto(BLANK);
    const response = await page.goto(site.origin + path, { waitUntil: "load" });
    expect(response?.status()).toBe(200);
    const waiting = page.locator(".diagram-source");
    await eventually(() => waiting.count()).toBe(0);
    return page;
  }

  /** A page that is only looked at: the one of the test before, if that read the same. */
  async function read(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    if (reading?.path === path && reading.page === windows.get(JSON.stringify(options))) return reading.page;
    const page = await open(path, options);
    reading = { path, page };
    return page;
  }

  test.each(patterns)("the home page leads to $title", async ({ title, path }) => {
    const page = await open("/");
    await page.locator(".VPHero").getByRole("link", { name: title, exact: true }).click();
    await page.waitForURL(site.origin + path);
    await eventually(() => page.locator("h1").innerText()).toContain(title);
  });

  test.each(patterns)("the sidebar and the menu lead to $title", async ({ title, path }) => {
    const page = await open("/guide/choosing.html");
    await page.locator(".VPSidebar").getByRole("link", { name: title, exact: true }).click();
    await page.waitForURL(site.origin + path);
    await page.locator(".VPNavBar").getByRole("button", { name: "Patterns" }).hover();
    const menu = page.locator(".VPNavBar .VPMenu").getByRole("link");
    expect(await menu.allInnerTexts()).toEqual(patterns.map((pattern) => pattern.title));
  });

  describe.each(pagesWithDiagrams)("%s on a screen", (path) => {
    test("every diagram has a name and a description in words", async () => {
      const page = await read(path);
      const drawings = await page.locator(".diagram svg").all();
      expect(drawings.length).toBeGreaterThan(0);
      for (const drawing of drawings) {
        const named = await drawing.evaluate((svg) =>
          ["aria-labelledby", "aria-describedby"].map((attribute) =>
            document.getElementById(svg.getAttribute(attribute) ?? "")?.textContent?.trim(),
          ),
        );
        expect(named).toEqual([expect.stringMatching(/\w/), expect.stringMatching(/\w{3}/)]);
      }
    });

    test("no label of a diagram is cut off or under another", async () => {
      const page = await read(path);
      const faults = await page.locator(".diagram svg").evaluateAll((drawings) =>
        drawings.flatMap((svg) => {
          const labels = [...svg.querySelectorAll("foreignObject")].filter((label) =>
            label.textContent?.trim(),
          );
          const boxes = labels.map((label) => ({
            text: label.textContent,
            ...label.getBoundingClientRect().toJSON(),
          }));
          const cut = labels.filter((label) => {
            const content = label.firstElementChild?.getBoundingClientRect();
            return content !== undefined && content.height > label.getBoundingClientRect().height + 1;
          });
          const covered = boxes.filter((a, index) =>
            boxes
              .slice(index + 1)
              .some(
                (b) =>
                  a.left < b.right - 1 &&
                  b.left < a.right - 1 &&
                  a.top < b.bottom - 1 &&
                  b.top < a.bottom - 1,
              ),
          );
          return [
            ...cut.map((label) => `cut: ${label.textContent}`),
            ...covered.map(({ text }) => `covered: ${text}`),
          ];
        }),
      );
      expect(faults).toEqual([]);
    });

    const pattern = patterns.find((known) => known.path === path);
    if (pattern === undefined) return;
    const { lives, sequences, examples } = pattern;

    test("shows the tables that run as state diagrams", async () => {
      const page = await read(path);
      const drawings = await page.locator('svg[aria-roledescription="stateDiagram"]').all();
      // What ends is drawn in two parts.
      const counts = lives.map(({ final }) => (final.length === 0 ? 1 : 2));
      expect(drawings).toHaveLength(counts.reduce((sum, count) => sum + count, 0));
      const tables = await page.locator("details:has(table)").all();
      expect(tables).toHaveLength(lives.length);
      for (const [index, life] of lives.entries()) {
        const parts = drawings.splice(0, counts[index]);
        const labels = await Promise.all(
          parts.map((part) => part.locator("foreignObject").allTextContents()),
        );
        const text = labels.flat().join(" ");
        for (const state of life.states) expect(text).toContain(state);
        for (const { event, decision } of life.rows())
          if (decision.kind === "go") expect(text).toContain(event);
        expect(await tables[index]?.locator("tbody tr").count()).toBe([...life.rows()].length);
      }
    });

    test("is drawn as sequence diagrams: what fails, and what then", async () => {
      const page = await read(path);
      const drawings = page.locator('svg[aria-roledescription="sequence"]');
      expect(await drawings.allTextContents()).toEqual(
        sequences.map((word) => expect.stringContaining(word)),
      );
    });

    test("shows the files that run as examples", async () => {
      const page = await read(path);
      const shown = (await page.locator(".language-ts code").allTextContents()).map((code) => code.trim());
      for (const example of examples) {
        const source = await workspaceFile(`examples/${example}.ts`);
        expect(shown).toContain(source.trim());
      }
    });
  });

  describe("search", () => {
    /** Where the first result leads. The box stays open: to load what is searched takes longer than to search it. */
    async function firstFound(text: string): Promise<string | null> {
      const page = await read("/");
      const box = page.getByRole("searchbox");
      const results = page.locator(".VPLocalSearchBox .result");
      if (!(await box.isVisible())) await page.getByRole("button", { name: "Search" }).click();
      await box.fill("");
      await eventually(() => results.count()).toBe(0);
      await box.fill(text);
      await eventually(() => results.first().count()).toBe(1);
      return await results.first().getAttribute("href");
    }

    test.each(patterns)("finds $title", async ({ title, path }) => {
      expect(await firstFound(title)).toContain(path.replace(".html", ""));
    });

    test("what is written for readers comes before the reference", async () => {
      expect(await firstFound("timeout")).toMatch(/^\/(guide|patterns)\//);
    });
  });

  const deepLink = `${lazyPirate}#the-reply-cache`;

  /** Where the heading of the deep link is on the screen, once it has come to rest there. */
  async function expectHeadingInView(page: Page): Promise<void> {
    const top = (): Promise<number | undefined> =>
      page.locator("#the-reply-cache").evaluate((heading) => heading.getBoundingClientRect().top);
    await eventually(top).toBeGreaterThanOrEqual(0);
    await eventually(top).toBeLessThan(300);
  }

  test("a deep link leads to its heading, below all the diagrams", async () => {
    const page = await open(deepLink);
    await expectHeadingInView(page);
  });

  test("a link from another page leads to its heading, the diagrams drawn before or not", async () => {
    const page = await open("/guide/choosing.html");
    for (let round = 0; round < 2; round++) {
      await page.locator('main a[href$="#the-reply-cache"]').first().click();
      await page.waitForURL(site.origin + deepLink);
      await eventually(() => page.locator(".diagram svg").count()).toBe(5);
      await expectHeadingInView(page);
      await page.goBack();
      await page.waitForURL(`${site.origin}/guide/choosing.html`);
    }
  });

  describe.each(pages)("%s on a phone", (path) => {
    test("it fits", async () => {
      const page = await read(path, PHONE);
      const [content = 0, screen = 0] = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return [scrollWidth, clientWidth];
      });
      expect(screen).toBe(390);
      expect(content).toBeLessThanOrEqual(screen);
    });

    const pattern = patterns.find((known) => known.path === path);
    if (pattern === undefined) return;
    const { drawings, fitsPhone } = pattern;

    test("a drawing that is cut says so", async () => {
      const page = await read(path, PHONE);
      const figures = await page.locator(".diagram").evaluateAll((all) =>
        all.map((figure) => {
          const box = figure.querySelector(".diagram-drawing");
          const isCut = box !== null && box.scrollWidth > box.clientWidth + 1;
          const isSequence = figure.querySelector('svg[aria-roledescription="sequence"]') !== null;
          return { isCut, isSequence, says: figure.querySelector(".diagram-hint") !== null };
        }),
      );
      expect(figures).toHaveLength(drawings);
      for (const { isCut, says } of figures) expect(says).toBe(isCut);
      expect(figures.filter(({ isCut, isSequence }) => isCut && (isSequence || fitsPhone))).toEqual([]);
    });

    test("tables show all of their columns", async () => {
      const page = await read(path, PHONE);
      const cut = await page
        .locator(".vp-doc > div > table")
        .evaluateAll((tables) =>
          tables
            .filter((table) => table.scrollWidth > table.clientWidth + 1)
            .map((table) => table.querySelector("tr")?.textContent),
        );
      expect(cut).toEqual([]);
    });
  });

  test("diagrams follow the reader between light and dark", async () => {
    const page = await open(lazyPirate, { colorScheme: "dark", viewport: { width: 1300, height: 900 } });
    const lightness = (): Promise<{ page: number; label: number }> =>
      page.evaluate(() => {
        const grey = (colour: string): number => Number(/\d+/.exec(colour)?.[0]);
        const label = document.querySelector('svg[aria-roledescription="sequence"] .messageText');
        if (label === null) throw new Error("there is no label");
        return {
          page: grey(getComputedStyle(document.body).backgroundColor),
          label: grey(getComputedStyle(label).fill),
        };
      });
    const dark = await lightness();
    expect(dark.page).toBeLessThan(64);
    expect(dark.label).toBeGreaterThan(160);
    await page.locator(".VPNavBar").getByRole("switch").click();
    await eventually(async () => (await lightness()).label).toBeLessThan(96);
    expect((await lightness()).page).toBe(255);
  });

  test("where JavaScript is off, a diagram is its source", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(site.origin + lazyPirate);
    expect(await page.locator(".diagram-source").first().textContent()).toContain("Client (REQ)");
  });
});
