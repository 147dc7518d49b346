import type { Machine, Stalled } from "@seaworthy/core";

/** A machine in virtual time, with everything it put out. */
export class MachineDriver<
  Input,
  Output extends { readonly type: string },
  M extends Machine<Input, Output>,
> {
  readonly machine: M;
  readonly outputs: Output[] = [];
  now = 0;

  constructor(machine: M) {
    this.machine = machine;
  }

  feed(input: Input | Stalled): this {
    this.machine.handle(input, this.now);
    return this.#collect();
  }

  tick(): this {
    this.machine.tick(this.now);
    return this.#collect();
  }

  /** Lets time pass until `now`, with a tick at each deadline on the way. */
  until(now: number): this {
    for (let due = this.machine.deadline; due !== undefined && due <= now; due = this.machine.deadline) {
      this.now = Math.max(this.now, due);
      this.tick();
    }
    this.now = now;
    return this;
  }

  /** Lets time pass until `now` as a host does that is woken late: with one tick at its end. */
  late(now: number): this {
    this.now = now;
    return this.tick();
  }

  /** What was put out of one type. */
  of<T extends Output["type"]>(type: T): Extract<Output, { readonly type: T }>[] {
    return this.outputs.filter(
      (output): output is Extract<Output, { readonly type: T }> => output.type === type,
    );
  }

  /** Forgets what was put out so far. */
  clear(): this {
    this.outputs.length = 0;
    return this;
  }

  /** Called for each output, for drivers that remember more of them. */
  protected noted(_output: Output): void {}

  #collect(): this {
    for (let output = this.machine.take(); output !== undefined; output = this.machine.take()) {
      this.outputs.push(output);
      this.noted(output);
    }
    return this;
  }
}
