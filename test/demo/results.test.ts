import { describe, expect, it } from "vitest";
import { asJson, isSound, type PatternResult, tables } from "./results.js";
import { snailLoad } from "./snail-load.js";
import { REQUEST_TERMS } from "./terms.js";

const GOOD: PatternResult = {
  name: "some-pirate",
  title: "Some Pirate",
  about: "requests",
  terms: REQUEST_TERMS,
  seconds: 5,
  load: {
    sent: 1000,
    answered: 998,
    failed: 2,
    lost: 0,
    mismatched: 0,
    inFlight: 0,
    retried: 7,
    failures: { ERR_REQUEST_TIMEOUT: 2 },
    medianMs: 2,
    p99Ms: 90,
  },
  faults: [
    {
      name: "server killed",
      times: [
        { lastedMs: 500, recoveryMs: 12 },
        { lastedMs: 510, recoveryMs: 0 },
      ],
    },
  ],
};
const SNAIL: PatternResult = { ...GOOD, name: "snail", title: "Some Snail", terms: snailLoad.terms };

const withLoad = (load: Partial<PatternResult["load"]>): PatternResult => ({
  ...GOOD,
  load: { ...GOOD.load, ...load },
});

describe("whether the promises were kept", () => {
  it("what failed in a way that the application was told is no breach", () => {
    expect(isSound(GOOD)).toBe(true);
  });

  it.each([
    ["something is lost", withLoad({ lost: 1 })],
    ["something is mismatched", withLoad({ mismatched: 1 })],
    ["nothing is answered", withLoad({ answered: 0 })],
    [
      "it never recovered, be it once",
      {
        ...GOOD,
        faults: [
          ...GOOD.faults,
          {
            name: "frozen",
            times: [
              { lastedMs: 1, recoveryMs: 2 },
              { lastedMs: 1, recoveryMs: null },
            ],
          },
        ],
      },
    ],
  ])("%s: a breach", (_, result) => {
    expect(isSound(result)).toBe(false);
    expect(JSON.parse(asJson([GOOD, result])).ok).toBe(false);
  });
});

describe("the tables", () => {
  it("mark the pattern whose columns mean something of their own, and say what", () => {
    const text = tables([SNAIL, GOOD]);
    expect(text.match(/^Some Snail \* +\S/gm)).toHaveLength(2);
    expect(text.match(/^Some Pirate +[^ *]/gm)).toHaveLength(2);
    const requests = text.indexOf("failed      ended in a typed error");
    const messages = text.indexOf("* Some Snail: the columns count messages");
    expect(requests).toBeGreaterThan(0);
    expect(messages).toBeGreaterThan(requests);
    expect(text.slice(messages)).toContain("lost        losses that were not noticed");
  });

  it("say nothing of requests where there are none, and of messages where there are none", () => {
    expect(tables([SNAIL])).not.toContain("typed error");
    expect(tables([GOOD])).not.toContain("*");
  });

  it("fit into 80 columns", () => {
    const large = { sent: 999_999, answered: 999_999, retried: 9999, failed: 9999, p99Ms: 9999 };
    const results = [
      { ...withLoad(large), title: "Paranoid Pirate" },
      { ...SNAIL, title: "Suicidal Snail", load: { ...SNAIL.load, ...large } },
    ];
    for (const line of tables(results).split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("in JSON there is what is counted", () => {
    const { ok, patterns } = JSON.parse(asJson([GOOD, SNAIL]));
    expect(ok).toBe(true);
    expect(patterns).toMatchObject([
      { name: "some-pirate", counts: "requests", load: { answered: 998 } },
      { name: "snail", counts: "messages", load: { answered: 998 } },
    ]);
  });
});
