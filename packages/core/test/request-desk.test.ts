import {
  blankRequestId,
  type DeskRequest,
  frameKey,
  keyFrame,
  REQUEST_ID_BYTES,
  RequestDesk,
  type RequestDeskLimits,
  type RequestDropped,
  textFrame,
} from "@seaworthy/core";
import { describe, expect, it } from "vitest";

interface Setup {
  desk: RequestDesk;
  events: RequestDropped[];
  /** A request of a client, with a body of so many bytes; `undefined` if it is dropped at once. */
  admit(client: string, bytes?: number, now?: number): DeskRequest | undefined;
  /** A request that waits, if there is room. */
  wait(client: string, bytes?: number, now?: number): DeskRequest;
}

function setup(limits: Partial<RequestDeskLimits> = {}): Setup {
  const events: RequestDropped[] = [];
  const desk = new RequestDesk(
    { maxWaiting: 10, maxWaitingBytes: 1000, maxWaitingMs: 100, maxBodyBytes: 50, ...limits },
    (event) => void events.push(event),
  );
  const admit = (client: string, bytes = 1, now = 0): DeskRequest | undefined =>
    desk.admit({ route: [keyFrame(client)], body: [new Uint8Array(bytes)] }, now);
  return {
    desk,
    events,
    admit,
    wait(client, bytes, now = 0) {
      const request = admit(client, bytes, now) as DeskRequest;
      desk.wait(request, now);
      return request;
    },
  };
}

describe("RequestDesk", () => {
  it("numbers requests from 1 and keeps what came, with the client's connection as its lane", () => {
    const { desk, events, admit } = setup();
    const route = [Uint8Array.of(0, 255, 128), textFrame("hop")];
    const body = [textFrame("four"), textFrame("x")];
    expect(desk.admit({ route, body }, 7)).toEqual({
      lane: frameKey(Uint8Array.of(0, 255, 128)),
      number: 1,
      route,
      body,
      bytes: 11,
      receivedAt: 7,
      deliveries: 0,
      givenBackBy: [],
      isOver: false,
    });
    expect(admit("b")?.number).toBe(2);
    expect([desk.requests, desk.dropped, desk.waiting, desk.deadline]).toEqual([2, 0, 0, undefined]);
    expect(events).toEqual([]);
  });

  it("drops a body that is too large, whatever its envelope takes", () => {
    const { desk, events } = setup();
    const route = [textFrame("id"), new Uint8Array(60)];
    expect(desk.admit({ route, body: [new Uint8Array(50)] }, 0)).toMatchObject({ bytes: 112 });
    expect(desk.admit({ route, body: [new Uint8Array(50), new Uint8Array(1)] }, 3)).toBeUndefined();
    expect(events).toEqual([{ type: "request-dropped", at: 3, reason: "body-too-large", waitedMs: 0 }]);
    expect([desk.requests, desk.dropped]).toEqual([2, 1]);
  });

  it("bounds what waits by envelopes, too: a large one cannot hide behind a small body", () => {
    const { desk, events } = setup({ maxWaitingBytes: 100 });
    const request = desk.admit({ route: [textFrame("id"), new Uint8Array(99)], body: [] }, 0) as DeskRequest;
    desk.wait(request, 0);
    expect(events.map(({ reason }) => reason)).toEqual(["queue-full"]);
    expect([desk.waiting, request.isOver]).toEqual([0, true]);
  });

  it("bounds what waits by frames, too: empty ones cannot hide how many they are", () => {
    const { desk, events } = setup({ maxWaiting: 1000, maxWaitingBytes: 1_000_000 });
    const body = Array.from({ length: 1000 }, () => new Uint8Array(0));
    for (let index = 0; index < 10; index++) {
      desk.wait(desk.admit({ route: [keyFrame("flood")], body }, 0) as DeskRequest, 0);
    }
    expect([desk.waiting, events.map(({ reason }) => reason)]).toEqual([2, Array(8).fill("queue-full")]);
  });

  it("serves clients in turn, and reports who gives way when it is full", () => {
    const { desk, events, wait } = setup({ maxWaiting: 3 });
    const flood = Array.from({ length: 3 }, () => wait("flood"));
    const other = wait("other", 1, 5);
    expect(events).toEqual([{ type: "request-dropped", at: 5, reason: "queue-full", waitedMs: 5 }]);
    expect(flood.map(({ isOver }) => isOver)).toEqual([false, false, true]);
    expect([desk.waiting, desk.dropped]).toEqual([3, 1]);
    expect([desk.next(), desk.next(), desk.next(), desk.next()]).toEqual([
      flood[0],
      other,
      flood[1],
      undefined,
    ]);
    expect(other.isOver).toBe(false);
  });

  it("drops what has waited too long, the oldest first", () => {
    const { desk, events, wait } = setup();
    const requests = [wait("a", 1, 0), wait("a", 1, 10), wait("b", 1, 20)];
    expect(desk.deadline).toBe(100);
    desk.expire(99);
    expect(events).toEqual([]);
    desk.expire(110);
    expect(events).toEqual([
      { type: "request-dropped", at: 110, reason: "too-old", waitedMs: 110 },
      { type: "request-dropped", at: 110, reason: "too-old", waitedMs: 100 },
    ]);
    expect(requests.map(({ isOver }) => isOver)).toEqual([true, true, false]);
    expect([desk.waiting, desk.deadline]).toEqual([1, 120]);
  });

  it("gives what was put back to the next worker, before all others, and counts its age anew", () => {
    const { desk, wait } = setup();
    wait("a");
    const back = wait("b");
    desk.next();
    expect(desk.next()).toBe(back);
    wait("c", 1, 40);
    expect(desk.putBack(back, 50)).toBe(true);
    expect([desk.waiting, desk.deadline]).toEqual([2, 140]);
    expect(desk.next()).toBe(back);
    desk.putBack(back, 60);
    desk.withdraw(back);
    expect([desk.waiting, desk.dropped, back.isOver]).toEqual([1, 0, false]);
    desk.withdraw(back);
    expect(desk.waiting).toBe(1);
  });

  it("drops what a client left when its connection is gone, also what was put back", () => {
    const { desk, events, wait } = setup();
    const [first, kept, second] = [wait("gone"), wait("other"), wait("gone")];
    expect(desk.next()).toBe(first);
    desk.putBack(first, 5);
    desk.clientGone("gone", 30);
    expect(events.map(({ reason, waitedMs }) => [reason, waitedMs])).toEqual([
      ["client-gone", 30],
      ["client-gone", 30],
    ]);
    expect([first, kept, second].map(({ isOver }) => isOver)).toEqual([true, false, true]);
    desk.clientGone("gone", 31);
    expect([desk.dropped, desk.next(), desk.next()]).toEqual([2, kept, undefined]);
  });

  it("drops everything once it is closed, and takes nothing in any more", () => {
    const { desk, events, admit, wait } = setup();
    const running = admit("a") as DeskRequest;
    const [waiting, back] = [wait("a"), wait("b")];
    desk.putBack(back, 0);
    desk.close(10);
    expect(admit("late", 1, 11)).toBeUndefined();
    expect(admit("late and large", 51, 12)).toBeUndefined();
    expect(desk.putBack(running, 13)).toBe(false);
    expect(events.every(({ reason }) => reason === "closing")).toBe(true);
    expect(events.map(({ at }) => at)).toEqual([10, 10, 10, 11, 12, 13]);
    expect([running, waiting, back].map(({ isOver }) => isOver)).toEqual([true, true, true]);
    expect([desk.waiting, desk.deadline, desk.requests]).toEqual([0, undefined, 5]);
  });

  describe("with a retry of a request of our client", () => {
    const idOf = (sequence: number, kind = 0): Uint8Array => {
      const id = blankRequestId();
      id[3] = kind;
      id[REQUEST_ID_BYTES - 1] = sequence;
      return id;
    };

    /** A desk at which `ask` lets a client's numbered request wait. */
    function identified(limits: Partial<RequestDeskLimits> = {}) {
      const { desk, events } = setup(limits);
      const ask = (client: string, sequence: number, now = 0): DeskRequest => {
        const route = [keyFrame(client), idOf(sequence)];
        const request = desk.admit({ route, body: [textFrame("x")] }, now) as DeskRequest;
        desk.wait(request, now);
        return request;
      };
      return { desk, events, ask, reasons: () => events.map(({ reason }) => reason) };
    }

    it("does not let it wait as well, so that the line does not grow by being long", () => {
      const { desk, events, ask } = identified();
      const first = ask("a", 1);
      const again = ask("a", 1, 30);
      expect([first.isOver, again.isOver, desk.waiting, desk.dropped]).toEqual([false, true, 1, 1]);
      expect(events).toEqual([{ type: "request-dropped", at: 30, reason: "repeated", waitedMs: 0 }]);
      expect([desk.next(), desk.next()]).toEqual([first, undefined]);
    });

    it("lets it wait once the one before is at a worker, which may never reply", () => {
      const { desk, ask, reasons } = identified();
      const first = ask("a", 1);
      expect(desk.next()).toBe(first);
      expect([ask("a", 1).isOver, desk.waiting, reasons()]).toEqual([false, 1, []]);
    });

    it("takes another request, another client and another connection for what they are", () => {
      const { desk, ask, reasons } = identified();
      for (const client of ["a", "b"]) for (const sequence of [1, 2]) ask(client, sequence);
      expect([desk.waiting, reasons()]).toEqual([4, []]);
    });

    it("knows none of clients that are not ours, whatever their envelopes look like", () => {
      const { desk } = setup();
      const foreign = [
        [keyFrame("a")],
        [idOf(1)],
        [keyFrame("a"), idOf(1), textFrame("hop")],
        [keyFrame("a"), idOf(1).subarray(1)],
      ];
      for (const route of [...foreign, ...foreign]) {
        desk.wait(desk.admit({ route, body: [textFrame("x")] }, 0) as DeskRequest, 0);
      }
      expect([desk.waiting, desk.dropped]).toEqual([2 * foreign.length, 0]);
    });

    it.each<[string, (desk: RequestDesk, request: DeskRequest) => void]>([
      ["too old", (desk) => desk.expire(100)],
      ["without its client", (desk) => desk.clientGone("a", 1)],
      ["given to a worker", (desk) => void desk.next()],
      [
        "put back and withdrawn",
        (desk, request) => {
          desk.next();
          desk.putBack(request, 0);
          desk.withdraw(request);
        },
      ],
    ])("forgets the one before when it is %s", (_how, end) => {
      const { desk, ask, reasons } = identified();
      end(desk, ask("a", 1));
      expect([ask("a", 1, 100).isOver, reasons().includes("repeated"), desk.waiting]).toEqual([
        false,
        false,
        1,
      ]);
    });

    it("forgets one for which there is no room", () => {
      const { desk, ask, reasons } = identified({ maxWaiting: 1 });
      ask("a", 1);
      ask("a", 2);
      ask("a", 2);
      expect([desk.waiting, reasons()]).toEqual([1, ["queue-full", "queue-full"]]);
    });

    it("knows what was put back, which takes the place of a retry that waits by then", () => {
      const { desk, ask, reasons } = identified();
      const first = ask("a", 1);
      desk.next();
      expect([desk.putBack(first, 1), ask("a", 1, 2).isOver]).toEqual([true, true]);
      expect(desk.next()).toBe(first);
      const retry = ask("a", 1, 3);
      expect([desk.putBack(first, 4), first.isOver, retry.isOver]).toEqual([true, false, true]);
      expect([desk.next(), desk.waiting, reasons()]).toEqual([first, 0, ["repeated", "repeated"]]);
    });
  });

  it("counts every request as waiting, dropped or handed on, over a long run", () => {
    const { desk, admit } = setup({ maxWaiting: 7, maxWaitingBytes: 60, maxBodyBytes: 20 });
    let served = 0;
    for (let step = 0; step < 2000; step++) {
      const request = admit(`client ${step % 5}`, step % 23, step);
      if (request !== undefined) desk.wait(request, step);
      if (step % 3 === 0) desk.expire(step);
      if (step % 4 === 0) desk.clientGone(`client ${step % 7}`, step);
      if (step % 2 === 0 && desk.next() !== undefined) served += 1;
      expect(desk.requests).toBe(desk.waiting + desk.dropped + served);
    }
    expect(Math.min(served, desk.dropped)).toBeGreaterThan(100);
  });
});
