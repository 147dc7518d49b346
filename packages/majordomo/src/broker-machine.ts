import {
  byteLength,
  Fifo,
  type Frames,
  frameText,
  type Machine,
  type Stalled,
  textFrame,
} from "@seaworthy/core";
import type {
  DropReason,
  MajordomoBrokerEvent,
  MajordomoBrokerInput,
  MajordomoBrokerOutput,
  MajordomoBrokerStats,
  ServiceInfo,
  WorkerInfo,
} from "./broker-messages.js";
import type { ResolvedBrokerOptions } from "./broker-options.js";
import type { ClientRequest, PartKind } from "./broker-wire.js";
import { Listings } from "./listings.js";
import { answerMmi, isReserved } from "./mmi.js";
import { RequestBooks } from "./request-books.js";
import { answerHeader, type HeaderKind, type RefusalKind, routeHeader } from "./request-header.js";
import type { Service } from "./service.js";
import type { Holding, ServiceRequest } from "./service-request.js";
import { Services } from "./services.js";
import { Workforce } from "./workforce.js";

const NO_TEXT = "";

/** What our clients are told when a request ends without a reply. Nobody is left to tell of the others. */
const REFUSALS: Partial<Record<DropReason, RefusalKind>> = {
  "no-worker": "no-worker",
  "too-old": "too-old",
  "given-up": "given-up",
  limit: "limit",
  closing: "closing",
  "handler-failed": "handler-failed",
  dropped: "dropped",
};

/**
 * The protocol of a Majordomo broker (7/MDP, 18/MDP, 8/MMI): takes requests for services, gives each to the
 * worker of its service that was used least recently and has credit, and to another if that one is lost.
 */
export class MajordomoBrokerMachine implements Machine<MajordomoBrokerInput, MajordomoBrokerOutput> {
  readonly #options: ResolvedBrokerOptions;
  readonly #requests: RequestBooks;
  readonly #services: Services;
  readonly #workforce: Workforce;
  readonly #outputs = new Fifo<MajordomoBrokerOutput>();
  readonly #counters = {
    requests: 0,
    answered: 0,
    mmi: 0,
    joined: 0,
    delivered: 0,
    redelivered: 0,
    dropped: 0,
    repliesDropped: 0,
    undeliverable: 0,
    malformed: 0,
  };
  readonly #listings: Listings;
  #isClosing = false;
  #isIdle = false;
  #now = 0;

  /** @param options - checked options, see `resolveBrokerOptions` */
  constructor(options: ResolvedBrokerOptions) {
    this.#options = options;
    this.#requests = new RequestBooks(options);
    this.#services = new Services(options);
    this.#workforce = new Workforce(options, this.#services, {
      emit: (output) => this.#outputs.push(output),
      report: (event) => this.#report(event),
      replied: (holding, kind, body) => this.#replied(holding, kind, body),
      orphaned: (holding) => this.#orphaned(holding),
      recovered: (holding) => this.#recovered(holding),
      freed: (service) => this.#serve(service),
      crowdedOut: (request) => this.#end(request, "limit", "maxWaiting"),
      unknownReply: () => this.#dropReply("unknown"),
    });
    this.#listings = new Listings({
      services: () => this.services().filter(({ workers }) => workers > 0),
      workers: () => this.#workforce.infosByService(this.#now),
    });
  }

  get stats(): MajordomoBrokerStats {
    const { expired, expelled, refused } = this.#workforce;
    return { ...this.#counters, expired, expelled, refused };
  }

  /** Requests that wait for a worker. */
  get waiting(): number {
    return this.#requests.waiting;
  }

  /** Requests that workers have, those that were given to another meanwhile not counted. */
  get running(): number {
    return this.#requests.size - this.#requests.waiting;
  }

  /** Size of the requests at hand, in bytes. */
  get heldBytes(): number {
    return this.#requests.bytes;
  }

  /** Registered workers. */
  get workerCount(): number {
    return this.#workforce.size;
  }

  /** Names in the books: services that workers offer, and names that requests wait for. */
  get serviceCount(): number {
    return this.#services.size;
  }

  /** Connections of clients that have requests at hand. */
  get clientCount(): number {
    return this.#requests.clientCount;
  }

  get deadline(): number | undefined {
    const { deadline: oldest } = this.#requests;
    const { deadline: heartbeat } = this.#workforce;
    if (oldest === undefined || heartbeat === undefined) return oldest ?? heartbeat;
    return Math.min(oldest, heartbeat);
  }

  /** All services in the books. */
  services(): ServiceInfo[] {
    return Array.from(this.#services.all(), ({ name, workers, free, waiting, running }) => {
      return { name, workers, free, waiting, running };
    });
  }

  /** All registered workers, as they are at `now`. */
  workers(now: number): WorkerInfo[] {
    return this.#workforce.infos(now);
  }

  take(): MajordomoBrokerOutput | undefined {
    return this.#outputs.shift();
  }

  handle(input: MajordomoBrokerInput | Stalled, now: number): void {
    this.#now = now;
    this.#accept(input);
    this.#tellWhenIdle();
  }

  #accept(input: MajordomoBrokerInput | Stalled): void {
    switch (input.type) {
      case "request":
        return this.#requested(input);
      case "said":
        return this.#workforce.said(input, this.#now);
      case "cancel": {
        const request = this.#requests.find(input.key);
        if (request !== undefined) this.#abandon(request, "cancelled");
        return;
      }
      case "malformed":
        this.#counters.malformed += 1;
        return this.#report({ type: "message-dropped", at: this.#now, reason: input.reason });
      case "departed":
        return this.#departed(input);
      case "undeliverable":
        return this.#undeliverable(input);
      case "close":
        this.#isClosing = true;
        for (const request of [...this.#requests.all()]) {
          if (request.holding === undefined) this.#end(request, "closing");
        }
        return;
      case "dismiss":
        return this.#workforce.dismiss();
      case "stalled":
        this.#workforce.stalled(this.#now);
        this.#requests.stalled(input.ms, this.#now);
        return this.#report({ type: "process-stalled", at: this.#now, ms: input.ms });
    }
  }

  tick(now: number): void {
    this.#now = now;
    this.#workforce.tick(now);
    for (
      let old = this.#requests.takeOverdue(now);
      old !== undefined;
      old = this.#requests.takeOverdue(now)
    ) {
      this.#end(old, old.service.isServed ? "too-old" : "no-worker");
    }
    for (
      let gone = this.#requests.takeForsaken(now);
      gone !== undefined;
      gone = this.#requests.takeForsaken(now)
    ) {
      this.#abandon(gone, "client-gone");
    }
    this.#tellWhenIdle();
  }

  #tellWhenIdle(): void {
    if (!this.#isClosing || this.#isIdle || this.#requests.size > 0) return;
    this.#isIdle = true;
    this.#outputs.push({ type: "idle" });
  }

  #requested(input: ClientRequest): void {
    this.#counters.requests += 1;
    if (isReserved(input.service)) return this.#manage(input);
    const original = this.#requests.original(input);
    if (original !== undefined) {
      if (!this.#requests.join(original, input, this.#now))
        return this.#refuse(input, "limit", "maxHeldBytes");
      this.#counters.joined += 1;
      return;
    }
    if (this.#isClosing) return this.#refuse(input, "closing", NO_TEXT);
    const known = this.#services.named(input.service);
    const isFree = known !== undefined && known.waiting === 0 && known.nextWorker(this.#now) !== undefined;
    const limit = this.#requests.limitFor(input, !isFree);
    if (limit !== undefined) return this.#refuse(input, "limit", limit);
    const request = this.#requests.enter(input, known ?? this.#services.require(input.service), this.#now);
    if (isFree && this.#workforce.give(request, this.#now)) this.#counters.delivered += 1;
    else this.#wait(request);
  }

  #wait(request: ServiceRequest): void {
    const { service } = request;
    this.#requests.waits(request, this.#now);
    const limit = service.isOffered ? "maxWaiting" : "maxUnoffered";
    for (const gone of service.wait(request, this.#now)) this.#end(gone, "limit", limit);
  }

  /** Answers for the broker's own services (8/MMI). */
  #manage({ service, body, version, route }: ClientRequest): void {
    this.#counters.mmi += 1;
    this.#listings.at(this.#now);
    const reply = answerMmi(service, body, {
      heartbeatMs: this.#options.heartbeatMs,
      hasWorkers: (key) => this.#services.find(key)?.isServed ?? false,
      listings: this.#listings,
    });
    const back = withHeader(route, "message", 0, 0);
    this.#outputs.push({ type: "answer", version, route: back, service, body: reply, isFinal: true });
  }

  /** Gives what waits for a service to those that have credit. */
  #serve(service: Service): void {
    while (service.waiting > 0 && service.nextWorker(this.#now) !== undefined) {
      const request = service.shift() as ServiceRequest;
      this.#requests.waitsNoMore(request);
      this.#workforce.give(request, this.#now);
      this.#counters.delivered += 1;
    }
    this.#tidy(service);
  }

  #tidy(service: Service): void {
    if (!this.#services.tidy(service)) return;
    this.#report({ type: "service-removed", at: this.#now, service: service.name });
  }

  #replied(holding: Holding, kind: PartKind, body: Uint8Array[]): void {
    const { request } = holding;
    if (kind === "partial") return this.#partial(holding, body);
    // That is how a worker of ours says that it has put aside what was cancelled, or that others have meanwhile.
    if (kind === "dropped" && request.isOver) return;
    if (kind === "returned" && request.holding !== holding) return;
    if (!this.#counts(holding, kind)) return this.#dropReply("late");
    if (kind === "final") return this.#answer(holding, body);
    if (kind === "dropped") return this.#end(request, "dropped");
    if (kind === "handler-failed")
      return this.#end(request, "handler-failed", shortText(body[0] as Uint8Array));
    this.#workforce.uncount(holding);
    this.#orphaned(holding);
    this.#serve(request.service);
  }

  /**
   * Whether the last word of a worker is the last word on its request. The reply of one that was given up is as good
   * as any, if it is the first, and whole.
   */
  #counts(holding: Holding, kind: PartKind): boolean {
    const { request, parts } = holding;
    if (request.isOver) return false;
    if (request.holding === holding) return true;
    return kind === "final" && parts === 0 && (request.holding?.parts ?? 0) === 0;
  }

  #partial(holding: Holding, body: Uint8Array[]): void {
    const { request } = holding;
    holding.parts += 1;
    if (request.isOver || request.holding !== holding) return this.#dropReply("late");
    const isTooLarge = this.#isTooLarge(request, body);
    if (!isTooLarge && request.version === "0.2") return this.#pass(holding, body, holding.parts - 1, false);
    if (!isTooLarge && this.#requests.collect(request, body)) return;
    this.#workforce.cancel(holding, this.#now);
    if (isTooLarge) return this.#tooLarge(request);
    this.#dropReply("no-room");
    this.#end(request, "limit", "maxHeldBytes");
  }

  #answer(holding: Holding, body: Uint8Array[]): void {
    const { request } = holding;
    if (this.#isTooLarge(request, body)) return this.#tooLarge(request);
    const whole = request.collected?.complete(body) ?? body;
    this.#counters.answered += 1;
    this.#pass(holding, whole, request.version === "0.1" ? 0 : holding.parts, true);
    this.#forget(request);
  }

  #isTooLarge({ collected }: ServiceRequest, body: Frames): boolean {
    return (collected?.sizeWith(body) ?? byteLength(body)) > this.#options.maxBodyBytes;
  }

  #tooLarge(request: ServiceRequest): void {
    this.#dropReply("body-too-large");
    this.#end(request, "limit", "maxBodyBytes");
  }

  #pass({ request, delivery, worker, number }: Holding, body: Frames, part: number, isFinal: boolean): void {
    const { version, service } = request;
    const route = withHeader(request.route, "message", part, delivery);
    const output = { type: "answer", version, route, service: service.frame, body, isFinal } as const;
    this.#outputs.push(isFinal ? output : { ...output, partOf: { worker: worker.key, number } });
  }

  /** Its worker is lost: it is the next that is served, if it may be given to yet another. */
  #orphaned(holding: Holding): void {
    const { request, parts } = holding;
    request.holding = undefined;
    request.service.running -= 1;
    this.#requests.forgetParts(request);
    const { deliveries, service } = request;
    if (request.farewell !== undefined) return this.#end(request, "client-gone");
    if (this.#isClosing) return this.#end(request, "closing");
    const text = `${deliveries} ${deliveries === 1 ? "worker was" : "workers were"} lost with it`;
    if (deliveries >= this.#options.maxDeliveries) return this.#end(request, "given-up", text);
    // A client that has parts already, and could not tell those of another run from them, had better ask again.
    const isTorn = parts > 0 && request.version === "0.2" && routeHeader(request.route) === undefined;
    if (isTorn) return this.#end(request, "given-up", text);
    service.putBack(request, this.#now);
    this.#requests.waits(request, this.#now);
    this.#counters.redelivered += 1;
    this.#report({ type: "request-redelivered", at: this.#now, service: service.name, deliveries });
  }

  /** Its worker is there after all: it goes on, unless another was given it meanwhile, or parts of it were dropped. */
  #recovered(holding: Holding): void {
    const { request, parts, delivery } = holding;
    const isWaiting = !request.isOver && request.holding === undefined;
    if (!isWaiting || parts > 0 || delivery !== request.deliveries) return;
    request.service.take(request);
    request.service.running += 1;
    request.holding = holding;
    this.#requests.waitsNoMore(request);
  }

  #departed({ peer, isAnonymous }: MajordomoBrokerInput & { type: "departed" }): void {
    this.#workforce.lost(peer, "departed", undefined, this.#now);
    // One with a routing id of its own may come back for its replies.
    if (!isAnonymous) return;
    for (const request of this.#requests.ofClient(peer)) {
      // Our client asks again over another connection, and its retry is to find what a worker has begun.
      const mayReturn = request.key !== undefined && request.holding !== undefined;
      if (mayReturn) this.#requests.clientLost(request, this.#now);
      else this.#abandon(request, "client-gone");
    }
  }

  #undeliverable(input: MajordomoBrokerInput & { type: "undeliverable" }): void {
    const { peer, reason, number, isForWorker, partOf } = input;
    // If the worker is not known, it is gone already, and what it had was given to others.
    if (this.#workforce.lost(peer, reason, number, this.#now) || isForWorker) return;
    this.#counters.undeliverable += 1;
    this.#report({ type: "reply-undeliverable", at: this.#now, reason });
    const torn = partOf && this.#workforce.holding(partOf.worker, partOf.number);
    if (torn === undefined || torn.request.holding !== torn) return;
    // Its connection has ended, and what it said last may still be unread: a "cancel", for one.
    const isGone = reason === "peer-unknown" && torn.request.client.key === peer;
    if (isGone) return this.#abandon(torn.request, "client-gone");
    this.#workforce.cancel(torn, this.#now);
    this.#end(torn.request, "limit", "sendHighWaterMark");
  }

  /** Nobody waits for its reply any more. */
  #abandon(request: ServiceRequest, reason: "cancelled" | "client-gone"): void {
    if (request.holding !== undefined) this.#workforce.cancel(request.holding, this.#now);
    this.#end(request, reason);
  }

  /** A request ends without a reply. */
  #end(request: ServiceRequest, reason: DropReason, text = NO_TEXT): void {
    this.#sayNo(request, reason, text, request.deliveries);
    this.#counters.dropped += 1;
    const { service, receivedAt } = request;
    const waitedMs = this.#now - receivedAt;
    this.#report({ type: "request-dropped", at: this.#now, service: service.name, reason, waitedMs });
    this.#forget(request);
  }

  /** A request is not even taken in. */
  #refuse(input: ClientRequest, reason: "limit" | "closing", text: string): void {
    this.#sayNo({ ...input, service: { frame: input.service } }, reason, text, 0);
    this.#counters.dropped += 1;
    const service = frameText(input.service);
    this.#report({ type: "request-dropped", at: this.#now, service, reason, waitedMs: 0 });
  }

  /** Our clients are told; MDP has no word for it, so others hear nothing (7/MDP). */
  #sayNo(
    {
      route,
      version,
      service,
    }: Pick<ServiceRequest, "route" | "version"> & { service: { frame: Uint8Array } },
    reason: DropReason,
    text: string,
    deliveries: number,
  ): void {
    const kind = REFUSALS[reason];
    if (kind === undefined || routeHeader(route) === undefined) return;
    this.#outputs.push({
      type: "answer",
      version,
      route: withHeader(route, kind, 0, deliveries),
      service: service.frame,
      body: [textFrame(text)],
      isFinal: true,
    });
  }

  /** A request is over, wherever it was. */
  #forget(request: ServiceRequest): void {
    const { service } = request;
    if (request.holding === undefined) service.take(request);
    else service.running -= 1;
    request.holding = undefined;
    this.#requests.close(request);
    this.#tidy(service);
  }

  #dropReply(reason: (MajordomoBrokerEvent & { type: "reply-dropped" })["reason"]): void {
    this.#counters.repliesDropped += 1;
    this.#report({ type: "reply-dropped", at: this.#now, reason });
  }

  #report(event: MajordomoBrokerEvent): void {
    this.#outputs.push({ type: "status", event });
  }
}

/** Longest message of a handler that threw, in bytes: it informs, it is no log. */
const MAX_TEXT_BYTES = 4096;

const shortText = (frame: Uint8Array): string => frameText(frame.subarray(0, MAX_TEXT_BYTES));

/** The way back with our client's header changed; that of others as it is. */
function withHeader(route: Frames, kind: HeaderKind, part: number, delivery: number): Frames {
  const header = routeHeader(route);
  if (header === undefined) return route;
  const answer = answerHeader(header, kind, part, delivery);
  if (route.length === 3) return [route[0] as Uint8Array, answer, route[2] as Uint8Array];
  const back = [...route];
  back[route.length - 2] = answer;
  return back;
}
