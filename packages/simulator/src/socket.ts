import {
  BindError,
  type ConnectionEvent,
  type Frames,
  type ResolvedSpec,
  type SocketHandlers,
  type TransportSocket,
  textFrame,
} from "@seaworthy/core";
import type { End } from "./connection.js";
import { Link } from "./link.js";
import type { Network } from "./network.js";
import type { SimulatedNode } from "./node.js";
import { Notices } from "./notices.js";
import { FAREWELL, Pipe } from "./pipe.js";
import type { NodeProcess } from "./process.js";
import { Reader } from "./reader.js";

/** What all simulated sockets have in common: pipes, connections, fair-queued reading, closing. */
export abstract class SimulatedSocket implements TransportSocket {
  readonly node: SimulatedNode;
  readonly process: NodeProcess;
  readonly settings: ResolvedSpec;
  /** Routing id that it tells its peers; none if they are to make one up. */
  readonly routingId: Uint8Array | undefined;
  /** All pipes, in the order in which they came. */
  protected readonly pipes: Pipe[] = [];
  protected readonly network: Network;
  readonly #handlers: SocketHandlers;
  readonly #reader: Reader;
  readonly #links = new Map<string, Link>();
  readonly #addresses: string[] = [];
  readonly #notices: Notices;
  #sentInTurn = 0;
  #turn = -1;
  #isClosing = false;
  #isClosed = false;
  #closed: Promise<void> | undefined;
  #resolveClosed: (() => void) | undefined;

  constructor(
    node: SimulatedNode,
    process: NodeProcess,
    network: Network,
    spec: ResolvedSpec,
    handlers: SocketHandlers,
  ) {
    this.node = node;
    this.process = process;
    this.network = network;
    this.settings = spec;
    this.#handlers = handlers;
    this.routingId = spec.routingId === undefined ? undefined : textFrame(spec.routingId);
    this.#reader = new Reader(process, (pipe, frames) => this.#handOver(pipe, frames));
    this.#notices = new Notices(network, process, (event) => this.#tell(event));
    process.sockets.add(this);
  }

  bind(endpoint: string): string {
    this.#assertOpen(endpoint);
    const address = this.network.listen(this.node, endpoint, this);
    this.#addresses.push(address);
    return address;
  }

  connect(endpoint: string): void {
    if (this.#isClosing || this.#links.has(endpoint)) return;
    const link = new Link(this.network, this, endpoint, this.settings.immediate ? undefined : new Pipe());
    this.#links.set(endpoint, link);
    if (link.pipe !== undefined) this.addPipe(link.pipe);
    link.attempt();
  }

  subscribe(_prefix: Uint8Array): void {}

  send(frames: Frames, isWanted?: () => boolean): boolean {
    if (this.#isClosing) return false;
    // The real driver has one message in hand, and hands on the others only when the current turn of
    // the event loop is over.
    const { turn } = this.network.loop;
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#sentInTurn = 0;
    }
    if (this.waiting + this.#sentInTurn > this.settings.maxQueued) {
      this.network.log.record(this.network.loop.now, "drops", this.node, ["queue full"], frames);
      return false;
    }
    this.network.log.record(this.network.loop.now, "sends", this.node, undefined, frames);
    const before = this.waiting;
    this.route(frames, isWanted);
    if (this.waiting === before) this.#sentInTurn += 1;
    return true;
  }

  close(lingerMs: number): Promise<void> {
    if (this.#closed !== undefined) return this.#closed;
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#isClosing = true;
    this.#reader.clear();
    for (const address of this.#addresses) this.network.unlisten(this.node, address);
    const { loop } = this.network;
    if (lingerMs > 0 && this.#hasUnsent())
      loop.at(loop.now + lingerMs, () => this.process.io(() => this.#finish()));
    else this.#finish();
    return this.#closed;
  }

  /** The process is killed: its kernel closes what was open. */
  kill(): void {
    this.#isClosing = true;
    for (const address of this.#addresses) this.network.unlisten(this.node, address);
    this.#resolveClosed = undefined;
    this.#finish();
  }

  /** True while a message from this peer fits in front of the high-water mark. */
  hasReceiveRoom(pipe: Pipe): boolean {
    return !pipe.isIgnored && pipe.in.length < this.settings.receiveHighWaterMark;
  }

  /** The I/O thread has read a message. */
  deliver(pipe: Pipe, frames: Frames): void {
    if (this.#isClosing) return;
    if (frames.some((frame) => frame.length > this.settings.maxFrameBytes)) {
      pipe.end?.abort("message too large");
      return;
    }
    this.#reader.arrived(pipe, frames);
  }

  /** A peer has subscribed. */
  subscribed(_pipe: Pipe, _prefix: Uint8Array): void {}

  /** A connection is up. */
  attach(end: End): void {
    const pipe = end.link?.pipe ?? new Pipe();
    end.pipe = pipe;
    pipe.end = end;
    if (end.link?.pipe === undefined) this.addPipe(pipe);
    this.connected(end, pipe);
    this.#notices.add({ type: "up", endpoint: end.endpoint });
    end.flush();
  }

  /** A connection is gone, or an attempt to have one has failed. */
  detach(end: End, pipe: Pipe | undefined, wasUp: boolean, reason: string): void {
    const { link } = end;
    if (pipe !== undefined && link?.pipe === undefined) {
      // An `immediate` socket loses what it has not read, too.
      if (link !== undefined) this.#forgetUnread(pipe);
      this.#endPipe(pipe, link === undefined);
    }
    if (wasUp) this.#notices.add({ type: "down", endpoint: end.endpoint }, pipe);
    if (link === undefined) return;
    if (wasUp) link.retry();
    else link.failed(reason);
  }

  connectionFailed(endpoint: string, reason: string): void {
    this.#notices.add({ type: "failed", endpoint, reason });
  }

  /** A pipe has sent something: what waits in front of the pipes may go on, and a closing socket may end. */
  roomMade(): void {
    if (this.waiting > 0) this.pump();
    if (this.#isClosing && !this.#hasUnsent()) this.#finish();
  }

  /** True if the owner wants to know which of the connections that it accepted are gone. */
  protected get isToldOfDepartures(): boolean {
    return false;
  }

  /** Messages that wait in front of all pipes. */
  protected get waiting(): number {
    return 0;
  }

  /** Finds a way for a message, now or later. */
  protected abstract route(frames: Frames, isWanted?: () => boolean): void;

  /** Sends what waits in front of the pipes. */
  protected pump(): void {}

  /** Forgets what waits in front of the pipes. */
  protected forgetWaiting(): void {}

  protected addPipe(pipe: Pipe): void {
    this.pipes.push(pipe);
    this.pump();
  }

  /** Nothing comes or goes on a pipe any more. */
  protected ended(_pipe: Pipe): void {}

  /** The last of a pipe has been handed over. */
  protected finished(_pipe: Pipe): void {}

  /** What a socket type does when a connection is up, before anything flows. */
  protected connected(_end: End, _pipe: Pipe): void {}

  /** What the owner gets to see of a message. */
  protected received(_pipe: Pipe, frames: Frames): Uint8Array[] {
    return frames.slice();
  }

  /** Tells the owner what was read from a pipe. */
  protected tellOwner(pipe: Pipe, frames: Frames, handlers: SocketHandlers): void {
    const message = this.received(pipe, frames);
    this.network.log.record(this.network.loop.now, "gets", this.node, undefined, message);
    handlers.message(message);
  }

  /** Has the owner told of something in its turn, behind what it has not read yet of the pipe. */
  protected news(pipe: Pipe, frames: Frames): void {
    if (!this.#isClosing) this.#reader.arrived(pipe, frames);
  }

  /** Reads and writes no more on a pipe, although its connection stays up. */
  protected ignore(pipe: Pipe): void {
    pipe.isIgnored = true;
    this.#forgetUnread(pipe);
    pipe.out.clear();
  }

  protected hasSendRoom(pipe: Pipe): boolean {
    return pipe.out.length < this.settings.sendHighWaterMark;
  }

  /** Hands a message to a pipe that has room. */
  protected write(pipe: Pipe, frames: Frames): void {
    if (pipe.end?.isClear === true) pipe.end.outbound.transmit({ type: "data", frames });
    else pipe.out.push(frames);
  }

  protected dropped(reason: string, count: number, frames?: Frames): void {
    this.network.log.record(this.network.loop.now, "drops", this.node, [reason, count], frames);
  }

  /** Tells the owner of a message that was not sent. */
  protected refuse(frames: Frames, reason: "peer-unknown" | "peer-full"): void {
    this.process.post(() => {
      if (this.#isClosing) return;
      this.network.log.record(this.network.loop.now, "is refused", this.node, [reason], frames);
      this.#handlers.refused?.(frames, reason);
    });
  }

  #handOver(pipe: Pipe, frames: Frames): void {
    if (pipe.isGone && pipe.in.length === 0) this.finished(pipe);
    if (pipe.end?.inbound.hasUnread === true) pipe.end.inbound.pull();
    this.tellOwner(pipe, frames, this.#handlers);
    this.#notices.pipeRead();
  }

  /** Nothing comes or goes on a pipe any more; what has come is still handed over. */
  #endPipe(pipe: Pipe, wasAccepted = false): void {
    const index = this.pipes.indexOf(pipe);
    if (index !== -1) this.pipes.splice(index, 1);
    if (pipe.out.length > 0) this.dropped("connection gone", pipe.out.length);
    pipe.out.clear();
    pipe.isGone = true;
    this.ended(pipe);
    const isTold = wasAccepted && !pipe.isIgnored && this.isToldOfDepartures && !this.#isClosing;
    if (isTold) this.#reader.arrived(pipe, FAREWELL);
    else if (pipe.in.length === 0) this.finished(pipe);
  }

  #tell(event: ConnectionEvent): void {
    if (this.#isClosing) return;
    const verb = event.type === "failed" ? "fails" : event.type === "up" ? "is up" : "is down";
    const { endpoint, reason } = event;
    const parts = reason === undefined ? [endpoint] : [endpoint, reason];
    this.network.log.record(this.network.loop.now, verb, this.node, parts);
    this.#handlers.connection?.(event);
  }

  #forgetUnread(pipe: Pipe): void {
    const count = this.#reader.forget(pipe);
    if (count > 0) this.dropped("unread", count);
  }

  #hasUnsent(): boolean {
    return this.waiting > 0 || this.pipes.some((pipe) => pipe.out.length > 0);
  }

  #finish(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.forgetWaiting();
    for (const link of this.#links.values()) link.stop();
    for (const end of [...this.process.ends]) if (end.socket === this) end.close();
    this.process.sockets.delete(this);
    this.#resolveClosed?.();
  }

  #assertOpen(endpoint: string): void {
    if (this.#isClosing) throw new BindError(endpoint, new Error("the socket is closed"));
  }
}
