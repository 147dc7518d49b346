/**
 * A diagram is taller than the source that stands in its place until it is drawn, so the heading that a
 * link led to moves. When all diagrams of a page are drawn, this goes to where the link led, once more.
 */
let undrawn = 0;
let readerMoved = false;

const onReaderMove = (): void => {
  readerMoved = true;
};
const readerMoves = ["wheel", "touchmove", "keydown"];

/** Says that a diagram will be drawn; call what is returned when it is in the page. */
export function expectDrawing(): () => void {
  if (undrawn === 0) {
    readerMoved = false;
    for (const type of readerMoves) window.addEventListener(type, onReaderMove, { passive: true });
  }
  undrawn += 1;
  return () => {
    undrawn -= 1;
    if (undrawn > 0) return;
    for (const type of readerMoves) window.removeEventListener(type, onReaderMove);
    // The router scrolls in a frame of its own, to a place that it has measured before.
    requestAnimationFrame(() => requestAnimationFrame(restore));
  };
}

function restore(): void {
  if (readerMoved) return;
  const left: unknown = history.state?.scrollPosition;
  if (typeof left === "number" && left > 0) window.scrollTo(0, left);
  else if (location.hash !== "")
    document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}
