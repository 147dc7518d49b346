// What the witness of a client writes down: in its own way, and from what goes in and out of the machine alone.

/** A request that some server has. */
export interface CopyNote {
  readonly endpoint: string;
  readonly sentAt: number;
  readonly isHedge: boolean;
}

/** What is known of one request. */
export class CallNote {
  readonly call: number;
  readonly sequence: bigint;
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  /** It has a server, waits for one, pauses, or is answered and others still owe a reply. */
  state: "sent" | "waiting" | "pausing" | "answered" = "waiting";
  attempts = 1;
  readonly madeAt: number;
  startedAt: number;
  resumesAt = 0;
  sent = 0;
  timeouts = 0;
  /** Whether a socket has sent it back in this attempt. */
  wasRefused = false;
  /** Whether it waits because the queue in front of a socket was full. */
  isCrowded = false;
  /** What a full queue sends back, the machine may have taken for lost a moment before. */
  isUncertain = false;
  /** Whether a server with it was lost in this attempt. */
  hasLost = false;
  complaint: string | undefined = undefined;
  /** Servers that have it. */
  readonly copies = new Map<string, CopyNote>();
  /** Servers that got it in this attempt. */
  readonly had = new Set<string>();
  /** How often each server got it, over all attempts. */
  readonly sends = new Map<string, number>();
  /** How often each server was lost with it, over all attempts. */
  readonly losses = new Map<string, number>();
  /** Servers that did not answer an earlier attempt. */
  readonly avoided = new Set<string>();
  /** Servers that were lost with it since its last timeout. */
  readonly lostWith = new Set<string>();

  constructor(request: { call: number; timeoutMs: number; attempts: number }, sequence: bigint, now: number) {
    this.call = request.call;
    this.timeoutMs = request.timeoutMs;
    this.maxAttempts = request.attempts;
    this.sequence = sequence;
    this.madeAt = now;
    this.startedAt = now;
  }

  get endsAt(): number {
    return this.startedAt + this.timeoutMs;
  }

  beginAttempt(now: number): void {
    this.attempts += 1;
    this.startedAt = now;
    this.state = "waiting";
    this.wasRefused = false;
    this.hasLost = false;
    this.had.clear();
  }

  timedOut(resumesAt: number): void {
    this.timeouts += 1;
    for (const endpoint of [...this.copies.keys(), ...this.lostWith]) this.avoided.add(endpoint);
    this.copies.clear();
    this.lostWith.clear();
    this.state = "pausing";
    this.isCrowded = false;
    this.resumesAt = resumesAt;
  }
}

/** A bucket of hedges. */
export class HedgeNote {
  readonly #ratio: number;
  readonly #burst: number;
  #left: number;
  #requests = 0;
  #hedges = 0;

  constructor(ratio: number, burst: number) {
    this.#ratio = ratio;
    this.#burst = burst;
    this.#left = burst;
  }

  get hedges(): number {
    return this.#hedges;
  }

  request(): void {
    this.#requests += 1;
    this.#left = Math.min(this.#burst, this.#left + this.#ratio);
  }

  /** What is wrong with one hedge more. */
  hedge(): string | undefined {
    this.#hedges += 1;
    this.#left -= 1;
    const most = this.#burst + this.#ratio * this.#requests;
    if (this.#hedges > most || this.#left < -1e-9)
      return `${this.#hedges} hedges of ${this.#requests} requests at a ratio of ${this.#ratio}`;
    return undefined;
  }
}
