// Servers as 10/FLP and the guide's models 1 and 2 describe them, on a bare socket: they give back what they get.
import { framesEqual, type TransportSocket, textFrame } from "@seaworthy/core";
import type { FreelanceProtocol } from "@seaworthy/freelance/machine";
import type { NodeContext } from "@seaworthy/simulator";
import {
  callOf,
  FLP_PORT,
  PLAIN_PORT,
  recordRun,
  type ServerSetting,
  type World,
} from "./freelance-world.js";

const PING = textFrame("PING");
const PONG = textFrame("PONG");

export function openForeignServer(
  world: World,
  { name }: ServerSetting,
  protocol: FreelanceProtocol,
  { transport, log }: NodeContext,
): void {
  const isFlp = protocol === "flp";
  const identity = isFlp ? { routingId: `tcp://${name}:${FLP_PORT}` } : {};
  const socket: TransportSocket = transport.open(
    { type: "router", ...identity },
    {
      message(frames) {
        const [client, control, ...body] = frames as [Uint8Array, ...Uint8Array[]];
        if (isFlp && control !== undefined && framesEqual(control, PING)) return send([client, PONG]);
        const call = callOf(body.at(-1));
        if (call === undefined) return world.violated(`${name} gets a strange request`);
        log("run", call);
        recordRun(world, call, name);
        send(frames);
      },
    },
  );
  const send = (frames: Uint8Array[]): void => {
    socket.send(frames);
  };
  socket.bind(`tcp://*:${isFlp ? FLP_PORT : PLAIN_PORT}`);
}
