import type {
  Frames,
  Scheduler,
  SocketHandlers,
  SocketSpec,
  Transport,
  TransportSocket,
} from "@seaworthy/core";

/** A socket that does nothing by itself. */
export interface FakeSocket {
  readonly spec: SocketSpec;
  readonly handlers: SocketHandlers;
  readonly sent: { frames: Frames; isWanted: (() => boolean) | undefined }[];
  readonly calls: string[];
}

/** A transport of such sockets. */
export class FakeTransport implements Transport {
  readonly sockets: FakeSocket[] = [];
  fault: Error | undefined;
  bindFault: Error | undefined;
  isFull = false;

  open(spec: SocketSpec, handlers: SocketHandlers): TransportSocket {
    if (this.fault !== undefined) throw this.fault;
    const socket: FakeSocket = { spec, handlers, sent: [], calls: [] };
    this.sockets.push(socket);
    return {
      bind: (endpoint) => {
        if (this.bindFault !== undefined) throw this.bindFault;
        socket.calls.push(`bind ${endpoint}`);
        return endpoint;
      },
      connect: (endpoint) => socket.calls.push(`connect ${endpoint}`),
      subscribe: () => {},
      send: (frames, isWanted) => {
        if (!this.isFull) socket.sent.push({ frames, isWanted });
        return !this.isFull;
      },
      close: async () => {
        socket.calls.push("close");
      },
    };
  }

  backlog(): boolean {
    return false;
  }
}

/** Time that stands still. */
export const stillness: Scheduler = { now: () => 0, schedule: () => () => {} };

export const textsOf = (frames: Frames | undefined): string[] =>
  (frames ?? []).map((frame) => Buffer.from(frame).toString());
