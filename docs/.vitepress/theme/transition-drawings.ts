type Decision =
  | { readonly kind: "go"; readonly to: string; readonly action?: string }
  | { readonly kind: "ignore" | "impossible"; readonly because: string };

interface Row {
  readonly state: string;
  readonly event: string;
  readonly decision: Decision;
}

/** What is used of a TransitionTable of @seaworthy/core. */
export interface Table {
  readonly name: string;
  readonly initial: string;
  readonly states: readonly string[];
  readonly final: readonly string[];
  rows(): Iterable<Row>;
}

interface Move {
  readonly from: string;
  readonly to: string;
  readonly event: string;
  readonly action: string | undefined;
}

const ANY = "in any state";

/** As Map.groupBy, which Node 20 does not have. */
function groupBy(moves: Move[], key: (move: Move) => string): Map<string, Move[]> {
  const groups = new Map<string, Move[]>();
  for (const move of moves) groups.set(key(move), [...(groups.get(key(move)) ?? []), move]);
  return groups;
}

/**
 * Two state diagrams in Mermaid's language: the moves of what is under way, and those that end it. In one
 * drawing the arrows of the second kind, from every state, would run under the labels of all others.
 */
export function drawings(table: Table): string[] {
  const final = new Set(table.final);
  const moves = [...table.rows()].flatMap(({ state, event, decision }): Move[] =>
    decision.kind === "go" ? [{ from: state, to: decision.to, event, action: decision.action }] : [],
  );
  const inside = moves.filter(({ to }) => !final.has(to));
  const endings = joinEqual(
    moves.filter(({ to }) => final.has(to)),
    table.states.length - final.size,
  );
  const start = [`  [*] --> ${mermaidId(table.initial)}`];
  return [
    diagram(`How a ${table.name} goes on`, inside, start),
    ...(endings.length > 0 ? [diagram(`How a ${table.name} ends`, endings, [])] : []),
  ];
}

/** An event that does the same in each state that is not final becomes one move from any of them. */
function joinEqual(moves: Move[], states: number): Move[] {
  const alike = groupBy(moves, ({ to, event, action }) => JSON.stringify([to, event, action]));
  const groups = [...alike.values()];
  const own = groups.filter((group) => group.length < states).flat();
  const common = groups.filter((group) => group.length === states).flatMap((group) => group.slice(0, 1));
  return [...own, ...common.map((move) => ({ ...move, from: ANY }))];
}

function diagram(title: string, moves: Move[], start: string[]): string {
  const states = new Set(moves.flatMap(({ from, to }) => [from, to]));
  const arrows = groupBy(moves, ({ from, to, action }) => JSON.stringify([from, to, action]));
  const words = moves.map(({ from, event, to }) => `${from} on ${event} to ${to}`);
  return [
    "stateDiagram-v2",
    `accTitle: ${title}`,
    `accDescr: ${words.join("; ")}`,
    ...[...states].map((state) => `  state "${state}" as ${mermaidId(state)}`),
    ...start,
    ...[...arrows.values()].map(arrow),
  ].join("\n");
}

function arrow(moves: Move[]): string {
  const [{ from, to, action } = { from: "", to: "", action: undefined }] = moves;
  const label = [...moves.map(({ event }) => event), ...(action === undefined ? [] : [`/ ${action}`])];
  return `  ${mermaidId(from)} --> ${mermaidId(to)} : ${label.join("<br/>")}`;
}

/** Mermaid reads a hyphen in an id as part of an arrow. */
function mermaidId(state: string): string {
  return state.replaceAll(/[^A-Za-z0-9_]/g, "_");
}

/** A decision in words. */
export function describe(decision: Decision): string {
  if (decision.kind !== "go")
    return `${decision.kind === "ignore" ? "Ignored" : "Impossible"}: ${decision.because}`;
  return `To ${decision.to}${decision.action === undefined ? "" : `, ${decision.action}`}`;
}
