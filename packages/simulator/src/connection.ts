import { Channel, type Segment } from "./channel.js";
import type { Link } from "./link.js";
import type { Network } from "./network.js";
import type { SimulatedNode } from "./node.js";
import type { Pipe } from "./pipe.js";
import type { SimulatedSocket } from "./socket.js";

/**
 * One end of a connection: what one process's I/O thread knows of it. It opens with a handshake
 * and is over when that process learns so, which may be long after the other end is.
 */
export class End {
  readonly node: SimulatedNode;
  readonly #network: Network;
  /** The socket it belongs to; the binding end gets it when the connection is accepted. */
  socket: SimulatedSocket | undefined;
  /** Set at the end that connects. */
  readonly link: Link | undefined;
  endpoint: string;
  state: "opening" | "up" | "over" = "opening";
  pipe: Pipe | undefined;
  /** The other end, and the two directions. */
  peer!: End;
  outbound!: Channel;
  inbound!: Channel;
  #heardAt = 0;
  #deafSince: number | undefined;

  constructor(network: Network, node: SimulatedNode, endpoint: string, link?: Link) {
    this.#network = network;
    this.node = node;
    this.endpoint = endpoint;
    this.link = link;
    this.socket = link?.socket;
  }

  /** True if more could leave if the peer's kernel took it. */
  get wantsRoom(): boolean {
    return this.state === "up" && (this.pipe?.out.length ?? 0) > 0;
  }

  /** True if a message handed to this end goes straight to the wire. */
  get isClear(): boolean {
    return this.state === "up" && this.pipe?.out.length === 0 && this.outbound.hasRoom;
  }

  /** True if the I/O thread would read a segment of this type now. */
  canRead(type: Segment["type"]): boolean {
    // Connections are accepted, and ports found closed, by the kernel.
    if (type === "connect" || this.socket === undefined) return true;
    if (this.socket.process.paused) return false;
    return type !== "data" || this.pipe === undefined || this.socket.hasReceiveRoom(this.pipe);
  }

  read(segment: Segment): void {
    if (this.state === "over") return;
    switch (segment.type) {
      case "data":
        this.#heardAt = this.#network.loop.now;
        if (this.pipe !== undefined) this.socket?.deliver(this.pipe, segment.frames);
        break;
      case "subscribe":
        if (this.pipe !== undefined) this.socket?.subscribed(this.pipe, segment.prefix);
        break;
      case "connect":
        this.#accept();
        break;
      case "accept":
        this.outbound.transmit({ type: "ready" });
        this.#established();
        break;
      case "ready":
        this.#established();
        break;
      case "end":
      case "reset":
        this.#learn(this.peer.socket === undefined ? "connection refused" : "connection lost");
        break;
    }
  }

  /** The kernel of the listening host has a new connection. */
  #accept(): void {
    const listener = this.#network.listener(this.endpoint, this.peer.node);
    if (listener === undefined) {
      this.state = "over";
      this.inbound.close();
      this.outbound.reset();
      this.#network.settle(this);
      return;
    }
    this.socket = listener.socket;
    this.endpoint = listener.endpoint;
    this.socket.process.ends.add(this);
    this.socket.process.io(() => {
      if (this.state === "opening") this.outbound.transmit({ type: "accept" });
    });
  }

  #established(): void {
    this.state = "up";
    this.link?.established();
    this.socket?.attach(this);
    this.watch();
    this.peer.watch();
  }

  /** The I/O thread resumes after a pause. */
  resume(): void {
    this.inbound.pull();
    this.flush();
  }

  /** Moves what waits in the pipe to the wire, as far as there is room. */
  flush(): void {
    const { pipe, socket } = this;
    if (this.state !== "up" || pipe === undefined || socket === undefined || socket.process.paused) return;
    while (pipe.out.length > 0 && this.outbound.hasRoom) {
      const frames = pipe.out.shift();
      if (frames !== undefined) this.outbound.transmit({ type: "data", frames });
    }
    socket.roomMade();
  }

  /** This end closes: what has been sent before still arrives, unless unread messages make it a reset. */
  close(): void {
    if (this.state === "over") return;
    const isReset = this.inbound.hasUnread;
    this.#over();
    if (isReset) this.outbound.reset();
    else this.outbound.end();
    this.#network.settle(this);
  }

  /** This end gives up: the peer is told by a reset. */
  abort(reason: string): void {
    if (this.state === "over") return;
    this.outbound.reset();
    this.#learn(reason);
  }

  /** This end learns that the connection is gone. */
  #learn(reason: string): void {
    const wasUp = this.state === "up";
    const { pipe, socket } = this;
    this.#over();
    if (socket !== undefined) socket.detach(this, pipe, wasUp, reason);
    this.#network.settle(this);
  }

  #over(): void {
    this.state = "over";
    this.inbound.close();
    this.socket?.process.ends.delete(this);
    if (this.pipe?.end === this) this.pipe.end = undefined;
    this.peer.watch();
  }

  /** ZMTP pings: looks whether the peer's I/O thread can still be heard, and gives up on it in time. */
  watch(): void {
    const interval = this.socket?.settings.pingIntervalMs ?? 0;
    if (interval === 0 || this.state !== "up") return;
    if (this.#isAnswering()) {
      this.#deafSince = undefined;
    } else if (this.#deafSince === undefined) {
      this.#deafSince = this.#network.loop.now;
      this.#expireAfter(interval);
    }
  }

  #isAnswering(): boolean {
    const { peer } = this;
    if (peer.state !== "up" || peer.socket?.process.paused !== false) return false;
    return !this.#network.isBlocked(this.node, peer.node) && !this.#network.isBlocked(peer.node, this.node);
  }

  #expireAfter(interval: number): void {
    const { loop } = this.#network;
    const since = this.#deafSince as number;
    // A ping goes out within one interval, and its answer is awaited for another.
    loop.at(Math.max(since, this.#heardAt) + 2 * interval, () => {
      this.socket?.process.io(() => {
        if (this.state !== "up" || this.#deafSince !== since) return;
        if (loop.now < Math.max(since, this.#heardAt) + 2 * interval) this.#expireAfter(interval);
        else this.abort("no answer to pings");
      });
    });
  }
}

/** Makes both ends of a connection, from the connecting node to the one that listens. */
export function connectionEnds(network: Network, link: Link, to: SimulatedNode): End {
  const near = new End(network, link.socket.node, link.endpoint, link);
  const far = new End(network, to, link.address);
  near.peer = far;
  far.peer = near;
  near.outbound = far.inbound = new Channel(network, near, far, network.windowMessages);
  near.inbound = far.outbound = new Channel(network, far, near, network.windowMessages);
  return near;
}
