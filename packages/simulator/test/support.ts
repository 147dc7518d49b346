import {
  type ConnectionEvent,
  type Frames,
  frameText,
  type RefusalReason,
  type SocketSpec,
  type TransportSocket,
  textFrame,
} from "@seaworthy/core";
import type { NodeContext, SimulatedNode, Simulation } from "../src/index.js";

/** A network in which every message takes exactly 1 ms, and owners are told of connections at once. */
export const oneMs = { minLatencyMs: 1, medianLatencyMs: 1, maxLatencyMs: 1, maxNoticeMs: 0 } as const;

/** A socket and all that it was told, with the times. */
export interface Recorder {
  readonly socket: TransportSocket;
  readonly messages: string[];
  readonly arrivals: number[];
  /** First frame of the last message: on a ROUTER the sender's routing id. */
  lastId: Uint8Array | undefined;
  readonly events: string[];
  readonly refusals: RefusalReason[];
  /** ROUTER with `departures`: who departed. */
  readonly departedIds: Uint8Array[];
  /** PUBLISHER with `subscriptions`: what was subscribed to (`+`) and is no more (`-`), with the times. */
  readonly subscriptions: string[];
  sendText(...texts: string[]): boolean;
}

/** Opens a socket that records; a message is recorded as its last frame. */
export function record(
  { transport, now }: NodeContext,
  spec: SocketSpec,
  onMessage?: (frames: Frames) => void,
  onDeparture?: (routingId: Uint8Array) => void,
  onSubscription?: (prefix: Uint8Array) => void,
): Recorder {
  const recorder: Recorder = {
    messages: [],
    arrivals: [],
    lastId: undefined,
    events: [],
    refusals: [],
    departedIds: [],
    subscriptions: [],
    sendText: (...texts) => recorder.socket.send(texts.map(textFrame)),
    socket: transport.open(spec, {
      message(frames) {
        recorder.messages.push(frameText(frames.at(-1) as Uint8Array));
        recorder.arrivals.push(now());
        recorder.lastId = frames[0];
        onMessage?.(frames);
      },
      connection({ type, reason }: ConnectionEvent) {
        recorder.events.push(`${now()} ${type}${reason === undefined ? "" : ` ${reason}`}`);
      },
      refused: (_frames, reason) => recorder.refusals.push(reason),
      departed(routingId) {
        recorder.departedIds.push(routingId);
        onDeparture?.(routingId);
      },
      subscribed(prefix) {
        recorder.subscriptions.push(`${now()} +${frameText(prefix)}`);
        onSubscription?.(prefix);
      },
      unsubscribed: (prefix) => void recorder.subscriptions.push(`${now()} -${frameText(prefix)}`),
    }),
  };
  return recorder;
}

/** A node with one socket that is bound to `tcp://*:5555`. */
export function binder(
  simulation: Simulation,
  name: string,
  spec: SocketSpec,
  onMessage?: (frames: Frames) => void,
): SimulatedNode<Recorder> {
  return simulation.node(name, (context) => {
    const recorder = record(context, spec, onMessage);
    recorder.socket.bind("tcp://*:5555");
    return recorder;
  });
}

/** A node with one socket that is connected to port 5555 of another. */
export function connecter(
  simulation: Simulation,
  name: string,
  to: string,
  spec: SocketSpec,
): SimulatedNode<Recorder> {
  return simulation.node(name, (context) => {
    const recorder = record(context, spec);
    recorder.socket.connect(`tcp://${to}:5555`);
    return recorder;
  });
}

/** What a node's program returned. */
export function appOf<App>(node: SimulatedNode<App>): App {
  if (node.app === undefined) throw new Error(`node ${node.name} is not up`);
  return node.app;
}

/** Numbers as texts, from `first` on. */
export function numbers(count: number, first = 0): string[] {
  return Array.from({ length: count }, (_, index) => String(first + index));
}
