import { BindError, integer, milliseconds, type Random, resolveOptions } from "@seaworthy/core";
import type { End } from "./connection.js";
import type { EventLoop } from "./event-loop.js";
import type { EventLog } from "./log.js";
import type { SimulatedNode } from "./node.js";
import type { SimulatedSocket } from "./socket.js";

/** How the network behaves when nothing is wrong. All are optional. */
export interface NetworkOptions {
  /** Shortest one-way latency between nodes, in ms. Default 0.1. */
  minLatencyMs?: number;
  /** Half of the messages take at most this long, in ms. Default 0.5. */
  medianLatencyMs?: number;
  /** Longest latency, in ms; the distribution has a long tail that is cut here. Default 10. */
  maxLatencyMs?: number;
  /**
   * Messages per direction of a connection that the kernels of both sides hold for an I/O thread
   * that does not read. Beyond that they wait in the sender's pipe, up to its high-water mark.
   * Default 100.
   */
  windowMessages?: number;
  /**
   * Longest time until a socket's owner is told of a connection, in ms. ZeroMQ tells it by a way of
   * its own, so a first message may come before the word that the connection is up. Default 0.1.
   */
  maxNoticeMs?: number;
}

const schema = {
  minLatencyMs: milliseconds(0.1),
  medianLatencyMs: milliseconds(0.5),
  maxLatencyMs: milliseconds(10),
  windowMessages: integer(100),
  maxNoticeMs: milliseconds(0.1),
};

/** One-way latency within a node, in ms. */
const LOOPBACK_MS = 0.02;
/** First port of those that are picked for `*`: where the dynamic ports of RFC 6335, section 6, begin. */
const FIRST_FREE_PORT = 49_152;
const ENDPOINT = /^tcp:\/\/([^:/]+):(\*|\d{1,5})$/;
const LOOPBACK = new Set(["127.0.0.1", "localhost"]);

interface Listener {
  readonly endpoint: string;
  readonly socket: SimulatedSocket;
  /** The only node that can connect, if it listens on the loopback interface. */
  readonly only: SimulatedNode | undefined;
}

/** Counts for ordered pairs of nodes. */
class PairTable {
  readonly #values = new Map<number, number>();

  get(from: SimulatedNode, to: SimulatedNode): number {
    return this.#values.size === 0 ? 0 : (this.#values.get(from.index * 65_536 + to.index) ?? 0);
  }

  add(from: SimulatedNode, to: SimulatedNode, change: number): void {
    const key = from.index * 65_536 + to.index;
    const value = (this.#values.get(key) ?? 0) + change;
    if (value === 0) this.#values.delete(key);
    else this.#values.set(key, value);
  }
}

/** All hosts, listeners and connections, and the state of the paths between the hosts. */
export class Network {
  readonly loop: EventLoop;
  readonly log: EventLog;
  readonly windowMessages: number;
  readonly #random: Random;
  readonly #minMs: number;
  readonly #scaleMs: number;
  readonly #maxMs: number;
  readonly #maxNoticeMs: number;
  readonly #hosts: ReadonlyMap<string, SimulatedNode>;
  readonly #listeners = new Map<string, Listener>();
  /** Near ends of all connections that are not over at both ends. */
  readonly #connections = new Set<End>();
  readonly #blocked = new PairTable();
  readonly #delays = new PairTable();

  constructor(
    loop: EventLoop,
    log: EventLog,
    random: Random,
    hosts: ReadonlyMap<string, SimulatedNode>,
    options: NetworkOptions,
  ) {
    const given = resolveOptions("Simulation: network", schema, options);
    this.loop = loop;
    this.log = log;
    this.windowMessages = given.windowMessages;
    this.#maxNoticeMs = given.maxNoticeMs;
    this.#random = random;
    this.#hosts = hosts;
    this.#minMs = given.minLatencyMs;
    this.#scaleMs = Math.max(0, given.medianLatencyMs - given.minLatencyMs);
    this.#maxMs = Math.max(given.maxLatencyMs, given.minLatencyMs);
  }

  /** One-way latency of the next segment, in ms. */
  latency(from: SimulatedNode, to: SimulatedNode): number {
    if (from === to) return LOOPBACK_MS;
    // A long tail by division alone: engines may round Math.log and Math.pow differently.
    const share = this.#random();
    const tail = share >= 1 ? this.#maxMs : (this.#scaleMs * share) / (1 - share);
    return Math.min(this.#minMs + tail, this.#maxMs) + this.#delays.get(from, to);
  }

  /** Time until the next word of a connection reaches the socket's owner, in ms. */
  noticeDelay(): number {
    return this.#maxNoticeMs === 0 ? 0 : this.#random() * this.#maxNoticeMs;
  }

  isBlocked(from: SimulatedNode, to: SimulatedNode): boolean {
    return this.#blocked.get(from, to) > 0;
  }

  /** A random 32-bit number to count routing ids from. */
  freshId(): number {
    return Math.floor(this.#random() * 0x1_0000_0000);
  }

  /** Blocks (or with -1: opens again) the path from one node to another. */
  block(from: SimulatedNode, to: SimulatedNode, change: 1 | -1): void {
    if (from !== to) this.#blocked.add(from, to, change);
  }

  /** Tells all connections that paths were blocked or opened. */
  partitionsChanged(): void {
    for (const near of [...this.#connections]) {
      near.outbound.partitionsChanged();
      near.inbound.partitionsChanged();
    }
    this.watch();
  }

  /** Adds to the latency of the path from one node to another. */
  delay(from: SimulatedNode, to: SimulatedNode, extraMs: number): void {
    this.#delays.add(from, to, extraMs);
  }

  /** Breaks all connections between two nodes; returns how many. */
  cut(a: SimulatedNode, b: SimulatedNode): number {
    let count = 0;
    for (const near of [...this.#connections]) {
      const far = near.peer;
      if (!((near.node === a && far.node === b) || (near.node === b && far.node === a))) continue;
      near.outbound.reset();
      near.inbound.reset();
      count += 1;
    }
    return count;
  }

  /** Looks at all connections with ZMTP pings, since something has changed. */
  watch(): void {
    for (const near of this.#connections) {
      near.watch();
      near.peer.watch();
    }
  }

  /** A connection begins. */
  open(near: End): void {
    this.#connections.add(near);
  }

  /** An end of a connection is over; with both over it is forgotten. */
  settle(end: End): void {
    if (end.peer.state !== "over") return;
    this.#connections.delete(end);
    this.#connections.delete(end.peer);
    end.outbound.close();
    end.inbound.close();
  }

  /** Where an endpoint leads, seen from a node. */
  resolve(from: SimulatedNode, endpoint: string): string {
    const [, host = "", port = ""] = ENDPOINT.exec(endpoint) ?? [];
    return `${LOOPBACK.has(host) ? from.name : host}:${port}`;
  }

  /** The node behind an address. */
  host(address: string): SimulatedNode | undefined {
    return this.#hosts.get(address.slice(0, address.lastIndexOf(":")));
  }

  listener(address: string, from: SimulatedNode): Listener | undefined {
    const listener = this.#listeners.get(address);
    return listener?.only === undefined || listener.only === from ? listener : undefined;
  }

  /** @throws BindError if the endpoint is not this node's or is in use */
  listen(node: SimulatedNode, endpoint: string, socket: SimulatedSocket): string {
    const match = ENDPOINT.exec(endpoint);
    if (match === null) throw new BindError(endpoint, new Error("not of the form tcp://host:port"));
    const [, host = "", asked = ""] = match;
    const isLoopback = LOOPBACK.has(host);
    if (!isLoopback && host !== "*" && host !== "0.0.0.0" && host !== node.name) {
      throw new BindError(endpoint, new Error("address not available"));
    }
    const port = asked === "*" ? this.#freePort(node) : asked;
    const address = `${node.name}:${port}`;
    if (this.#listeners.has(address)) throw new BindError(endpoint, new Error("address already in use"));
    const bound = `tcp://${isLoopback ? host : node.name}:${port}`;
    this.#listeners.set(address, { endpoint: bound, socket, only: isLoopback ? node : undefined });
    return bound;
  }

  unlisten(node: SimulatedNode, endpoint: string): void {
    this.#listeners.delete(this.resolve(node, endpoint));
  }

  #freePort(node: SimulatedNode): string {
    let port = FIRST_FREE_PORT;
    while (this.#listeners.has(`${node.name}:${port}`)) port += 1;
    return String(port);
  }
}
