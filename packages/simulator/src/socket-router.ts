import { Fifo, type Frames, frameKey, type SocketHandlers } from "@seaworthy/core";
import type { End } from "./connection.js";
import { FAREWELL, type Pipe } from "./pipe.js";
import { SimulatedSocket } from "./socket.js";

interface Waiting {
  readonly frames: Frames;
  readonly isWanted: (() => boolean) | undefined;
}

/**
 * Sends each message to the peer that its first frame names, or refuses it. Whether one is still wanted is asked in a turn of its own, when
 * the owner knows what became of those before; what is sent behind it waits.
 */
export class SimulatedRouter extends SimulatedSocket {
  readonly #peers = new Map<string, Pipe>();
  readonly #waiting = new Fifo<Waiting>();
  #nextId = this.network.freshId();

  protected override get isToldOfDepartures(): boolean {
    return this.settings.departures;
  }

  protected override get waiting(): number {
    return this.#waiting.length;
  }

  protected override route(frames: Frames, isWanted?: () => boolean): void {
    if (isWanted === undefined && this.waiting === 0) return this.#send(frames);
    this.#waiting.push({ frames, isWanted });
    if (this.waiting === 1) this.process.post(this.#sendNext);
  }

  protected override forgetWaiting(): void {
    if (this.waiting > 0) this.dropped("socket closed", this.waiting);
    this.#waiting.clear();
  }

  readonly #sendNext = (): void => {
    const next = this.#waiting.peek();
    if (next === undefined) return;
    // It keeps its place while it is asked: what its owner then sends comes behind it.
    const isWanted = next.isWanted?.() !== false;
    this.#waiting.shift();
    if (isWanted) this.#send(next.frames);
    else this.dropped("no longer wanted", 1, next.frames);
    if (this.waiting > 0) this.process.post(this.#sendNext);
    this.roomMade();
  };

  #send(frames: Frames): void {
    const [routingId, ...rest] = frames;
    const pipe = routingId === undefined ? undefined : this.#peers.get(frameKey(routingId));
    if (pipe === undefined || pipe.isGone) this.refuse(frames, "peer-unknown");
    else if (this.hasSendRoom(pipe)) this.write(pipe, rest);
    else this.refuse(frames, "peer-full");
  }

  protected override received(pipe: Pipe, frames: Frames): Uint8Array[] {
    return [pipe.routingId as Uint8Array, ...frames];
  }

  protected override tellOwner(pipe: Pipe, frames: Frames, handlers: SocketHandlers): void {
    if (frames !== FAREWELL) {
      super.tellOwner(pipe, frames, handlers);
      return;
    }
    const routingId = pipe.routingId as Uint8Array;
    this.network.log.record(this.network.loop.now, "sees depart", this.node, undefined, [routingId]);
    handlers.departed?.(routingId);
  }

  protected override connected(end: End, pipe: Pipe): void {
    // A pipe that lives on across a reconnect keeps the name that it has.
    if (pipe.routingId !== undefined) return;
    this.#name(pipe, end.peer.socket?.routingId ?? this.#freshRoutingId());
    const rival = this.#peers.get(pipe.routingKey);
    if (rival === undefined || this.settings.handover) this.#peers.set(pipe.routingKey, pipe);
    if (rival === undefined) return;
    // libzmq does not close the connection: its peer goes on sending, and nobody listens.
    if (!this.settings.handover) this.#ignoreRival(pipe);
    else if (!rival.isGone) this.#ignoreRival(rival);
    // What has come over a connection that is gone is still read, but under a name that nobody knows.
    else this.#name(rival, this.#freshRoutingId());
  }

  protected override finished(pipe: Pipe): void {
    if (this.#peers.get(pipe.routingKey) === pipe) this.#peers.delete(pipe.routingKey);
  }

  #name(pipe: Pipe, routingId: Uint8Array): void {
    pipe.routingId = routingId;
    pipe.routingKey = frameKey(routingId);
  }

  #ignoreRival(pipe: Pipe): void {
    this.ignore(pipe);
    this.dropped("routing id in use, peer ignored", 1);
  }

  /** As libzmq makes them: a zero byte, which no peer may begin its own id with, and a counter. */
  #freshRoutingId(): Uint8Array {
    const id = new Uint8Array(5);
    new DataView(id.buffer).setUint32(1, this.#nextId);
    this.#nextId = (this.#nextId + 1) >>> 0;
    return id;
  }
}
