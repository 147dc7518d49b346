import {
  byteLength,
  ChurnMap,
  DELIMITER,
  type DeadlineEntry,
  DeadlineQueue,
  type Frames,
  frameKey,
  framesEqual,
  keptFrame,
  Link,
  LinkedList,
  memoryOf,
} from "@seaworthy/core";
import type { ClientRequest } from "./broker-wire.js";
import { CollectedParts } from "./collected-parts.js";
import { headerAttempt, headerTtlMs, routeHeader } from "./request-header.js";
import type { Service } from "./service.js";
import type { ClientRecord, Holding, ServiceRequest } from "./service-request.js";
import type { MdpVersion } from "./wire.js";

const NOTHING: Frames = [];

/** What bounds the requests that a broker has at hand. */
export interface RequestLimits {
  readonly requestTtlMs: number;
  readonly maxHeldBytes: number;
  readonly maxBodyBytes: number;
}

/** All requests that a broker has at hand: by what their retries have in common, by client, and by when they have waited too long. */
export class RequestBooks {
  readonly #limits: RequestLimits;
  readonly #byKey = new ChurnMap<string, ServiceRequest>();
  readonly #byClient = new Map<string, ClientRecord>();
  readonly #waiting = new DeadlineQueue<ServiceRequest>();
  /** Requests at workers whose clients may come back or not. */
  readonly #forsaken = new DeadlineQueue<ServiceRequest>();
  /** Often the next request is of the same: it costs less to see that than to make a key. */
  #lastClient: ClientRecord | undefined;
  #bytes = 0;
  #waitingBytes = 0;
  #size = 0;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  /** Requests at hand. */
  get size(): number {
    return this.#size;
  }

  /** Requests that wait for a worker. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Size of the requests at hand, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Connections that requests at hand came over. */
  get clientCount(): number {
    return this.#byClient.size;
  }

  /** When the first request has waited too long, or `undefined`. */
  get deadline(): number | undefined {
    const { deadline: oldest } = this.#waiting;
    const { deadline: forsaken } = this.#forsaken;
    if (oldest === undefined || forsaken === undefined) return oldest ?? forsaken;
    return Math.min(oldest, forsaken);
  }

  /**
   * Which limit keeps a request out, or `undefined`. What waits may take half of all room: a service whose workers
   * are free is not to suffer from the lines of others.
   *
   * @param waits - no worker is free for it
   */
  limitFor({ route, body }: ClientRequest, waits: boolean): "maxBodyBytes" | "maxHeldBytes" | undefined {
    const { maxBodyBytes, maxHeldBytes } = this.#limits;
    if (byteLength(body) > maxBodyBytes) return "maxBodyBytes";
    const bytes = costOf(route, body);
    const isTooMuch = this.#bytes + bytes > maxHeldBytes;
    return isTooMuch || (waits && this.#waitingBytes + bytes > maxHeldBytes / 2) ? "maxHeldBytes" : undefined;
  }

  /** The request at hand that this is a retry of, or `undefined`. */
  original({ key }: ClientRequest): ServiceRequest | undefined {
    return key === undefined ? undefined : this.#byKey.get(key);
  }

  enter(input: ClientRequest, service: Service, now: number): ServiceRequest {
    const client = this.#client(input.route);
    const request = new HeldRequest(input, service, client, this.#ttlMs(input), now);
    this.#size += 1;
    this.#bytes += request.bytes;
    if (input.key !== undefined) this.#byKey.set(input.key, request);
    client.requests.append(request.mark);
    return request;
  }

  /**
   * A retry of what is at hand: its reply goes where this one came from, and its time begins anew. Connections are
   * read in turn, so what was sent over a lost one may be read after its retry over the next: that changes nothing.
   *
   * @returns whether there is room for its envelope, which may be a larger one
   */
  join(request: ServiceRequest, input: ClientRequest, now: number): boolean {
    if (attemptOf(input.route) < attemptOf(request.route)) return true;
    const more = memoryOf(input.route) - memoryOf(request.route);
    if (more > 0 && this.#bytes + more > this.#limits.maxHeldBytes) return false;
    this.#bytes += more;
    request.joinedBytes += more;
    const client = this.#client(input.route);
    client.requests.append(request.mark);
    if (client !== request.client) this.#tidy(request.client);
    request.client = client;
    request.route = keptRoute(input.route, client);
    // In the middle of a reply its layout does not change.
    if ((request.holding?.parts ?? 0) === 0) request.version = input.version;
    this.#stays(request);
    request.ttlMs = this.#ttlMs(input);
    if (request.holding === undefined) this.waits(request, now);
    return true;
  }

  /** What came over the connection of a client. */
  ofClient(client: string): ServiceRequest[] {
    return [...(this.#byClient.get(client)?.requests ?? [])];
  }

  /** What our client gave this name, or `undefined`. */
  find(key: string): ServiceRequest | undefined {
    return this.#byKey.get(key);
  }

  /** It waits from now on, for its whole time. */
  waits(request: ServiceRequest, now: number): void {
    const dueAt = now + request.ttlMs;
    if (request.timer !== undefined) return this.#waiting.move(request.timer, dueAt);
    request.timer = this.#waiting.add(request, dueAt);
    this.#waitingBytes += request.bytes;
  }

  /** The connection of its client is gone, while a worker has it: a retry may still come, for as long as it might wait. */
  clientLost(request: ServiceRequest, now: number): void {
    if (request.farewell === undefined) request.farewell = this.#forsaken.add(request, now + request.ttlMs);
    else this.#forsaken.move(request.farewell, now + request.ttlMs);
  }

  /** A request whose client has not come back, or `undefined`. */
  takeForsaken(now: number): ServiceRequest | undefined {
    return this.#forsaken.takeDue(now);
  }

  /**
   * This process stood still for so long, and gave nothing to anyone: what waits gets that time back, as far as its
   * client is known to wait.
   */
  stalled(ms: number, now: number): void {
    for (const request of this.all()) {
      const { timer, ttlMs } = request;
      if (timer === undefined) continue;
      const waitedMs = now - (timer.at - ttlMs);
      const header = routeHeader(request.route);
      const patienceMs = (header && headerTtlMs(header)) || Number.POSITIVE_INFINITY;
      request.ttlMs = Math.min(ttlMs + Math.min(ms, waitedMs), Math.max(ttlMs, patienceMs));
      this.#waiting.move(timer, timer.at - ttlMs + request.ttlMs);
    }
  }

  /** It waits no more. */
  waitsNoMore(request: ServiceRequest): void {
    if (request.timer === undefined) return;
    this.#waitingBytes -= request.bytes;
    this.#waiting.cancel(request.timer);
    request.timer = undefined;
  }

  /** A request that has waited too long, or `undefined`. */
  takeOverdue(now: number): ServiceRequest | undefined {
    return this.#waiting.takeDue(now);
  }

  /** Keeps a part of its reply until the end of that; false if there is no room for it. */
  collect(request: ServiceRequest, part: Frames): boolean {
    request.collected ??= new CollectedParts();
    const { collected } = request;
    const more = collected.sizeWith(part) - collected.size;
    if (this.#bytes + more > this.#limits.maxHeldBytes) return false;
    collected.add(part);
    this.#bytes += more;
    return true;
  }

  /** What was kept of its reply is of no use any more. */
  forgetParts(request: ServiceRequest): void {
    this.#bytes -= request.collected?.size ?? 0;
    request.collected = undefined;
  }

  /** It is answered, or will not be. A worker may still have it, but its body is needed no more. */
  close(request: ServiceRequest): void {
    request.isOver = true;
    // A worker that was given up may refer to it for as long as it is known.
    request.body = NOTHING;
    request.route = NOTHING;
    this.forgetParts(request);
    this.waitsNoMore(request);
    this.#stays(request);
    this.#size -= 1;
    this.#bytes -= request.bytes + request.joinedBytes;
    if (request.key !== undefined) this.#byKey.delete(request.key);
    request.mark.unlink();
    this.#tidy(request.client);
  }

  /** All requests at hand. */
  *all(): Generator<ServiceRequest> {
    for (const { requests } of this.#byClient.values()) yield* requests;
  }

  /** Its client is there, or it is over. */
  #stays(request: ServiceRequest): void {
    if (request.farewell === undefined) return;
    this.#forsaken.cancel(request.farewell);
    request.farewell = undefined;
  }

  /** The client may ask for less than the broker lets requests wait, not for more. */
  #ttlMs({ ttlMs }: ClientRequest): number {
    const { requestTtlMs } = this.#limits;
    return ttlMs === 0 ? requestTtlMs : Math.min(ttlMs, requestTtlMs);
  }

  #client(route: Frames): ClientRecord {
    const id = route[0] as Uint8Array;
    const last = this.#lastClient;
    if (last !== undefined && framesEqual(last.id, id)) return last;
    const key = frameKey(id);
    let client = this.#byClient.get(key);
    if (client === undefined) {
      client = { key, id, requests: new LinkedList() };
      this.#byClient.set(key, client);
    }
    this.#lastClient = client;
    return client;
  }

  #tidy(client: ClientRecord): void {
    if (client.requests.length > 0) return;
    this.#byClient.delete(client.key);
    if (this.#lastClient === client) this.#lastClient = undefined;
  }
}

/** What a request takes besides its frames, measured under Node.js 20 on x64, in bytes. */
const REQUEST_OVERHEAD = 1280;

function costOf(route: Frames, body: Frames): number {
  return REQUEST_OVERHEAD + memoryOf(route) + memoryOf(body);
}

class HeldRequest implements ServiceRequest {
  readonly lane: string;
  readonly key: string | undefined;
  readonly service: Service;
  readonly bytes: number;
  readonly receivedAt: number;
  readonly mark: Link<ServiceRequest> = new Link(this as ServiceRequest);
  ttlMs: number;
  route: Frames;
  version: MdpVersion;
  client: ClientRecord;
  body: Frames;
  joinedBytes = 0;
  deliveries = 0;
  holding: Holding | undefined = undefined;
  timer: DeadlineEntry<ServiceRequest> | undefined = undefined;
  farewell: DeadlineEntry<ServiceRequest> | undefined = undefined;
  returns = 0;
  place: object | undefined = undefined;
  collected: CollectedParts | undefined = undefined;
  isOver = false;

  constructor(input: ClientRequest, service: Service, client: ClientRecord, ttlMs: number, now: number) {
    this.lane = client.key;
    this.key = input.key;
    this.service = service;
    this.bytes = costOf(input.route, input.body);
    this.receivedAt = now;
    this.ttlMs = ttlMs;
    this.route = keptRoute(input.route, client);
    this.version = input.version;
    this.client = client;
    this.body = input.body.map(keptFrame);
  }
}

/** The same way, with what all of a client's requests have in common only once. */
function keptRoute(route: Frames, { id }: ClientRecord): Frames {
  return route.length === 3 && route[2]?.length === 0
    ? [id, keptFrame(route[1] as Uint8Array), DELIMITER]
    : [id, ...route.slice(1).map(keptFrame)];
}

/** Which attempt of a client of ours came this way, or 0. */
function attemptOf(route: Frames): number {
  const header = routeHeader(route);
  return header === undefined ? 0 : headerAttempt(header);
}
