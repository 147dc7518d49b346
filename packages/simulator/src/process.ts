import { Fifo, type Scheduler } from "@seaworthy/core";
import type { End } from "./connection.js";
import type { Event, EventEntry, EventLoop } from "./event-loop.js";
import type { SimulatedSocket } from "./socket.js";

type Task = () => void;

/**
 * One life of a node: the process from its start to its crash. It has two threads, as a process
 * with ZeroMQ has: the main thread, which runs timers and handlers one at a time, and the I/O
 * thread, which moves messages between the sockets and the kernel.
 */
export class NodeProcess implements Event {
  readonly loop: EventLoop;
  readonly sockets: Set<SimulatedSocket> = new Set();
  readonly ends: Set<End> = new Set();
  readonly scheduler: Scheduler;
  dead = false;
  /** Messages that wait to be handled, over all sockets. */
  unread = 0;
  /** Virtual time that each task of the main thread takes, in ms. */
  serviceMs = 0;
  #pauses = 0;
  #busyUntil = 0;
  #executing = false;
  readonly #tasks = new Fifo<Task>();
  readonly #ioTasks = new Fifo<Task>();
  #entry: EventEntry | undefined;
  #armed = false;

  constructor(loop: EventLoop) {
    this.loop = loop;
    this.scheduler = {
      now: () => loop.now,
      schedule: (at, wake) => this.#schedule(at, wake),
    };
  }

  get paused(): boolean {
    return this.#pauses > 0;
  }

  /** Gives the main thread a task; it runs at once if the thread is idle. Never from within a task. */
  dispatch(task: Task): void {
    if (this.#isIdle()) this.#execute(task);
    else this.post(task);
  }

  /** Gives the main thread a task for its next turn. */
  post(task: Task): void {
    if (this.dead) return;
    this.#tasks.push(task);
    this.#arm();
  }

  /** Runs a task of the I/O thread, or keeps it until that runs again. */
  io(task: Task): void {
    if (this.dead) return;
    if (this.paused) this.#ioTasks.push(task);
    else task();
  }

  /** SIGSTOP. Pauses add up: the process runs again when all of them have ended. */
  pause(): void {
    this.#pauses += 1;
    if (this.#armed) this.loop.cancel(this.#entry as EventEntry);
    this.#armed = false;
  }

  /** SIGCONT: the I/O thread catches up with what waits in the kernel, then late timers fire. */
  resume(): void {
    this.#pauses -= 1;
    if (this.#pauses > 0) return;
    for (let task = this.#ioTasks.shift(); task !== undefined; task = this.#ioTasks.shift()) task();
    for (const end of this.ends) end.resume();
    this.#arm();
  }

  /** SIGKILL: nothing of this life runs any more. */
  kill(): void {
    this.dead = true;
    if (this.#armed) this.loop.cancel(this.#entry as EventEntry);
    this.#tasks.clear();
    this.#ioTasks.clear();
    for (const socket of this.sockets) socket.kill();
  }

  /** The next turn of the main thread. */
  run(): void {
    this.#armed = false;
    const task = this.#tasks.shift();
    if (task !== undefined) this.#execute(task);
  }

  #isIdle(): boolean {
    return (
      !this.#executing &&
      this.#pauses === 0 &&
      !this.dead &&
      this.#tasks.length === 0 &&
      this.loop.now >= this.#busyUntil
    );
  }

  #execute(task: Task): void {
    this.#executing = true;
    try {
      task();
    } finally {
      this.#executing = false;
    }
    if (this.serviceMs > 0) this.#busyUntil = this.loop.now + this.serviceMs;
    this.#arm();
  }

  #arm(): void {
    if (this.#armed || this.#executing || this.dead || this.#pauses > 0 || this.#tasks.length === 0) return;
    this.#armed = true;
    const at = Math.max(this.loop.now, this.#busyUntil);
    if (this.#entry === undefined) this.#entry = this.loop.add(this, at);
    else this.loop.move(this.#entry, at);
  }

  #schedule(at: number, wake: () => void): () => void {
    if (this.dead || at === Number.POSITIVE_INFINITY) return () => {};
    let isWithdrawn = false;
    const fire = (): void => {
      if (!isWithdrawn) wake();
    };
    const entry = this.loop.at(at, () => this.dispatch(fire));
    return () => {
      isWithdrawn = true;
      this.loop.cancel(entry);
    };
  }
}
