import { frameText, textFrame } from "@seaworthy/core";
import { expect, it } from "vitest";
import { Listings } from "../src/listings.js";
import type { WorkerInfo } from "../src/machine.js";

it("however many services are asked for, all workers are looked at once in a while", () => {
  let looks = 0;
  const listings = new Listings({
    services: () => [],
    workers() {
      looks += 1;
      const info = { id: `look ${looks}` } as WorkerInfo;
      return new Map(Array.from({ length: 1000 }, (_, index) => [`service ${index}`, [info]]));
    },
  });
  const askForAll = (): void => {
    for (let index = 0; index < 1000; index++) {
      const listing = listings.workers(textFrame(`service ${index}`));
      expect(frameText(listing)).toBe(JSON.stringify([{ id: `look ${looks}` }]));
    }
    expect(JSON.parse(frameText(listings.workers(textFrame(""))))).toHaveLength(1000);
    expect(frameText(listings.workers(textFrame("unknown")))).toBe("[]");
  };
  listings.at(0);
  askForAll();
  listings.at(249);
  askForAll();
  expect(looks).toBe(1);
  listings.at(250);
  askForAll();
  expect(looks).toBe(2);
});
