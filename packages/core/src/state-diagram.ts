/** What of a table to draw: all of it, the moves between states that are not final, or those that end it. */
export type DiagramPart = "all" | "going-on" | "ending";

/** One move of a table. */
interface Move {
  readonly from: string;
  readonly to: string;
  readonly event: string;
  readonly action: string | undefined;
}

/** What is drawn of a table. */
export interface Drawable {
  readonly name: string;
  readonly initial: string;
  readonly states: readonly string[];
  readonly final: readonly string[];
  readonly moves: readonly Move[];
}

const ANY_STATE = "in any state";
const TITLES: Readonly<Record<DiagramPart, string>> = { all: "", "going-on": " goes on", ending: " ends" };

/**
 * A table as a state diagram in Mermaid's language. All events that lead from one state to another share an
 * arrow, since Mermaid draws labels of parallel ones over each other. In the ending part, an event that does
 * the same in every state is drawn once, from any.
 */
export function stateDiagram({ name, initial, states, final, moves }: Drawable, part: DiagramPart): string {
  const isEnding = ({ to }: Move): boolean => final.includes(to);
  const ending = moves.filter(isEnding);
  const drawn = {
    all: moves,
    "going-on": moves.filter((move) => !isEnding(move)),
    ending: joinEqual(ending, states.length - final.length),
  }[part];
  const shown = part === "all" ? states : [...new Set(drawn.flatMap(({ from, to }) => [from, to]))];
  const inside = drawn.filter(({ from, to }) => from === to);
  const between = drawn.filter(({ from, to }) => from !== to);
  const words = drawn.map(({ from, event, to }) => `${from} on ${event} to ${to}`);
  return [
    "stateDiagram-v2",
    `  accTitle: ${part === "all" ? name : `How a ${name}${TITLES[part]}`}`,
    `  accDescr: ${words.join(", ")}`,
    ...shown.map((state) => `  state "${state}" as ${mermaidId(state)}`),
    ...(part === "ending" ? [] : [`  [*] --> ${mermaidId(initial)}`]),
    ...[...groupBy(inside, ({ from }) => from).values()].map(innerLine),
    ...[...groupBy(between, ({ from, to }) => [from, to]).values()].map(arrow),
    ...(part === "all" ? final.map((state) => `  ${mermaidId(state)} --> [*]`) : []),
    "",
  ].join("\n");
}

/** An event that does the same in each state that is not final becomes one move from any of them. */
function joinEqual(moves: readonly Move[], states: number): readonly Move[] {
  const alike = [...groupBy(moves, ({ to, event, action }) => [to, event, action]).values()];
  const own = alike.filter((group) => group.length < states).flat();
  const common = alike.filter((group) => group.length === states).flatMap((group) => group.slice(0, 1));
  return [...own, ...common.map((move) => ({ ...move, from: ANY_STATE }))];
}

function arrow(moves: readonly Move[]): string {
  const { from, to } = moves[0] as Move;
  return `  ${mermaidId(from)} --> ${mermaidId(to)} : ${label(moves)}`;
}

/** What happens within a state is written into its box: Mermaid lays loops over whatever is beside it. */
function innerLine(moves: readonly Move[]): string {
  const { from } = moves[0] as Move;
  return `  ${mermaidId(from)} : ${label(moves)}`;
}

function label(moves: readonly Move[]): string {
  const lines = [...groupBy(moves, ({ action }) => action).values()].map(causeAndAction);
  // Those that do nothing come last: above an action they would seem to do it.
  const silent = moves.flatMap(({ event, action }) => (action === undefined ? event : []));
  return [...lines.flat(), ...silent].join("<br/>");
}

/** Lines of a label: the events, and below them what they do; none for those that do nothing. */
function causeAndAction(moves: readonly Move[]): string[] {
  const action = moves[0]?.action;
  return action === undefined ? [] : [...moves.map(({ event }) => event), `/ ${action}`];
}

/** As Map.groupBy, which Node.js 20 does not have. */
function groupBy(moves: readonly Move[], key: (move: Move) => unknown): Map<string, Move[]> {
  const groups = new Map<string, Move[]>();
  for (const move of moves) {
    const text = JSON.stringify(key(move));
    groups.set(text, [...(groups.get(text) ?? []), move]);
  }
  return groups;
}

/** Mermaid reads a hyphen in an id as part of an arrow. */
function mermaidId(state: string): string {
  return state.replaceAll(/[^A-Za-z0-9_]/g, "_");
}
