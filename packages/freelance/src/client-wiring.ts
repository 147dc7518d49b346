import {
  MachineHost,
  type RequestClientOwner,
  type RequestClientSurroundings,
  type WiredRequestClient,
} from "@seaworthy/core";
import { type Channel, type ChannelGround, dealerChannel, RouterChannel } from "./client-channels.js";
import type { FreelanceClientMachine } from "./client-machine.js";
import type {
  FreelanceClientEvent,
  FreelanceClientInput,
  FreelanceClientOutput,
  FreelanceFailure,
} from "./client-messages.js";
import type { FreelanceStrategy } from "./client-options.js";
import {
  decodeFailoverReply,
  decodeShotgunReply,
  encodeFailoverRequest,
  encodeShotgunRequest,
} from "./wire.js";

/** Whom the outcomes of requests are told to. */
export type FreelanceClientOwner = RequestClientOwner<FreelanceClientEvent, FreelanceFailure>;

/** Where a client machine lives. */
export interface FreelanceClientSurroundings
  extends RequestClientSurroundings<FreelanceClientEvent, FreelanceFailure> {
  /** The machine's. */
  strategy: FreelanceStrategy;
}

/** A client machine with sockets around it. */
export type WiredClient = WiredRequestClient<FreelanceClientInput>;

function openChannel(strategy: FreelanceStrategy, ground: ChannelGround): Channel {
  switch (strategy) {
    case "failover":
      return dealerChannel(ground, { encode: encodeFailoverRequest, decode: decodeFailoverReply });
    case "shotgun":
      return dealerChannel(ground, { encode: encodeShotgunRequest, decode: decodeShotgunReply });
    case "tracked":
      return new RouterChannel(ground);
  }
}

/** Connects a client machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireClient(
  machine: FreelanceClientMachine,
  { transport, scheduler, strategy, socket, owner }: FreelanceClientSurroundings,
): WiredClient {
  const channel = openChannel(strategy, { transport, socket, feed: (input) => host.feed(input) });

  function send(output: FreelanceClientOutput & { type: "send" }): void {
    const { connection, id } = output;
    if (channel.send(output)) return;
    host.feed({ type: "refused", connection, sequence: id.sequence, reason: "queue-full" });
  }

  function perform(output: FreelanceClientOutput): void {
    switch (output.type) {
      case "send":
        return send(output);
      case "answered":
        return owner.answered(output.call, output.body);
      case "failed":
        return owner.failed(output.call, output.failure);
      case "status":
        return owner.status(output.event);
      case "ping":
        return channel.ping(output.connection);
      case "open":
        return channel.open(output.connection, output.endpoint);
      case "discard":
        return channel.discard(output.connection);
    }
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    feed: (input) => host.feed(input),
    async close() {
      host.feed({ type: "close" });
      host.stop();
      await channel.close();
    },
  };
}
