import type { Frames, SocketSpec, Transport, TransportSocket } from "@seaworthy/core";

/** Whoever looks on at what goes through a socket. */
export interface Witness {
  connected?(endpoint: string): void;
  sent?(frames: Frames): void;
  received?(frames: Frames): void;
  /** The owner has seen what was received, or who departed, last, and done what it does about it. */
  handled?(): void;
  refused?(frames: Frames): void;
  /** The owner has seen what was refused last, and done what it does about it. */
  refusalHandled?(): void;
  departed?(routingId: Uint8Array): void;
}

/** Told of the sockets of a tapped transport. */
export interface SocketLife<W> {
  opened?(socket: TransportSocket, witness: W): void;
  closed?(socket: TransportSocket): void;
}

/** A transport whose sockets have witnesses: they see each message before the socket's owner does. */
export function tapped<W extends Witness>(
  transport: Transport,
  witnessOf: (spec: SocketSpec) => W,
  life: SocketLife<W> = {},
): Transport {
  return {
    backlog: () => transport.backlog(),
    open(spec, handlers) {
      const witness = witnessOf(spec);
      const socket = transport.open(spec, {
        ...handlers,
        message(frames) {
          witness.received?.(frames);
          handlers.message(frames);
          witness.handled?.();
        },
        departed(routingId) {
          witness.departed?.(routingId);
          handlers.departed?.(routingId);
          witness.handled?.();
        },
        refused(frames, reason) {
          witness.refused?.(frames);
          handlers.refused?.(frames, reason);
          witness.refusalHandled?.();
        },
      });
      const tap: TransportSocket = {
        bind: (endpoint) => socket.bind(endpoint),
        connect(endpoint) {
          witness.connected?.(endpoint);
          socket.connect(endpoint);
        },
        subscribe: (prefix) => socket.subscribe(prefix),
        send(frames, isWanted) {
          const isTaken = socket.send(frames, isWanted);
          if (isTaken) witness.sent?.(frames);
          return isTaken;
        },
        close(lingerMs) {
          life.closed?.(tap);
          return socket.close(lingerMs);
        },
      };
      life.opened?.(tap, witness);
      return tap;
    },
  };
}
