/** A box by its middle, in the units of the drawing. */
interface Box {
  x: number;
  y: number;
  readonly width: number;
  readonly height: number;
}

/** A label that can be moved along its edge. */
interface Label {
  readonly group: SVGGraphicsElement;
  readonly edge: SVGPathElement | undefined;
  readonly box: Box;
}

/** Where on its edge a label may be, as a share of the way: the middle first, and no end. */
const PLACES = Array.from({ length: 61 }, (_, step) => 0.5 + (step % 2 === 0 ? 1 : -1) * step * 0.006);
const ROUNDS = 3;
const GAP = 2;
const MARGIN = 8;
/** As far from its edge a label still seems to be on it. */
const NEAR = 12;

/**
 * Mermaid puts labels onto each other, onto states, and now and then beside their edges. This puts each on
 * its edge, as near to the middle as the others let it.
 */
export function partLabels(svg: SVGSVGElement): void {
  const labels = [...svg.querySelectorAll<SVGGraphicsElement>(".edgeLabels > .edgeLabel")].flatMap((group) =>
    labelOf(svg, group),
  );
  const nodes = [...svg.querySelectorAll<SVGGraphicsElement>(".nodes > .node")].map(boxOf);
  for (let round = 0; round < ROUNDS; round++) {
    for (const label of labels) {
      const others = labels.filter((other) => other !== label).map(({ box }) => box);
      place(label, [...others, ...nodes]);
    }
  }
  makeRoom(
    svg,
    labels.map(({ box }) => box),
  );
}

/** Widens the drawing where a label now reaches over its edge. */
function makeRoom(svg: SVGSVGElement, boxes: readonly Box[]): void {
  const { x, y, width, height } = svg.viewBox.baseVal;
  const left = Math.min(x, ...boxes.map((box) => box.x - box.width / 2 - MARGIN));
  const right = Math.max(x + width, ...boxes.map((box) => box.x + box.width / 2 + MARGIN));
  svg.setAttribute("viewBox", `${left} ${y} ${right - left} ${height}`);
  svg.style.maxWidth = `${right - left}px`;
}

function labelOf(svg: SVGSVGElement, group: SVGGraphicsElement): Label[] {
  const id = group.querySelector("[data-id]")?.getAttribute("data-id") ?? "";
  const edge = svg.querySelector<SVGPathElement>(`.edgePaths > path[data-id="${CSS.escape(id)}"]`);
  const box = boxOf(group);
  return box.width === 0 ? [] : [{ group, edge: edge ?? undefined, box }];
}

function boxOf(group: SVGGraphicsElement): Box {
  const { x, y, width, height } = group.getBBox();
  const { e, f } = group.transform.baseVal.consolidate()?.matrix ?? { e: 0, f: 0 };
  return { x: e + x + width / 2, y: f + y + height / 2, width, height };
}

/** Leaves a label where it is well, or finds it the place on its edge with the least in the way. */
function place({ group, edge, box }: Label, others: readonly Box[]): void {
  if (edge === undefined) return;
  const length = edge.getTotalLength();
  const places = PLACES.map((share) => edge.getPointAtLength(share * length));
  const isOnEdge = places.some(({ x, y }) => Math.hypot(x - box.x, y - box.y) < NEAR);
  let best: { x: number; y: number } = box;
  let least = isOnEdge ? hidden(box, others) : Number.POSITIVE_INFINITY;
  for (const { x, y } of places) {
    if (least === 0) break;
    const cost = hidden({ ...box, x, y }, others);
    if (cost >= least) continue;
    least = cost;
    best = { x, y };
  }
  box.x = best.x;
  box.y = best.y;
  group.setAttribute("transform", `translate(${best.x}, ${best.y})`);
}

/** How much of a box lies under or over others. */
function hidden(box: Box, others: readonly Box[]): number {
  return others.reduce((sum, other) => sum + common(box, other), 0);
}

function common(a: Box, b: Box): number {
  const wide = (a.width + b.width) / 2 + GAP - Math.abs(a.x - b.x);
  const high = (a.height + b.height) / 2 + GAP - Math.abs(a.y - b.y);
  return Math.max(0, wide) * Math.max(0, high);
}
