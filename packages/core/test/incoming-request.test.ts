import { AlreadyAnsweredError, type Body, ClosedError } from "@seaworthy/core";
import { IncomingRequest, type NonEmptyFrames } from "@seaworthy/core/node";
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
