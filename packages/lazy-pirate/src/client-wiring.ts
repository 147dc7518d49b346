import {
  type RequestClientOwner,
  type RequestClientSurroundings,
  type WiredRequestClient,
  wireRequestClient,
} from "@seaworthy/core";
import type { LazyPirateClientMachine } from "./client-machine.js";
import type { LazyPirateClientEvent, LazyPirateClientInput, RequestFailure } from "./client-messages.js";
import { decodeReply } from "./wire.js";

/** Whom the outcomes of requests are told to. */
export type LazyPirateClientOwner = RequestClientOwner<LazyPirateClientEvent, RequestFailure>;

/** Where a client machine lives. */
export type LazyPirateClientSurroundings = RequestClientSurroundings<LazyPirateClientEvent, RequestFailure>;

/** A client machine with sockets around it. */
export type WiredClient = WiredRequestClient<LazyPirateClientInput>;

/** Connects a client machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireClient(
  machine: LazyPirateClientMachine,
  surroundings: LazyPirateClientSurroundings,
): WiredClient {
  return wireRequestClient(machine, surroundings, decodeReply);
}
