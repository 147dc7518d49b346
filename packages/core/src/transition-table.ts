import { type DiagramPart, stateDiagram } from "./state-diagram.js";

/**
 * States and events as data. One table runs the machine, draws the state diagram in the docs, and
 * lets a test demand that every (state, event) pair was decided on purpose.
 */

/** The event moves to state `to`, after `action` (a name the machine gives meaning to). */
export interface Transition<State extends string, Action extends string> {
  readonly kind: "go";
  readonly to: State;
  readonly action?: Action;
}

/** The event changes nothing in this state, and `because` says why that is right. */
export interface Ignored {
  readonly kind: "ignore";
  readonly because: string;
}

/** The event cannot happen in this state; if it does, the machine has a defect. */
export interface Impossible {
  readonly kind: "impossible";
  readonly because: string;
}

/** What was decided for one (state, event) pair. */
export type Decision<State extends string, Action extends string> =
  | Transition<State, Action>
  | Ignored
  | Impossible;

/** A table with a row per state and, in it, a decision per event. Final states have no row. */
export interface TransitionTableDefinition<
  State extends string,
  Event extends string,
  Action extends string,
  Final extends State,
> {
  /** What the table describes; heads the diagram and error messages. */
  readonly name: string;
  readonly initial: State;
  /** States that nothing leaves. */
  readonly final: readonly Final[];
  readonly events: readonly Event[];
  readonly states: {
    readonly [S in Exclude<State, Final>]: {
      readonly [E in Event]: Decision<NoInfer<State>, Action>;
    };
  };
}

/** A decision to move to `to`, doing `action`. */
export function go<const State extends string, const Action extends string = never>(
  to: State,
  action?: Action,
): Transition<State, Action> {
  return action === undefined ? { kind: "go", to } : { kind: "go", to, action };
}

/** A decision to let an event pass. */
export function ignore(because: string): Ignored {
  return { kind: "ignore", because };
}

/** A decision that an event cannot occur. */
export function impossible(because: string): Impossible {
  return { kind: "impossible", because };
}

/** One row of {@link TransitionTable.rows}. */
export interface TableRow<State extends string, Event extends string, Action extends string> {
  readonly state: State;
  readonly event: Event;
  readonly decision: Decision<State, Action>;
}

/** A checked table, ready to run and to draw. */
export class TransitionTable<
  State extends string,
  Event extends string,
  Action extends string = never,
  Final extends State = never,
> {
  readonly name: string;
  readonly initial: State;
  readonly final: readonly Final[];
  readonly events: readonly Event[];
  readonly #states: Readonly<Record<string, Readonly<Record<string, Decision<State, Action>>>>>;

  /**
   * @throws TypeError if the table has a hole, leads to a state it does not describe, or has a
   * state that nothing leads to. The compiler finds holes too; tables built at run time do not
   * have that check.
   */
  constructor(definition: TransitionTableDefinition<State, Event, Action, Final>) {
    this.name = definition.name;
    this.initial = definition.initial;
    this.final = definition.final;
    this.events = definition.events;
    this.#states = definition.states;
    const faults = this.#faults();
    if (faults.length > 0) throw new TypeError(`table "${this.name}": ${faults.join("; ")}`);
  }

  /** All states, in the order of the table, final ones last. */
  get states(): readonly State[] {
    return [...(Object.keys(this.#states) as State[]), ...this.final];
  }

  /** Every (state, event) pair with its decision. */
  *rows(): Generator<TableRow<State, Event, Action>> {
    for (const state of Object.keys(this.#states) as State[]) {
      for (const event of this.events) yield { state, event, decision: this.#at(state, event) };
    }
  }

  /**
   * What `event` does in `state`: the transition, or `undefined` where it is ignored.
   *
   * @throws Error if the pair is impossible or the state is final: a defect in the machine
   */
  step(state: State, event: Event): Transition<State, Action> | undefined {
    const decision = this.#states[state]?.[event];
    if (decision?.kind === "go") return decision;
    if (decision?.kind === "ignore") return undefined;
    const because = decision?.because ?? "the state is final";
    throw new Error(`${this.name}: event "${event}" in state "${state}" is impossible: ${because}`);
  }

  /**
   * The table as a state diagram in Mermaid's language. Events that do the same between two states
   * share an arrow.
   *
   * @param part - a large table reads better in two drawings: the moves between states that are not
   * final (`going-on`), and those that end it (`ending`). Default `all`.
   */
  toMermaid(part: DiagramPart = "all"): string {
    const moves = [...this.rows()].flatMap(({ state, event, decision }) =>
      decision.kind === "go" ? [{ from: state, to: decision.to, event, action: decision.action }] : [],
    );
    const { name, initial, states, final } = this;
    return stateDiagram({ name, initial, states, final, moves }, part);
  }

  #at(state: State, event: Event): Decision<State, Action> {
    return this.#states[state]?.[event] as Decision<State, Action>;
  }

  #faults(): string[] {
    const known = new Set<string>(this.states);
    const reached = new Set<string>([this.initial]);
    const faults: string[] = [];
    for (const [state, row] of Object.entries(this.#states)) {
      for (const event of this.events) {
        const decision = Object.hasOwn(row, event) ? row[event] : undefined;
        if (decision === undefined) faults.push(`nothing decided for event "${event}" in state "${state}"`);
        else if (decision.kind === "go") {
          if (!known.has(decision.to)) faults.push(`"${state}" leads to unknown state "${decision.to}"`);
          if (decision.to !== state) reached.add(decision.to);
        }
      }
      for (const event of Object.keys(row)) {
        if (!this.events.includes(event as Event))
          faults.push(`unknown event "${event}" in state "${state}"`);
      }
    }
    for (const state of this.final) {
      if (Object.hasOwn(this.#states, state)) faults.push(`final state "${state}" has a row`);
    }
    if (!known.has(this.initial)) faults.push(`unknown initial state "${this.initial}"`);
    for (const state of known) {
      if (!reached.has(state)) faults.push(`nothing leads to state "${state}"`);
    }
    return faults;
  }
}
