import { describe, expect, it } from "vitest";
import { BELIEVED_MS } from "../src/dialect-finder.js";
import { ID, TitanicDriver } from "./client-driver.js";

const auto = (): TitanicDriver => new TitanicDriver({ dialect: "auto" });
const QUESTION = "mmi.service: titanic.submit";
const FURTHER = "mmi.service: titanic.request";
const OURS = "titanic.submit: own key 1|echo|a|b";
const THEIRS = "titanic.request: echo|a|b";

/** It has learned that the server has `titanic.request` only. */
function foreign(): TitanicDriver {
  const client = auto();
  client.submit();
  return client.answer("404").answer("200").until(250).answer("404");
}

/** It has learned that the broker does not tell. */
function untold(): TitanicDriver {
  const client = auto();
  client.submit();
  return client.answer("501");
}

describe("a server of ours", () => {
  it("is asked for once, for all requests that wait", () => {
    const client = auto();
    client.submit();
    client.submit({ isKeyed: true });
    expect(client.asked).toEqual([QUESTION]);
    expect(client.of("request")[0]).toMatchObject({ timeoutMs: 500, attempts: 1 });
    client.answer("200");
    client.submit();
    expect(client.asked).toEqual([
      QUESTION,
      OURS,
      "titanic.submit: key|echo|a|b",
      "titanic.submit: own key 2|echo|a|b",
    ]);
    expect(client.statuses).toEqual(["dialect-found:seaworthy"]);
  });

  it("has half the time of the most impatient request to be found", () => {
    const client = auto();
    client.submit({ timeoutMs: 60_000 });
    client.submit({ timeoutMs: 100 });
    client.answer("404");
    expect(client.of("request")[1]).toMatchObject({ timeoutMs: 50 });
    client.answer("404");
    for (const call of [1, 2]) client.feed({ type: "abort", call });
    client.feed({ type: "broker-changed" });
    expect(client.of("request").at(-1)).toMatchObject({ timeoutMs: 500 });
  });

  it.each(["ERR_NO_SERVICE", "ERR_REQUEST_TIMEOUT"] as const)(
    "is believed until a request finds nobody: %s",
    (code) => {
      const client = auto();
      client.submit();
      client.answer("200").fails(code);
      client.submit();
      expect(client.asked.at(-1)).toBe(QUESTION);
    },
  );

  it("is believed when the broker is unreachable, until the connection is lost", () => {
    const client = auto();
    client.submit();
    client.answer("200").fails("ERR_BROKER_UNREACHABLE");
    client.submit();
    expect(client.asked.at(-1)).toBe("titanic.submit: own key 2|echo|a|b");
    client.feed({ type: "broker-changed" });
    client.submit();
    expect(client.asked.at(-1)).toBe(QUESTION);
  });

  it("that starts, and offers titanic.request a moment before titanic.submit, is not taken for a foreign one", () => {
    const client = auto();
    client.submit({ isKeyed: true });
    client.answer("404").answer("200");
    expect(client.asked).toEqual([QUESTION, FURTHER]);
    client.until(249);
    expect(client.asked).toHaveLength(2);
    client.until(250).answer("200").answer("200", ID);
    expect(client.ends).toEqual([`1: id ${ID}`]);
    expect(client.statuses).toEqual(["dialect-found:seaworthy"]);
  });

  it("that is not there yet is waited for within the time of the request", () => {
    const client = auto();
    client.submit();
    client.answer("404").answer("404");
    expect(client.machine.deadline).toBe(50);
    client.until(50).answer("404").answer("404").until(150).answer("200").answer("200", ID);
    expect(client.ends).toEqual([`1: id ${ID}`]);
    expect(client.of("request").at(-1)).toMatchObject({ attempts: 3, timeoutMs: 950 });
  });

  it("that does not come in time fails the request, and is not asked for any more", () => {
    const client = auto();
    client.submit({ attempts: 1 });
    client.answer("404").answer("404");
    for (let deadline = client.machine.deadline; deadline !== undefined; deadline = client.machine.deadline) {
      client.until(deadline);
      if (client.asked.at(-1) === QUESTION) client.answer("404").answer("404");
    }
    expect(client.of("failed")).toEqual([
      {
        type: "failed",
        call: 1,
        failure: { code: "ERR_NO_SERVICE", attempts: 1, sent: 0, endpoints: [] },
      },
    ]);
    expect(client.now).toBeLessThan(3000);
    client.submit();
    expect(client.asked.at(-1)).toBe(QUESTION);
  });
});

describe("a request that could not be handed in", () => {
  it("says that no broker was reached, or that it did not answer, or what else kept it", () => {
    const unreached = auto();
    unreached.submit({ attempts: 1 });
    const mute = auto().feed({ type: "recognised", ours: true });
    mute.submit({ attempts: 1 });
    const failing = auto();
    failing.submit({ attempts: 1 });
    failing.fails("ERR_BROKER_LIMIT");
    for (const client of [unreached, mute, failing]) client.until(1000);
    expect([unreached, mute, failing].map(({ ends }) => ends)).toEqual([
      ["1: ERR_BROKER_UNREACHABLE"],
      ["1: ERR_REQUEST_TIMEOUT"],
      ["1: ERR_BROKER_LIMIT"],
    ]);
    expect(failing.of("failed")[0]?.failure).toMatchObject({ sent: 0, endpoints: ["tcp://a:1"] });
  });

  it("that is aborted meanwhile is not sent", () => {
    const client = auto();
    client.submit();
    client.feed({ type: "abort", call: 1 }).answer("200");
    expect(client.asked).toEqual([QUESTION]);
    expect(client.ends).toEqual(["1: ERR_ABORTED"]);
  });

  it("gives way in a doubt as well", () => {
    const client = auto();
    client.submit();
    client.answer("404").answer("200").feed({ type: "abort", call: 1 }).until(1000);
    expect(client.machine.deadline).toBeUndefined();
    client.submit();
    expect(client.asked).toEqual([QUESTION, FURTHER, QUESTION]);
  });

  it("waits in a doubt and in a pause with those that came before it", () => {
    const client = auto();
    client.submit();
    client.answer("404").answer("200");
    client.submit();
    client.until(250).answer("404");
    expect(client.asked.slice(-2)).toEqual([THEIRS, THEIRS]);
    const resting = auto();
    resting.submit();
    resting.answer("404").answer("404");
    resting.submit();
    expect(resting.asked).toEqual([QUESTION, FURTHER]);
    resting.until(50).answer("200");
    expect(resting.asked.slice(-2)).toEqual([OURS, "titanic.submit: own key 2|echo|a|b"]);
  });
});

describe("a server of ours that was there before", () => {
  /** It is missed by a request; `titanic.request` is there again. */
  function missed(): TitanicDriver {
    const client = auto();
    client.submit();
    client.answer("200").fails("ERR_NO_SERVICE");
    client.submit({ timeoutMs: 2 * BELIEVED_MS });
    return client.answer("404").answer("200");
  }

  it("is asked for until all its services are back: nothing is handed in without a key meanwhile", () => {
    const client = missed();
    const since = client.now;
    while (client.now < since + BELIEVED_MS - 250) client.until(client.now + 250).answer("404");
    client
      .until(client.now + 250)
      .answer("200")
      .answer("200", ID);
    expect(client.asked).not.toContain(THEIRS);
    expect(client.ends).toEqual(["1: ERR_NO_SERVICE", `2: id ${ID}`]);
    expect(client.statuses.filter((status) => status.startsWith("dialect-found"))).toEqual([
      "dialect-found:seaworthy",
      "dialect-found:seaworthy",
    ]);
  });

  it("is believed to be another one in the end, and then at once again", () => {
    const client = missed();
    const since = client.now;
    while (client.now < since + BELIEVED_MS) client.until(client.now + 250).answer("404");
    expect(client.asked.at(-1)).toBe(THEIRS);
    client.feed({ type: "broker-changed" });
    client.submit();
    client
      .answer("404")
      .answer("200")
      .until(client.now + 250)
      .answer("404");
    expect(client.asked.at(-1)).toBe(THEIRS);
  });
});

describe("a foreign server", () => {
  it("is asked by titanic.request", () => {
    const client = foreign().answer("200", ID);
    expect(client.asked).toEqual([QUESTION, FURTHER, QUESTION, THEIRS]);
    expect(client.statuses).toEqual(["dialect-found:rfc9"]);
    expect(client.ends).toEqual([`1: id ${ID}`]);
  });

  it("takes no keys", () => {
    const client = foreign();
    client.submit({ isKeyed: true });
    expect(client.ends).toEqual(["2: ERR_NOT_SUPPORTED"]);
    const fixed = new TitanicDriver({ dialect: "rfc9" });
    fixed.call({ isKeyed: true });
    expect(fixed.ends).toEqual(["1: ERR_NOT_SUPPORTED"]);
  });

  it("is believed to be one for a time only", () => {
    const client = foreign();
    client.until(250 + BELIEVED_MS - 1);
    client.submit();
    expect(client.asked.at(-1)).toBe(THEIRS);
    client.until(250 + BELIEVED_MS);
    client.submit();
    expect(client.asked.at(-1)).toBe(QUESTION);
    client.answer("404");
    expect(client.asked.at(-1)).toBe(THEIRS);
    client.until(client.now + BELIEVED_MS);
    client.submit();
    client.answer("200");
    expect(client.asked.at(-1)).toBe(OURS);
  });

  it.each(["ERR_NO_SERVICE", "ERR_REQUEST_TIMEOUT"] as const)("is looked for again after %s", (code) => {
    const client = foreign().fails(code);
    client.submit();
    expect(client.asked.at(-1)).toBe(QUESTION);
  });

  it("is looked for again over another connection", () => {
    const client = foreign().feed({ type: "broker-changed" });
    client.submit();
    expect(client.asked.at(-1)).toBe(QUESTION);
  });
});

describe("a broker that does not tell", () => {
  it("gets requests with the caller's key for titanic.submit, and others for titanic.request", () => {
    const client = untold();
    client.submit({ isKeyed: true });
    expect(client.asked).toEqual([QUESTION, THEIRS, "titanic.submit: key|echo|a|b"]);
    expect(client.statuses).toEqual(["dialect-found:broker-silent"]);
  });

  it("is one that is foreign and silent, but not one of ours, nor one of which it is not known", () => {
    const foreignBroker = auto().feed({ type: "recognised", ours: false });
    foreignBroker.submit();
    foreignBroker.fails("ERR_REQUEST_TIMEOUT");
    expect(foreignBroker.asked).toEqual([QUESTION, THEIRS]);
    for (const ours of [true, undefined]) {
      const client = auto();
      if (ours !== undefined) client.feed({ type: "recognised", ours });
      client.submit();
      client.fails("ERR_REQUEST_TIMEOUT").until(50);
      expect(client.asked).toEqual([QUESTION, QUESTION]);
    }
    const lost = auto().feed({ type: "recognised", ours: false });
    lost.submit();
    lost.fails("ERR_BROKER_UNREACHABLE").until(50);
    expect(lost.asked).toEqual([QUESTION, QUESTION]);
  });

  it("is asked again after a time, and over another connection, and when nobody was found", () => {
    for (const happen of [
      (client: TitanicDriver) => client.until(BELIEVED_MS),
      (client: TitanicDriver) => client.feed({ type: "broker-changed" }),
      (client: TitanicDriver) => client.fails("ERR_REQUEST_TIMEOUT"),
    ]) {
      const client = untold();
      happen(client);
      client.submit();
      expect(client.asked.at(-1)).toBe(QUESTION);
    }
  });

  it.each([["501"], [""], undefined])("says %s, also to a later question", (status) => {
    const frames = status ?? [];
    const further = auto();
    further.submit();
    further.answer("404").answer(...frames);
    const again = auto();
    again.submit();
    again
      .answer("404")
      .answer("200")
      .until(250)
      .answer(...frames);
    for (const client of [further, again]) expect(client.asked.at(-1)).toBe(THEIRS);
  });
});

describe("what is asked when the connection changes", () => {
  it.each([
    ["first", []],
    ["second", ["404"]],
  ])("is asked anew when it is answered, since another may be there: the %s question", (_which, answers) => {
    const client = auto();
    client.submit();
    for (const answer of answers) client.answer(answer);
    client.feed({ type: "broker-changed" }).feed({ type: "broker-changed" }).answer("404");
    expect(client.asked.at(-1)).toBe(QUESTION);
    expect(client.statuses).toEqual([]);
    client.answer("200");
    expect(client.asked.slice(-2)).toEqual([QUESTION, OURS]);
  });

  it("is asked anew also the third time, and at once in a pause", () => {
    const again = auto();
    again.submit();
    again.answer("404").answer("200").until(250).feed({ type: "broker-changed" }).answer("404");
    expect(again.asked.at(-1)).toBe(QUESTION);
    again.answer("404");
    expect(again.asked.at(-1)).toBe(FURTHER);
    const doubting = auto();
    doubting.submit();
    doubting.answer("404").answer("200").feed({ type: "broker-changed" });
    const resting = auto();
    resting.submit();
    resting.answer("404").answer("404").feed({ type: "broker-changed" });
    for (const client of [doubting, resting]) {
      expect(client.asked).toEqual([QUESTION, FURTHER, QUESTION]);
      client.answer("200");
      expect(client.asked.at(-1)).toBe(OURS);
    }
  });

  it("is not asked for ever of brokers that are left for their silence one after the other", () => {
    const client = auto().feed({ type: "recognised", ours: false });
    client.submit();
    client.feed({ type: "broker-changed" }).fails("ERR_REQUEST_TIMEOUT");
    expect(client.asked).toEqual([QUESTION, THEIRS]);
    client.feed({ type: "recognised", ours: false });
    client.submit();
    expect(client.asked.at(-1)).toBe(THEIRS);
    client.feed({ type: "recognised", ours: true });
    client.submit();
    expect(client.asked.at(-1)).toBe(QUESTION);
  });

  it("is nothing if nothing was asked", () => {
    const client = auto().feed({ type: "broker-changed" });
    expect(client.outputs).toEqual([]);
  });

  it("fails as a broker that cannot be reached does, with a pause that grows", () => {
    const client = auto();
    client.submit();
    client.answer("404").fails("ERR_BROKER_UNREACHABLE").until(50);
    client.answer("404").answer("200").until(300).fails("ERR_BROKER_UNREACHABLE");
    expect(client.machine.deadline).toBe(400);
    client.until(400).answer("200");
    expect(client.asked.at(-1)).toBe(OURS);
  });
});

it("a request that failed for another reason while it is being found out changes nothing", () => {
  const client = auto();
  client.submit();
  client.answer("200");
  const sent = client.lastAsk;
  client.feed({ type: "broker-changed" });
  client.submit();
  client.fails("ERR_NO_SERVICE", sent).answer("200");
  expect(client.asked.slice(-2)).toEqual([QUESTION, "titanic.submit: own key 2|echo|a|b"]);
});
