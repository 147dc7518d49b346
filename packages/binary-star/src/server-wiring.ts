import {
  type Frames,
  MachineHost,
  type RequestServerEvent,
  type RequestServerInput,
  type RequestServerMachine,
  type RequestServerOutput,
  type RequestServerRun,
  requestIdKey,
  type SocketSettings,
  type StatusEvent,
} from "@seaworthy/core";
import type { BinaryStarMachine } from "./star-machine.js";
import type { BinaryStarEvent, BinaryStarInput, DeactivationReason } from "./star-messages.js";
import { type BinaryStarOwner, type BinaryStarSurroundings, wireStar } from "./star-wiring.js";
import { decodeRequest, encodeFailure, encodeRefusal, encodeReply } from "./wire.js";

/** Status events of a server of a pair. */
export type BinaryStarServerEvent =
  | BinaryStarEvent
  | RequestServerEvent
  /** A reply was ready after the node had stopped to be active, or could not be sure that it was: it was not sent, and our clients are told that the server is not active. */
  | (StatusEvent & { readonly type: "reply-fenced" });

/** The application that runs requests, and follows the pair. */
export interface BinaryStarServerOwner extends Omit<BinaryStarOwner, "status"> {
  run(request: RequestServerRun): void;
  /** Nothing that runs is answered any more. */
  revoke(epoch: number, reason: DeactivationReason): void;
  status(event: BinaryStarServerEvent): void;
}

/** The two machines of a server. */
export interface BinaryStarServerMachines {
  readonly star: BinaryStarMachine;
  readonly server: RequestServerMachine;
}

/** Where the machines of a server live. */
export interface BinaryStarServerSurroundings extends Omit<BinaryStarSurroundings, "socket" | "owner"> {
  /** Of the socket for clients, and of those for the peer. */
  socket: SocketSettings;
  peerSocket: SocketSettings;
  owner: BinaryStarServerOwner;
}

/** The machines of a server with their sockets. */
export interface WiredStarServer {
  /** Something for the machine that runs requests. */
  feed(input: RequestServerInput): void;
  /** Something for the machine of the pair. */
  feedStar(input: BinaryStarInput): void;
  /** Replies that were not sent, because the node was no longer active. */
  readonly fenced: number;
  bind(endpoint: string): string;
  bindPeer(endpoint: string): string;
  connectPeer(endpoint: string): void;
  /** Leaves the pair, and gives queued replies and the last word to the peer up to `lingerMs` to leave. */
  close(lingerMs: number): Promise<void>;
}

/** What is told that the server is not active. */
interface Refused {
  readonly route: Frames;
  readonly key: string | undefined;
}

/** So long may the last word to the peer take, though handlers that did not end have used up all the time, in ms. */
const LAST_WORD_MS = 100;

/** Connects the machines of a server with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireStarServer(
  { star, server }: BinaryStarServerMachines,
  { transport, scheduler, socket, peerSocket, arbiter, store, owner }: BinaryStarServerSurroundings,
): WiredStarServer {
  let fenced = 0;
  let isClosing = false;
  /** The epoch that it was sure to be active in when it left. */
  let leftIn: number | undefined;
  const pair = wireStar(star, {
    transport,
    scheduler,
    socket: peerSocket,
    arbiter,
    store,
    owner: {
      activate: (epoch) => owner.activate(epoch),
      deactivate(epoch, reason) {
        host.feed({ type: "revoke", reason: "revoked" });
        owner.revoke(epoch, reason);
        owner.deactivate(epoch, reason);
      },
      transfer: (transfer) => owner.transfer(transfer),
      stopTransfer: (transfer) => owner.stopTransfer(transfer),
      status: (event) => owner.status(event),
    },
  });
  const router = transport.open(
    { ...socket, type: "router" },
    {
      message: (frames) => received(frames),
      refused: (_frames, reason) => host.feed({ type: "undeliverable", reason }),
    },
  );

  function received(frames: Uint8Array[]): void {
    const request = decodeRequest(frames);
    if (request.type === "malformed") return host.feed(request);
    if (pair.vote(!isClosing)) host.feed({ ...request, tag: star.epoch });
    else refuse(request);
  }

  function refuse(request: Refused): void {
    const retryAfterMs = isClosing ? undefined : star.retryAfterMs(pair.now());
    send(encodeRefusal(request, star.published, retryAfterMs));
  }

  function send(frames: Frames | undefined, isWanted?: () => boolean): void {
    if (frames !== undefined && !router.send(frames, isWanted))
      host.feed({ type: "undeliverable", reason: "queue-full" });
  }

  function perform(output: RequestServerOutput): void {
    if (output.type === "run") return owner.run(output);
    if (output.type === "status") return owner.status(output.event);
    const { epoch } = star;
    const { route, outcome } = output;
    const mayLeaveNow = (): boolean => {
      if (mayLeave(epoch)) return true;
      const key = requestIdKey(route);
      // In a later epoch the cache has nothing of this one any more.
      if (key !== undefined && star.epoch === epoch) host.feed({ type: "forget", key });
      // Its client asks again, here or there, and need not wait for its attempt to be over.
      refuse({ route, key });
      return false;
    };
    if (!mayLeaveNow()) return;
    const frames =
      outcome.type === "reply" ? encodeReply(route, outcome.body) : encodeFailure(route, outcome.message);
    send(frames, mayLeaveNow);
  }

  /** The lease may be over, or the process may have stood still, since the request was taken in, or while its reply waited. */
  function mayLeave(epoch: number): boolean {
    if (epoch === leftIn || (star.isServing(pair.now()) && star.epoch === epoch)) return true;
    fenced += 1;
    owner.status({ type: "reply-fenced", at: pair.now() });
    return false;
  }

  const host = new MachineHost(server, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    feed(input) {
      isClosing ||= input.type === "close";
      host.feed(input);
    },
    feedStar: (input) => pair.feed(input),
    get fenced() {
      return fenced;
    },
    bind: (endpoint) => router.bind(endpoint),
    bindPeer: (endpoint) => pair.bind(endpoint),
    connectPeer: (endpoint) => pair.connect(endpoint),
    async close(lingerMs) {
      // Replies of this epoch that are in line now were made in office; there will be no others.
      if (star.isServing(pair.now())) leftIn = star.epoch;
      await Promise.all([router.close(lingerMs), pair.close(Math.max(lingerMs, LAST_WORD_MS))]);
      host.stop();
    },
  };
}
