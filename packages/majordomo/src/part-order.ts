/** What a part means to what came before it. */
type PartArrival =
  | "next"
  /** The first part of another run. */
  | "restart"
  /** A part before it is missing, or it is of another run. */
  | "gap";

/** Judges the parts of one reply as they come over one connection. */
export class PartOrder {
  #delivery = 0;
  #next = 0;

  /**
   * @param index - which part it is, from 0
   * @param delivery - number of the run that it is of
   */
  take(index: number, delivery: number): PartArrival {
    const isNext = index === this.#next && (index === 0 || delivery === this.#delivery);
    if (!isNext && index !== 0) return "gap";
    this.#next = index + 1;
    this.#delivery = delivery;
    return isNext ? "next" : "restart";
  }
}
