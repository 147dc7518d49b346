/** What is known of the brokers at the endpoints of a client from one connection to the next. */
export class BrokerMemory {
  readonly #known = new Map<string, "ours" | "mute">();

  /** Its broker has let the question whether it is ours pass: to wait for an answer again is in vain. */
  isMute(endpoint: string): boolean {
    return this.#known.get(endpoint) === "mute";
  }

  /** What was learnt of the broker, and how: it said so, or there was no answer. */
  note(endpoint: string, event: "introduced" | "disowned" | "no-answer"): void {
    if (event === "introduced") this.#known.set(endpoint, "ours");
    else if (event === "disowned") this.#known.delete(endpoint);
    // One of ours may hang for once: only if it is silent again has another taken its place.
    else if (this.#known.get(endpoint) === "ours") this.#known.delete(endpoint);
    else this.#known.set(endpoint, "mute");
  }

  forget(endpoint: string): void {
    this.#known.delete(endpoint);
  }
}
