import {
  type RequestClientOwner,
  type RequestClientSurroundings,
  type WiredRequestClient,
  wireRequestClient,
} from "@seaworthy/core";
import type { BinaryStarClientMachine } from "./client-machine.js";
import type { BinaryStarClientEvent, BinaryStarClientInput, RequestFailure } from "./client-messages.js";
import { decodeAnswer } from "./wire.js";

/** Whom the outcomes of requests are told to. */
export type BinaryStarClientOwner = RequestClientOwner<BinaryStarClientEvent, RequestFailure>;

/** Where a client machine lives. */
export type BinaryStarClientSurroundings = RequestClientSurroundings<BinaryStarClientEvent, RequestFailure>;

/** A client machine with sockets around it. */
export type WiredClient = WiredRequestClient<BinaryStarClientInput>;

/** Connects a client machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireClient(
  machine: BinaryStarClientMachine,
  surroundings: BinaryStarClientSurroundings,
): WiredClient {
  return wireRequestClient(machine, surroundings, decodeAnswer);
}
