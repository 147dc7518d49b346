import { type Frames, frameKey } from "@seaworthy/core";
import type { End } from "./connection.js";
import type { Pipe } from "./pipe.js";
import { SimulatedSocket } from "./socket.js";

/** Sends each message to the peer that its first frame names, or refuses it. */
export class SimulatedRouter extends SimulatedSocket {
  readonly #peers = new Map<string, Pipe>();
  #nextId = this.network.freshId();

  protected override route(frames: Frames): void {
    const [routingId, ...rest] = frames;
    const pipe = routingId === undefined ? undefined : this.#peers.get(frameKey(routingId));
    if (pipe === undefined) this.refuse(frames, "peer-unknown");
    else if (this.hasSendRoom(pipe)) this.write(pipe, rest);
    else this.refuse(frames, "peer-full");
  }

  protected override received(pipe: Pipe, frames: Frames): Uint8Array[] {
    return [pipe.routingId as Uint8Array, ...frames];
  }

  protected override connected(end: End, pipe: Pipe): void {
    // A pipe that lives on across a reconnect keeps the name that it has.
    if (pipe.routingId !== undefined) return;
    pipe.routingId = end.peer.socket?.routingId ?? this.#freshRoutingId();
    pipe.routingKey = frameKey(pipe.routingId);
    const rival = this.#peers.get(pipe.routingKey);
    if (rival === undefined || this.settings.handover) this.#peers.set(pipe.routingKey, pipe);
    const loser = this.settings.handover ? rival : pipe;
    if (rival === undefined || loser === undefined) return;
    // libzmq does not close the connection: its peer goes on sending, and nobody listens.
    this.ignore(loser);
    this.dropped("routing id in use, peer ignored", 1);
  }

  protected override removePipe(pipe: Pipe): void {
    super.removePipe(pipe);
    if (this.#peers.get(pipe.routingKey) === pipe) this.#peers.delete(pipe.routingKey);
  }

  /** As libzmq makes them: a zero byte, which no peer may begin its own id with, and a counter. */
  #freshRoutingId(): Uint8Array {
    const id = new Uint8Array(5);
    new DataView(id.buffer).setUint32(1, this.#nextId);
    this.#nextId = (this.#nextId + 1) >>> 0;
    return id;
  }
}
