import { describe, expect, it } from "vitest";
import { Backoff, Connections, noteEndpoint, wasSilent } from "../src/index.js";

/** Connections with a log of what they ask for; pauses of 40 ms, doubling to 100 ms. */
class Driver {
  readonly log: string[] = [];
  readonly connections: Connections<"tired">;
  /** Told when a connection is given up, as its owner would end what is on it. */
  onAbandoned: () => void = () => {};

  constructor(max = 4) {
    const backoff = new Backoff({ initialMs: 40, maxMs: 100, jitter: 0 }, () => 0);
    this.connections = new Connections(max, 300, backoff, {
      open: ({ number, endpoint }) => this.log.push(`open ${number} ${endpoint}`),
      discard: ({ number }) => this.log.push(`discard ${number}`),
      replaced: (from, to, reason) => this.log.push(`${from} gave way to ${to}: ${reason}`),
      abandoned: ({ number }) => {
        this.log.push(`abandoned ${number}`);
        this.onAbandoned();
      },
    });
  }

  get current() {
    const { current } = this.connections;
    if (current === undefined) throw new Error("no connection is current");
    return current;
  }

  /** Adds endpoints and has the first one connected and awaited by so many attempts. */
  with(endpoints: string[], awaiting = 0): this {
    for (const endpoint of endpoints) this.connections.add(endpoint, 0);
    this.connections.up(this.current, 0);
    this.current.awaiting = awaiting;
    return this;
  }
}

describe("connections", () => {
  it("the first endpoint is connected at once, others wait for their turn", () => {
    const driver = new Driver();
    for (const endpoint of ["a", "b", "a"]) driver.connections.add(endpoint, 0);
    expect(driver.log).toEqual(["open 0 a"]);
    expect(driver.connections.endpoints).toEqual(["a", "b"]);
    expect(driver.connections.size).toBe(1);
  });

  it("one that does not stand in time is overdue; one that stands has no deadline", () => {
    const { connections, current } = new Driver().with(["a"]);
    expect(connections.deadline).toBeUndefined();
    expect(connections.overdue(1000)).toBeUndefined();
    current.isUp = false;
    expect(connections.deadline).toBe(300);
    expect(connections.overdue(299)).toBeUndefined();
    expect(connections.overdue(300)).toBe(current);
  });

  it("a replaced one is kept while something is awaited on it, and is found by its number", () => {
    const driver = new Driver().with(["a", "b"], 1);
    const old = driver.current;
    driver.connections.replace(old, "tired", 5);
    expect(driver.log.slice(1)).toEqual(["open 1 b", "a gave way to b: tired"]);
    expect(driver.connections.find(0)).toBe(old);
    expect(driver.connections.find(1)).toBe(driver.current);
    expect(driver.connections.find(2)).toBeUndefined();
    driver.connections.release(old);
    expect(driver.log.at(-1)).toBe("discard 0");
    expect(driver.connections.size).toBe(1);
  });

  it("the current one is kept when nothing is awaited on it", () => {
    const driver = new Driver().with(["a"], 1);
    driver.connections.release(driver.current);
    expect(driver.log).toEqual(["open 0 a"]);
  });

  it("a lost one gives way at once while there is an endpoint that has not failed, then after a pause", () => {
    const driver = new Driver().with(["a", "b"]);
    driver.connections.lost(driver.current, 10);
    driver.connections.lost(driver.current, 20);
    expect(driver.log.slice(1)).toEqual(["open 1 b", "a gave way to b: lost", "discard 0", "discard 1"]);
    expect(driver.connections.current).toBeUndefined();
    expect(driver.connections.deadline).toBe(60);
    driver.connections.tick(59);
    expect(driver.log).toHaveLength(5);
    driver.connections.tick(60);
    expect(driver.log.at(-1)).toBe("open 2 a");
    expect(driver.connections.overdue(60)).toBeUndefined();
  });

  it("pauses grow until something is heard, or a connection has lasted", () => {
    const driver = new Driver().with(["a"]);
    let now = 0;
    const pauseAfterLoss = (): number => {
      driver.connections.lost(driver.current, now);
      const pause = (driver.connections.deadline as number) - now;
      now += pause;
      driver.connections.tick(now);
      driver.connections.up(driver.current, now);
      return pause;
    };
    expect([1, 2, 3, 4].map(pauseAfterLoss)).toEqual([40, 80, 100, 100]);
    driver.connections.heard(driver.current, now);
    expect([1, 2].map(pauseAfterLoss)).toEqual([40, 80]);
    now += 100;
    expect(pauseAfterLoss()).toBe(40);
  });

  it("a replaced one that is lost is discarded; a word of it says nothing of the current one", () => {
    const driver = new Driver().with(["a"], 1);
    const old = driver.current;
    driver.connections.replace(old, "silent", 0);
    driver.connections.heard(old, 5);
    expect(old.heardAt).toBe(5);
    driver.connections.lost(old, 6);
    expect(driver.log.at(-1)).toBe("discard 0");
    driver.connections.lost(old, 7);
    expect(driver.log.filter((line) => line === "discard 0")).toHaveLength(1);
  });

  it("no more than so many are open: the oldest is given up", () => {
    const driver = new Driver(2).with(["a"], 1);
    const old = driver.current;
    driver.onAbandoned = () => driver.connections.release(old);
    driver.connections.replace(old, "silent", 0);
    driver.current.isUp = true;
    driver.current.awaiting = 1;
    driver.connections.replace(driver.current, "silent", 1);
    expect(driver.log.slice(3)).toEqual(["abandoned 0", "discard 0", "open 2 a", "a gave way to a: silent"]);
    expect(driver.connections.size).toBe(2);
  });

  it("an endpoint that is taken out loses its turn, and its connection if that is the current one", () => {
    const driver = new Driver().with(["a", "b", "c"]);
    driver.connections.remove("nobody", 0);
    driver.connections.remove("b", 0);
    expect(driver.log).toEqual(["open 0 a"]);
    driver.connections.remove("a", 0);
    expect(driver.log.slice(1)).toEqual(["open 1 c", "a gave way to c: disconnected", "discard 0"]);
    driver.connections.remove("c", 0);
    expect(driver.connections.size).toBe(0);
    expect(driver.connections.deadline).toBeUndefined();
  });

  it("the last endpoint that is taken out during a pause is not tried again; one that is added is, at once", () => {
    const driver = new Driver().with(["a"]);
    driver.connections.lost(driver.current, 0);
    driver.connections.remove("a", 0);
    expect(driver.connections.deadline).toBeUndefined();
    driver.connections.add("b", 0);
    driver.connections.lost(driver.current, 0);
    driver.connections.add("c", 0);
    expect(driver.log.at(-1)).toBe("open 2 c");
  });

  it("closing discards all", () => {
    const driver = new Driver().with(["a"], 1);
    driver.connections.replace(driver.current, "silent", 0);
    driver.connections.close();
    expect(driver.log.slice(-2)).toEqual(["discard 0", "discard 1"]);
    driver.connections.close();
    expect(driver.log).toHaveLength(5);
    expect(driver.connections).toMatchObject({ size: 0, current: undefined, deadline: undefined });
  });
});

describe("what attempts go by", () => {
  it("a connection was silent if not a word came since the attempt began, and the attempt was on it", () => {
    const driver = new Driver().with(["a"], 1);
    const { current } = driver;
    current.heardAt = 50;
    const silent = (attemptStartedAt: number, connection = driver.connections.current) =>
      wasSilent(current, { attemptStartedAt, connection });
    expect([silent(49), silent(50)]).toEqual([false, true]);
    expect(wasSilent(current, { attemptStartedAt: 50, connection: undefined })).toBe(true);
    driver.connections.replace(current, "silent", 60);
    expect(silent(50, driver.current)).toBe(false);
    expect(wasSilent(driver.current, { attemptStartedAt: 50, connection: undefined })).toBe(false);
  });

  it("endpoints are noted in the order of the attempts, one that stays the same once", () => {
    const { current } = new Driver().with(["a"]);
    const endpoints: string[] = [];
    for (const connection of [undefined, current, current, { ...current, endpoint: "b" }, current]) {
      noteEndpoint(endpoints, connection);
    }
    expect(endpoints).toEqual(["a", "b", "a"]);
  });
});
