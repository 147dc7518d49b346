import { failureText } from "@seaworthy/core";
import { describe, expect, it } from "vitest";

describe("failureText", () => {
  it("is what was thrown, in words", () => {
    expect(failureText(new RangeError("too far"))).toBe("too far");
    expect(failureText("text")).toBe("text");
    expect(failureText(undefined)).toBe("undefined");
    expect(failureText(Object.assign(new Error("x"), { message: 7 }))).toBe("7");
  });

  it("is found for what cannot be made a string, too", () => {
    const traps: unknown[] = [
      Object.create(null),
      {
        toString() {
          throw new Error("trap");
        },
      },
      Object.defineProperty(new Error("x"), "message", {
        get() {
          throw new Error("trap");
        },
      }),
    ];
    for (const trap of traps)
      expect(failureText(trap)).toBe("the handler failed with a value that has no text");
    expect(failureText(Symbol("s"))).toBe("Symbol(s)");
  });
});
