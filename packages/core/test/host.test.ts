import { type Machine, MachineHost, type Scheduler, type Stalled } from "@seaworthy/core";
import { describe, expect, it } from "vitest";

/** A clock that moves by hand. `late` delays what is scheduled, as a process that stands still does. */
class VirtualTime implements Scheduler {
  time = 0;
  /** Every time for which a wake-up was ever asked. */
  readonly asked: number[] = [];
  #timers: { at: number; wake: () => void }[] = [];

  now(): number {
    return this.time;
  }

  schedule(at: number, wake: () => void): () => void {
    const timer = { at, wake };
    this.asked.push(at);
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get pending(): number[] {
    return this.#timers.map(({ at }) => at);
  }

  /** Goes to `time`, waking whoever asked for it on the way. */
  run(time: number): void {
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= time).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.time = Math.max(this.time, next.at);
      next.wake();
    }
    this.time = Math.max(this.time, time);
  }

  /** The process stands still until `time`: nothing is woken meanwhile, then what is due by then. */
  stall(time: number): void {
    this.time = time;
    this.run(time);
  }
}

type Input = { type: "say"; outputs: string[] } | { type: "deadline"; at: number | undefined };

/** Does as it is told, and keeps a log of what its host does. */
class Puppet implements Machine<Input, string> {
  deadline: number | undefined;
  readonly log: string[] = [];
  readonly outputs: string[] = [];
  /** What to do at a tick; by default the deadline is served. */
  onTick: (now: number) => void = () => {
    this.deadline = undefined;
  };

  handle(input: Input | Stalled, now: number): void {
    this.log.push(input.type === "stalled" ? `stalled ${input.ms} @${now}` : `${input.type} @${now}`);
    if (input.type === "say") this.outputs.push(...input.outputs);
    if (input.type === "deadline") this.deadline = input.at;
  }

  tick(now: number): void {
    this.log.push(`tick @${now}`);
    this.onTick(now);
  }

  take(): string | undefined {
    return this.outputs.shift();
  }
}

interface Setup {
  time: VirtualTime;
  machine: Puppet;
  host: MachineHost<Input, string>;
  performed: string[];
  setBacklog: (messages: () => boolean) => void;
}

function setup(perform: (output: string, host: MachineHost<Input, string>) => void = () => {}): Setup {
  const time = new VirtualTime();
  const machine = new Puppet();
  const performed: string[] = [];
  let backlog = (): boolean => false;
  const host: MachineHost<Input, string> = new MachineHost(machine, {
    scheduler: time,
    backlog: () => backlog(),
    perform: (output) => {
      performed.push(output);
      perform(output, host);
    },
  });
  const setBacklog = (messages: () => boolean): void => {
    backlog = messages;
  };
  return { time, machine, host, performed, setBacklog };
}

const say = (...outputs: string[]): Input => ({ type: "say", outputs });
const due = (at: number | undefined): Input => ({ type: "deadline", at });

describe("MachineHost", () => {
  it("feeds the machine at the time of the clock and performs its outputs in order", () => {
    const { time, machine, host, performed } = setup();
    time.run(7);
    host.feed(say("a", "b"));
    expect(host.now()).toBe(7);
    expect(machine.log).toEqual(["say @7"]);
    expect(performed).toEqual(["a", "b"]);
  });

  it("ticks at the deadline and performs what follows", () => {
    const { time, machine, host, performed } = setup();
    machine.onTick = () => {
      machine.deadline = undefined;
      machine.outputs.push("beat");
    };
    host.feed(due(100));
    time.run(99);
    expect(machine.log).toEqual(["deadline @0"]);
    time.run(100);
    expect(machine.log).toEqual(["deadline @0", "tick @100"]);
    expect(performed).toEqual(["beat"]);
    expect(time.pending).toEqual([]);
  });

  it("keeps one timer, set anew only for an earlier deadline", () => {
    const { time, host } = setup();
    host.feed(due(100));
    host.feed(due(100));
    host.feed(due(200));
    expect(time.asked).toEqual([100]);
    host.feed(due(50));
    expect(time.asked).toEqual([100, 50]);
    expect(time.pending).toEqual([50]);
  });

  it("wakes in vain for a deadline that moved away, does not tick, and waits for the new one", () => {
    const { time, machine, host } = setup();
    host.feed(due(100));
    host.feed(due(250));
    time.run(200);
    expect(machine.log).toEqual(["deadline @0", "deadline @0"]);
    expect(time.pending).toEqual([250]);
    time.run(250);
    expect(machine.log.at(-1)).toBe("tick @250");
  });

  it("forgets the timer of a deadline that was withdrawn", () => {
    const { time, machine, host } = setup();
    host.feed(due(100));
    host.feed(due(undefined));
    time.run(100);
    expect(machine.log).not.toContain("tick @100");
    expect(time.pending).toEqual([]);
  });

  it("takes inputs that come while outputs are performed, and performs theirs last", () => {
    const { machine, host, performed } = setup((output, self) => {
      if (output === "a") self.feed(say("c"));
      if (output === "c") self.feed(due(5));
    });
    host.feed(say("a", "b"));
    expect(performed).toEqual(["a", "b", "c"]);
    expect(machine.log).toEqual(["say @0", "say @0", "deadline @0"]);
  });

  it("arms the timer for a deadline that came about while outputs were performed", () => {
    const { time, host } = setup((_, self) => self.feed(due(5)));
    host.feed(say("a"));
    expect(time.pending).toEqual([5]);
  });

  it("performs the other outputs and keeps its timer when one fails, then throws", () => {
    const { time, host, performed } = setup((output) => {
      if (output !== "b") throw new Error(`failed ${output}`);
    });
    host.feed(due(30));
    expect(() => host.feed({ type: "say", outputs: ["a", "b", "c"] })).toThrow("failed a");
    expect(performed).toEqual(["a", "b", "c"]);
    host.feed(due(10));
    expect(time.pending).toEqual([10]);
    expect(() => host.feed(say("d"))).toThrow("failed d");
  });

  it("arms the timer even for the input whose output fails", () => {
    const { time, machine, host } = setup(() => {
      throw new Error("failed");
    });
    machine.deadline = 40;
    expect(() => host.feed(say("a"))).toThrow("failed");
    expect(time.pending).toEqual([40]);
  });

  it("is ready for the next input after a machine failed", () => {
    const { machine, host, performed } = setup();
    const take = machine.take.bind(machine);
    machine.take = () => {
      throw new Error("defect");
    };
    expect(() => host.feed(say("a"))).toThrow("defect");
    machine.take = take;
    host.feed(say("b"));
    expect(performed).toEqual(["a", "b"]);
  });

  it("stops: no timer, no input, but outputs being performed are finished", () => {
    const { time, machine, host, performed } = setup((output, self) => {
      if (output === "a") self.stop();
    });
    host.feed(due(100));
    host.feed(say("a", "b"));
    expect(performed).toEqual(["a", "b"]);
    expect(time.pending).toEqual([]);
    host.feed(say("c"));
    host.stop();
    expect(performed).toEqual(["a", "b"]);
    expect(machine.log).toEqual(["deadline @0", "say @0"]);
  });

  it("has no backlog, and stalls after 100 ms, unless told otherwise", () => {
    const time = new VirtualTime();
    const machine = new Puppet();
    const host = new MachineHost<Input, string>(machine, { scheduler: time, perform: () => {} });
    host.feed(due(10));
    time.stall(110);
    time.run(110);
    expect(machine.log.at(-1)).toBe("tick @110");
    host.feed(due(200));
    time.stall(301);
    expect(machine.log.at(-1)).toBe("deadline @110");
    time.run(321);
    expect(machine.log.slice(-2)).toEqual(["stalled 121 @321", "tick @321"]);
  });
});

describe("MachineHost after its process stood still", () => {
  it("reads what arrived before it tells the machine and judges deadlines", () => {
    const { time, machine, host, setBacklog } = setup();
    let waiting = 3;
    setBacklog(() => waiting > 0);
    host.feed(due(1000));
    time.stall(5000);
    expect(machine.log).toEqual(["deadline @0"]);
    while (waiting > 0) {
      waiting -= 1;
      host.feed(say());
      time.run(time.now() + 10);
    }
    time.run(5100);
    expect(machine.log).toEqual([
      "deadline @0",
      "say @5000",
      "say @5010",
      "say @5020",
      "stalled 4040 @5040",
      "tick @5040",
    ]);
    expect(time.pending).toEqual([]);
  });

  it("waits one round even if nothing seems to wait: the I/O thread stood still as well", () => {
    const { time, machine, host } = setup();
    host.feed(due(1000));
    time.stall(5000);
    time.run(5019);
    expect(machine.log).toEqual(["deadline @0"]);
    time.run(5020);
    expect(machine.log.slice(1)).toEqual(["stalled 4020 @5020", "tick @5020"]);
  });

  it("sets no timer for deadlines while it reads, but performs outputs", () => {
    const { time, machine, host, performed } = setup();
    host.feed(due(1000));
    time.stall(5000);
    host.feed(due(5001));
    host.feed(say("a"));
    expect(performed).toEqual(["a"]);
    expect(time.pending).toEqual([5020]);
    machine.onTick = () => {
      machine.deadline = 6000;
    };
    time.run(5020);
    expect(time.pending).toEqual([6000]);
  });

  it("tells the machine even if its deadline has moved on: other judgements may be near", () => {
    const { time, machine, host } = setup();
    host.feed(due(1000));
    host.feed(due(5030));
    time.stall(5000);
    time.run(5025);
    expect(machine.log.slice(2)).toEqual(["stalled 4020 @5020"]);
    expect(time.pending).toEqual([5030]);
  });

  it("reads for a second at most, whatever keeps coming", () => {
    const { time, machine, host, setBacklog } = setup();
    setBacklog(() => true);
    host.feed(due(1000));
    time.stall(5000);
    time.run(10_000);
    expect(machine.log.slice(1)).toEqual(["stalled 5000 @6000", "tick @6000"]);
  });

  it("begins to read anew if it stood still once more meanwhile", () => {
    const { time, machine, host } = setup();
    host.feed(due(1000));
    time.stall(5000);
    time.stall(9000);
    expect(machine.log).toEqual(["deadline @0"]);
    time.run(9020);
    expect(machine.log.slice(1)).toEqual(["stalled 8020 @9020", "tick @9020"]);
  });

  it("judges in the end even if it is always standing still", () => {
    const { time, machine, host } = setup();
    host.feed(due(1000));
    for (let turn = 1; turn <= 5; turn++) time.stall(1000 + turn * 130);
    expect(machine.log).toEqual(["deadline @0", "stalled 650 @1650", "tick @1650"]);
  });

  it("does not take a deadline that was past when it was set for a stall", () => {
    const { time, machine, host } = setup();
    time.run(5000);
    host.feed(due(0));
    time.run(5000);
    expect(machine.log).toEqual(["deadline @5000", "tick @5000"]);
  });

  it("sees a stall although an input that was read before the late timer fired brought an earlier deadline", () => {
    const { time, machine, host } = setup();
    host.feed(due(1000));
    time.time = 1500;
    host.feed(due(900));
    time.run(1500);
    expect(machine.log).toEqual(["deadline @0", "deadline @1500"]);
    time.run(1520);
    expect(machine.log.slice(2)).toEqual(["stalled 520 @1520", "tick @1520"]);
  });

  it("lets messages that wait be read for one turn when the timer is a little late", () => {
    const { time, machine, host } = setup();
    const schedule = time.schedule.bind(time);
    const waits: number[] = [];
    time.schedule = (at, wake) => {
      waits.push(at);
      return schedule(at, () => {
        if (waits.length === 2) host.feed(say());
        wake();
      });
    };
    host.feed(due(100));
    time.stall(150);
    expect(waits).toEqual([100, 150]);
    expect(machine.log).toEqual(["deadline @0", "say @150", "tick @150"]);
  });

  it("sees a stall in that turn as well", () => {
    const { time, machine, host } = setup();
    const schedule = time.schedule.bind(time);
    time.schedule = (at, wake) => {
      // Time passes before the turn that was asked for at 110.
      if (at === 110) time.time = 900;
      return schedule(at, wake);
    };
    host.feed(due(100));
    time.stall(110);
    time.run(930);
    expect(machine.log).toEqual(["deadline @0", "stalled 810 @920", "tick @920"]);
  });

  it("stops while it reads", () => {
    const { time, machine, host } = setup();
    host.feed(due(1000));
    time.stall(5000);
    host.stop();
    time.run(9000);
    expect(machine.log).toEqual(["deadline @0"]);
  });
});
