import { AlreadyAnsweredError, type Body, ClosedError } from "@seaworthy/core";
import { failureText, IncomingRequest, type NonEmptyFrames } from "@seaworthy/core/node";
import { describe, expect, it } from "vitest";

const body: NonEmptyFrames = [Buffer.from("ask")];

function setup(failure?: Error): { request: IncomingRequest; log: unknown[]; heal: () => void } {
  const log: unknown[] = [];
  let fault = failure;
  const answers = {
    reply(reply: Body) {
      if (fault !== undefined) throw fault;
      log.push(reply);
    },
    drop: () => void log.push("dropped"),
  };
  const heal = (): void => {
    fault = undefined;
  };
  return { request: new IncomingRequest(body, new AbortController().signal, answers), log, heal };
}

describe("IncomingRequest", () => {
  it("is answered once, whichever way", async () => {
    for (const first of ["reply", "drop"] as const) {
      const { request, log } = setup();
      expect([request.body, request.isAnswered, request.signal.aborted]).toEqual([body, false, false]);
      await request[first]("answer");
      expect(request.isAnswered).toBe(true);
      await expect(request.reply("again")).rejects.toThrow(AlreadyAnsweredError);
      expect(() => request.drop()).toThrow(AlreadyAnsweredError);
      expect(log).toEqual([first === "reply" ? "answer" : "dropped"]);
    }
  });

  it("is still to be answered if a reply was refused", async () => {
    const { request, log, heal } = setup(new ClosedError("Role"));
    await expect(request.reply("x")).rejects.toThrow("Role is closed");
    expect(request.isAnswered).toBe(false);
    heal();
    await request.reply("y");
    expect([request.isAnswered, log]).toEqual([true, ["y"]]);
  });
});

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
