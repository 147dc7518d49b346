import { requestLife } from "@seaworthy/lazy-pirate/machine";
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

const lazyPirate = "/patterns/lazy-pirate.html";
const pages = [
  "/",
  "/guide/choosing.html",
  "/guide/status-and-errors.html",
  lazyPirate,
  "/packages/core.html",
  "/packages/simulator.html",
  "/api/",
  "/api/@seaworthy/lazy-pirate/classes/LazyPirateClient.html",
];

const pagesWithDiagrams = ["/guide/choosing.html", lazyPirate, "/packages/core.html"];

beforeAll(buildSite);

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

  beforeAll(async () => {
    [site, browser] = await Promise.all([serveSite(), launchBrowser()]);
  });

  afterAll(async () => {
    await browser?.close();
    await site?.[Symbol.asyncDispose]();
  });

  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    expect(complaints.splice(0)).toEqual([]);
  });

  /** Opens a page; errors in its console and requests to other hosts fail the test. */
  async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await (await browser.newContext(options)).newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(`${path}: ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(`${path}: ${error.message}`));
    page.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol !== "data:" && origin !== site.origin) complaints.push(`${path} asks ${request.url()}`);
    });
    const response = await page.goto(site.origin + path, { waitUntil: "load" });
    expect(response?.status()).toBe(200);
    const waiting = page.locator(".diagram-source");
    await expect.poll(() => waiting.count()).toBe(0);
    return page;
  }

  test("the home page leads to Lazy Pirate", async () => {
    const page = await open("/");
    await page.locator(".VPHero").getByRole("link", { name: "Lazy Pirate" }).click();
    await page.waitForURL(site.origin + lazyPirate);
    expect(await page.locator("h1").innerText()).toContain("Lazy Pirate");
  });

  test("the state diagrams show the states and events of the table that runs", async () => {
    const page = await open(lazyPirate);
    const drawings = page.locator('svg[aria-roledescription="stateDiagram"]');
    const text = (await drawings.locator("foreignObject").allTextContents()).join(" ");
    for (const state of requestLife.states) expect(text).toContain(state);
    for (const { event, decision } of requestLife.rows())
      if (decision.kind === "go") expect(text).toContain(event);
    const rows = page.locator("details:has(table) tbody tr");
    expect(await rows.count()).toBe([...requestLife.rows()].length);
  });

  test("the failure and the recovery are drawn as sequence diagrams", async () => {
    const page = await open(lazyPirate);
    const drawings = page.locator('svg[aria-roledescription="sequence"]');
    expect(await drawings.count()).toBe(3);
    expect(await drawings.nth(0).textContent()).toContain("crashes");
    expect(await drawings.nth(1).textContent()).toContain("LazyPirateClient");
  });

  test.each(pagesWithDiagrams)("every diagram of %s has a name and a description in words", async (path) => {
    const page = await open(path);
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

  test.each(pagesWithDiagrams)("no label of a diagram of %s is cut off or under another", async (path) => {
    const page = await open(path);
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
                a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1,
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

  test("the examples on the page are the files that run", async () => {
    const page = await open(lazyPirate);
    const shown = await page.locator(".language-ts code").allTextContents();
    for (const role of ["client", "server"]) {
      const source = await workspaceFile(`examples/lazy-pirate/${role}.ts`);
      expect(shown.map((code) => code.trim())).toContain(source.trim());
    }
  });

  test("search finds Lazy Pirate", async () => {
    const page = await open("/");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("searchbox").fill("Lazy Pirate");
    const results = page.locator(".VPLocalSearchBox .result");
    await expect.poll(() => results.count()).toBeGreaterThan(0);
    const links = await results.evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    expect(links.some((href) => href?.startsWith("/patterns/lazy-pirate"))).toBe(true);
  });

  test("what is written for readers comes before the reference in a search", async () => {
    const page = await open("/");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("searchbox").fill("timeout");
    const first = page.locator(".VPLocalSearchBox .result").first();
    await expect.poll(() => first.count()).toBe(1);
    expect(await first.getAttribute("href")).toMatch(/^\/(guide|patterns)\//);
  });

  const deepLink = `${lazyPirate}#the-reply-cache`;

  /** Where the heading of the deep link is on the screen, once it has come to rest there. */
  async function expectHeadingInView(page: Page): Promise<void> {
    const top = (): Promise<number | undefined> =>
      page.locator("#the-reply-cache").evaluate((heading) => heading.getBoundingClientRect().top);
    await expect.poll(top).toBeGreaterThanOrEqual(0);
    await expect.poll(top).toBeLessThan(300);
  }

  test("a deep link leads to its heading, below all the diagrams", async () => {
    const page = await open(deepLink, { viewport: { width: 1280, height: 720 } });
    await expectHeadingInView(page);
  });

  test("a link from another page leads to its heading, the diagrams drawn before or not", async () => {
    const page = await open("/guide/choosing.html", { viewport: { width: 1280, height: 720 } });
    for (let round = 0; round < 2; round++) {
      await page.locator('main a[href$="#the-reply-cache"]').first().click();
      await page.waitForURL(site.origin + deepLink);
      await expect.poll(() => page.locator(".diagram svg").count()).toBe(5);
      await expectHeadingInView(page);
      await page.goBack();
      await page.waitForURL(`${site.origin}/guide/choosing.html`);
    }
  });

  test("a drawing that does not fit a phone says so, and the others are there as a whole", async () => {
    const page = await open(lazyPirate, { viewport: { width: 390, height: 844 } });
    const drawings = await page.locator(".diagram").evaluateAll((figures) =>
      figures.map((figure) => {
        const box = figure.querySelector(".diagram-drawing");
        const isCut = box !== null && box.scrollWidth > box.clientWidth + 1;
        return { isCut, says: figure.querySelector(".diagram-hint") !== null };
      }),
    );
    expect(drawings).toHaveLength(5);
    for (const { isCut, says } of drawings) expect(says).toBe(isCut);
    expect(drawings.filter(({ isCut }) => isCut)).toEqual([]);
  });

  test("on a phone the tables show all of their columns", async () => {
    const page = await open(lazyPirate, { viewport: { width: 390, height: 844 } });
    const cut = await page
      .locator(".vp-doc > div > table")
      .evaluateAll((tables) =>
        tables
          .filter((table) => table.scrollWidth > table.clientWidth + 1)
          .map((table) => table.querySelector("tr")?.textContent),
      );
    expect(cut).toEqual([]);
  });

  test.each(pages)("%s fits a phone", async (path) => {
    const page = await open(path, { viewport: { width: 390, height: 844 } });
    const [content = 0, screen = 0] = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return [scrollWidth, clientWidth];
    });
    expect(screen).toBe(390);
    expect(content).toBeLessThanOrEqual(screen);
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
    await expect.poll(async () => (await lightness()).label).toBeLessThan(96);
    expect((await lightness()).page).toBe(255);
  });

  test("where JavaScript is off, a diagram is its source", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(site.origin + lazyPirate);
    expect(await page.locator(".diagram-source").first().textContent()).toContain("Client (REQ)");
  });
});
