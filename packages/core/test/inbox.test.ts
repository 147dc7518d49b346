import { Inbox } from "@seaworthy/core/node";
import { describe, expect, it } from "vitest";

interface Setup {
  inbox: Inbox<string>;
  /** How many items were asked for in all. */
  demanded: () => number;
  /** How many of them were withdrawn each time, and how many may still be asked for at a time. */
  withdrawn: [number, number][];
}

function setup(): Setup {
  let demanded = 0;
  const withdrawn: [number, number][] = [];
  const inbox = new Inbox<string>({
    demand(count) {
      demanded += count;
    },
    withdraw: (...what) => withdrawn.push(what),
  });
  return { inbox, demanded: () => demanded, withdrawn };
}

/** Lets everything that has happened have its effect. */
const settled = (): Promise<unknown> => new Promise(setImmediate);

describe("Inbox", () => {
  it("asks for one item with each call of next, and none before", async () => {
    const { inbox, demanded } = setup();
    const iterator = inbox.iterator();
    expect(demanded()).toBe(0);
    const calls = [iterator.next(), iterator.next()];
    expect(demanded()).toBe(2);
    inbox.hand("first");
    inbox.hand("second");
    expect(await Promise.all(calls)).toEqual([
      { done: false, value: "first" },
      { done: false, value: "second" },
    ]);
    expect(demanded()).toBe(2);
  });

  it("takes what is handed over from within the demand", async () => {
    const inbox: Inbox<string> = new Inbox({
      demand: () => inbox.hand("at once"),
      withdraw: () => expect.unreachable(),
    });
    expect(await inbox.iterator().next()).toEqual({ done: false, value: "at once" });
  });

  it("gives each item to one of several iterators, in the order in which they asked", async () => {
    const { inbox } = setup();
    const [first, second] = [inbox.iterator().next(), inbox.iterator().next()];
    inbox.hand("a");
    inbox.hand("b");
    expect((await first).value).toBe("a");
    expect((await second).value).toBe("b");
  });

  it("ends what waits and what comes later when it is closed, and asks no more", async () => {
    const { inbox, demanded } = setup();
    const iterator = inbox.iterator();
    const waiting = [iterator.next(), iterator.next()];
    inbox.close();
    inbox.close();
    inbox.hand("to nobody");
    const end = { done: true, value: undefined };
    expect(await Promise.all([...waiting, iterator.next(), inbox.iterator().next()])).toEqual(
      Array(4).fill(end),
    );
    expect(demanded()).toBe(2);
  });
});

describe("an iteration that is broken off", () => {
  const end = { done: true, value: undefined };

  it("asks for no more, and what others ask for is left", async () => {
    const { inbox, demanded, withdrawn } = setup();
    const other = inbox.iterator().next();
    const taken: string[] = [];
    const broken = (async () => {
      for await (const item of { [Symbol.asyncIterator]: () => inbox.iterator() }) {
        taken.push(item);
        if (taken.length === 2) break;
      }
    })();
    for (const item of ["for the other", "first"]) inbox.hand(item);
    await settled();
    inbox.hand("second");
    await broken;
    expect([(await other).value, taken, demanded()]).toEqual(["for the other", ["first", "second"], 3]);
    expect(withdrawn, "none was open, and one iteration is left").toEqual([[0, 1]]);
  });

  it("withdraws what it has asked for: that goes to nobody, and the next item to another", async () => {
    const { inbox, withdrawn } = setup();
    const [broken, other] = [inbox.iterator(), inbox.iterator()];
    const open = [broken.next(), broken.next(), broken.next()];
    const next = other.next();
    inbox.hand("a");
    expect(await broken.return()).toEqual(end);
    inbox.hand("b");
    expect(await Promise.all([...open, next])).toEqual([
      { done: false, value: "a" },
      end,
      end,
      { done: false, value: "b" },
    ]);
    expect(withdrawn).toEqual([[2, 1]]);
  });

  it("is over, also when it is broken off again, and does not stand in the way of `serve`", async () => {
    const { inbox, demanded, withdrawn } = setup();
    const iterator = inbox.iterator();
    await iterator.return();
    expect(withdrawn, "it had asked for nothing").toEqual([]);
    expect(await iterator.next()).toEqual(end);
    const another = inbox.iterator();
    void another.next();
    void inbox.serve(
      "Owner",
      () => {},
      { concurrency: 3 },
      async () => {},
    );
    await another.return();
    await another.return();
    expect([demanded(), withdrawn]).toEqual([4, [[1, 3]]]);
  });

  it("withdraws nothing once the inbox is closed", async () => {
    const { inbox, withdrawn } = setup();
    const iterator = inbox.iterator();
    const open = iterator.next();
    inbox.close();
    expect([await iterator.return(), await open, withdrawn]).toEqual([end, end, []]);
  });
});

describe("Inbox.serve", () => {
  it("asks for as many as it may work on in one go", async () => {
    const demands: number[] = [];
    const inbox = new Inbox<string>({
      demand: (count) => demands.push(count),
      withdraw: () => expect.unreachable(),
    });
    const served = inbox.serve(
      "Owner",
      () => {},
      { concurrency: 20_000 },
      async () => {},
    );
    expect(demands).toEqual([20_000]);
    inbox.close();
    await served;
  });

  it("works on as many items at a time as allowed, and asks for the next when one is done", async () => {
    const { inbox, demanded } = setup();
    const finish: (() => void)[] = [];
    const begun: string[] = [];
    const work = (item: string): Promise<void> => {
      begun.push(item);
      return new Promise((resolve) => finish.push(resolve));
    };
    const served = inbox.serve("Owner", () => {}, { concurrency: 2 }, work);
    await settled();
    expect(demanded()).toBe(2);
    for (const item of ["a", "b"]) inbox.hand(item);
    await settled();
    expect([begun, demanded()]).toEqual([["a", "b"], 2]);
    finish[1]?.();
    await settled();
    expect(demanded()).toBe(3);
    inbox.hand("c");
    await settled();
    expect(begun).toEqual(["a", "b", "c"]);
    let isOver = false;
    void served.then(() => {
      isOver = true;
    });
    inbox.close();
    await settled();
    expect(isOver, "work is still at hand").toBe(false);
    for (const done of finish) done();
    await served;
    expect(demanded()).toBe(3);
  });

  it.each([{}, { concurrency: undefined }])("by default works on one item at a time: %o", async (options) => {
    const { inbox, demanded } = setup();
    const served = inbox.serve(
      "Owner",
      () => {},
      options,
      async () => {},
    );
    await settled();
    expect(demanded()).toBe(1);
    inbox.close();
    await served;
  });

  it("is over at once if it was closed before", async () => {
    const { inbox, demanded } = setup();
    inbox.close();
    await inbox.serve(
      "Owner",
      () => {},
      {},
      () => expect.unreachable(),
    );
    expect(demanded()).toBe(0);
  });

  it.each<[string, unknown, object, string]>([
    ["no handler", undefined, {}, "Owner.serve: the handler must be a function"],
    ["a wrong concurrency", () => {}, { concurrency: 0 }, 'Owner.serve: option "concurrency" must be'],
    ["a wrong option", () => {}, { parallel: 2 }, 'Owner.serve: there is no option "parallel"'],
  ])("refuses %s, and asks for nothing", async (_, handler, options, message) => {
    const { inbox, demanded } = setup();
    await expect(inbox.serve("Owner", handler, options, async () => {})).rejects.toThrow(message);
    expect(demanded()).toBe(0);
  });
});
