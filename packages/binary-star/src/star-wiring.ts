import {
  MachineHost,
  type Scheduler,
  type SocketSettings,
  type Transport,
  type TransportSocket,
} from "@seaworthy/core";
import type { Arbiter } from "./arbiter.js";
import { type EpochStore, Epochs } from "./epochs.js";
import type { BinaryStarMachine } from "./star-machine.js";
import type {
  BinaryStarEvent,
  BinaryStarInput,
  BinaryStarOutput,
  DeactivationReason,
} from "./star-messages.js";
import { decodeState, encodeState, RECORD_TOPIC } from "./wire.js";

/** The application that the pair is about. */
export interface BinaryStarOwner {
  /** Begins to serve; answered by `activated` or `activation-failed`. */
  activate(epoch: number): void;
  /** Ends to serve. */
  deactivate(epoch: number, reason: DeactivationReason): void;
  /** Has the active peer's state; answered by `caught-up` or `transfer-failed`. */
  transfer(transfer: number): void;
  stopTransfer(transfer: number): void;
  status(event: BinaryStarEvent): void;
}

/** Where a node's machine lives. */
export interface BinaryStarSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  socket: SocketSettings;
  /** If there is one of these two, the machine has to have been made with `asksForEpochs`. */
  arbiter?: Arbiter | undefined;
  store?: EpochStore | undefined;
  owner: BinaryStarOwner;
}

/** A node's machine with its sockets. */
export interface WiredStar {
  feed(input: BinaryStarInput): void;
  /**
   * A client has asked for the service.
   *
   * @param takesRequests - false: the application takes no more, so that the client is turned away whatever the node is
   * @returns whether the request may be answered now
   */
  vote(takesRequests?: boolean): boolean;
  /** The time on the node's clock, in ms. */
  now(): number;
  /** Where the peer subscribes to this node's states. */
  bind(endpoint: string): string;
  /** Where the peer publishes its states. */
  connect(endpoint: string): void;
  /** Leaves the pair, and gives its last word up to `lingerMs` to reach the peer, and what it held to be given back. */
  close(lingerMs: number): Promise<void>;
}

/** Connects a node's machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireStar(
  machine: BinaryStarMachine,
  { transport, scheduler, socket, arbiter, store, owner }: BinaryStarSurroundings,
): WiredStar {
  const isRecordTopic = (prefix: Uint8Array): boolean =>
    prefix.length === RECORD_TOPIC.length && prefix.every((byte, index) => byte === RECORD_TOPIC[index]);
  const publisher: TransportSocket = transport.open(
    { ...socket, type: "publisher", subscriptions: true },
    {
      message() {},
      subscribed(prefix) {
        if (isRecordTopic(prefix)) host.feed({ type: "peer-reads-records", reads: true });
      },
      unsubscribed(prefix) {
        if (isRecordTopic(prefix)) host.feed({ type: "peer-reads-records", reads: false });
      },
    },
  );
  const subscriber: TransportSocket = transport.open(
    { ...socket, type: "subscriber" },
    { message: (frames) => host.feed(decodeState(frames)) },
  );
  subscriber.subscribe(new Uint8Array(0));
  subscriber.subscribe(RECORD_TOPIC);
  const epochs = new Epochs(machine.role, arbiter, store, machine.epoch, (input) => host.feed(input));

  function perform(output: BinaryStarOutput): void {
    switch (output.type) {
      case "publish":
        // A queue that is full holds states that nobody reads: the next heartbeat says the same.
        publisher.send(encodeState(output.state, output.record));
        return;
      case "activate":
        return owner.activate(output.epoch);
      case "deactivate":
        return owner.deactivate(output.epoch, output.reason);
      case "transfer":
        return owner.transfer(output.transfer);
      case "stop-transfer":
        return owner.stopTransfer(output.transfer);
      case "status":
        return owner.status(output.event);
      default:
        return epochs.perform(output);
    }
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    feed: (input) => host.feed(input),
    vote(takesRequests = true) {
      if (takesRequests) host.feed({ type: "vote" });
      const isAccepted = takesRequests && machine.isServing(host.now());
      host.feed({ type: "voted", isAccepted });
      return isAccepted;
    },
    now: () => host.now(),
    bind: (endpoint) => publisher.bind(endpoint),
    connect(endpoint) {
      subscriber.connect(endpoint);
      host.feed({ type: "start" });
    },
    async close(lingerMs) {
      host.feed({ type: "close" });
      const settled = epochs.settle(scheduler, lingerMs);
      await Promise.all([publisher.close(lingerMs), subscriber.close(0), settled]);
      host.stop();
    },
  };
}
