import {
  type Frames,
  MachineHost,
  type Random,
  type RequestServerOwner,
  type Scheduler,
  type SocketSettings,
  type Transport,
  type TransportSocket,
} from "@seaworthy/core";
import type { FreelanceServerMachine } from "./server-machine.js";
import type { FreelanceServerInput, FreelanceServerOutput } from "./server-messages.js";
import { bindNamed, nameEndpoint } from "./server-name.js";
import type { FreelanceProtocol } from "./server-options.js";
import {
  decodeFlpRequest,
  decodePlainRequest,
  encodeFlpFailure,
  encodeFlpReply,
  encodePlainFailure,
  encodePlainReply,
  encodePong,
} from "./wire.js";

/** Who runs the requests. */
export type FreelanceServerOwner = Pick<RequestServerOwner, "run" | "status">;

/** Where a server machine lives. */
export interface FreelanceServerSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  protocol: FreelanceProtocol;
  socket: SocketSettings;
  /** Source of ports, where an endpoint leaves it to us. */
  random: Random;
  owner: FreelanceServerOwner;
}

/** A server machine with its sockets. */
export interface WiredServer {
  feed(input: FreelanceServerInput): void;
  /**
   * Listens on one endpoint more.
   *
   * @param as - the endpoint that clients connect to, which FLP servers have as their routing id
   * @returns the endpoint to connect to
   */
  bind(endpoint: string, as?: string): string;
  /** Gives queued replies up to `lingerMs` to leave, then closes the sockets. */
  close(lingerMs: number): Promise<void>;
}

const OWNER = "FreelanceServer.bind";

const PROTOCOLS = {
  flp: { decode: decodeFlpRequest, reply: encodeFlpReply, failure: encodeFlpFailure },
  plain: { decode: decodePlainRequest, reply: encodePlainReply, failure: encodePlainFailure },
} as const;

/** Connects a server machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireServer(
  machine: FreelanceServerMachine,
  { transport, scheduler, protocol, socket, random, owner }: FreelanceServerSurroundings,
): WiredServer {
  const { decode, reply, failure } = PROTOCOLS[protocol];
  /** By a mark that the machine sees as the first hop of what came over the socket. */
  const routers = new Map<Uint8Array, TransportSocket>();
  const closings: Promise<void>[] = [];

  function listen(endpoint: string, name: string | undefined): string {
    const mark = new Uint8Array(0);
    const identity = name === undefined ? {} : { routingId: name };
    const router = transport.open(
      { ...socket, type: "router", ...identity },
      {
        message(frames) {
          const input = decode(frames);
          if (input.type === "malformed") host.feed(input);
          else host.feed({ ...input, route: [mark, ...input.route] });
        },
        refused: (_frames, reason) => host.feed({ type: "undeliverable", reason }),
      },
    );
    try {
      const bound = router.bind(endpoint);
      routers.set(mark, router);
      return bound;
    } catch (error) {
      closings.push(router.close(0));
      throw error;
    }
  }

  function send(route: Frames, encode: (route: Frames) => Frames | undefined): void {
    const [mark, ...rest] = route as [Uint8Array, ...Uint8Array[]];
    const frames = encode(rest);
    if (frames !== undefined && routers.get(mark)?.send(frames) === false)
      host.feed({ type: "undeliverable", reason: "queue-full" });
  }

  function perform(output: FreelanceServerOutput): void {
    switch (output.type) {
      case "run":
        return owner.run(output);
      case "status":
        return owner.status(output.event);
      case "pong":
        return send(output.route, encodePong);
      case "answer": {
        const { outcome } = output;
        return send(output.route, (route) =>
          outcome.type === "reply" ? reply(route, outcome.body) : failure(route, outcome.message),
        );
      }
    }
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    feed: (input) => host.feed(input),
    bind(endpoint, as) {
      if (protocol === "plain") return listen(endpoint, undefined);
      const named = nameEndpoint(OWNER, endpoint, as);
      return bindNamed(named, random, ({ endpoint, name }) => listen(endpoint, name));
    },
    async close(lingerMs) {
      await Promise.all([...closings, ...Array.from(routers.values(), (router) => router.close(lingerMs))]);
      host.stop();
    },
  };
}
