// A client as 7/MDP and 18/MDP describe it, on a bare socket: one request at a time, and a new socket for each retry.
import { type Frames, framesEqual, type TransportSocket } from "@seaworthy/core";
import type { MdpVersion } from "@seaworthy/majordomo/machine";
import type { NodeContext } from "@seaworthy/simulator";
import type { ClientProgram } from "./majordomo-client.js";
import { clientRequest, readMessage } from "./majordomo-commands.js";
import { questionFrame, ReplyCheck } from "./majordomo-content.js";
import {
  type Asked,
  type ClientSetting,
  type RequestLimits,
  serviceFrames,
  type World,
} from "./majordomo-world.js";

/** The attempt that is under way. */
interface Attempt {
  readonly request: Asked;
  readonly limits: RequestLimits;
  readonly number: number;
  readonly envelope: Frames;
  readonly check: ReplyCheck;
}

export class ForeignClientProgram implements ClientProgram {
  readonly #world: World;
  readonly #client: ClientSetting;
  readonly #context: NodeContext;
  readonly #version: MdpVersion;
  #socket: TransportSocket | undefined;
  #turn = 0;
  #attempt: Attempt | undefined;
  #isClosed = false;

  constructor(world: World, client: ClientSetting, context: NodeContext) {
    this.#world = world;
    this.#client = client;
    this.#context = context;
    this.#version = client.kind as MdpVersion;
  }

  get isReady(): boolean {
    return this.#attempt === undefined;
  }

  request(request: Asked, limits: RequestLimits): void {
    this.#try(request, limits, 1);
  }

  /** It has no way to take a request back. */
  abort(): void {}

  close(): void {
    this.#isClosed = true;
    void this.#socket?.close(0);
  }

  #try(request: Asked, limits: RequestLimits, number: number): void {
    const { hasEnvelope } = this.#client;
    const { call, service } = request;
    const question = { call, attempt: number };
    const envelope = hasEnvelope ? [questionFrame(question)] : [];
    const attempt = { request, limits, number, envelope, check: new ReplyCheck(question) };
    this.#attempt = attempt;
    const name = serviceFrames.get(service) as Uint8Array;
    this.#socket ??= this.#open();
    this.#socket.send(clientRequest(this.#version, envelope, name, [questionFrame(question)]));
    const { scheduler } = this.#context;
    scheduler.schedule(scheduler.now() + limits.timeoutMs, () => {
      if (this.#attempt === attempt && !this.#isClosed) this.#timedOut(attempt);
    });
  }

  #open(): TransportSocket {
    const { brokers } = this.#client;
    const socket = this.#context.transport.open(
      { type: "dealer", reconnectMaxIntervalMs: 500 },
      { message: (frames) => socket === this.#socket && this.#received(frames) },
    );
    socket.connect(`tcp://${brokers[this.#turn++ % brokers.length]}:5555`);
    return socket;
  }

  #timedOut({ request, limits, number }: Attempt): void {
    // A late reply must not be taken for the next.
    void this.#socket?.close(0);
    this.#socket = undefined;
    if (number < limits.attempts) return this.#try(request, limits, number + 1);
    this.#attempt = undefined;
    this.#world.ended(request.call, "timed out");
  }

  #received(frames: Frames): void {
    const { violated, ended } = this.#world;
    const { name } = this.#client;
    const attempt = this.#attempt;
    const message = readMessage(frames, 0);
    if (attempt === undefined) return violated(`${name} gets a reply to what it has not asked`);
    const { request, check, envelope } = attempt;
    if (message?.role !== "client" || message.version !== this.#version)
      return violated(`${name} is sent what is not for it`);
    const isSame = message.envelope.every((frame, at) => framesEqual(frame, envelope[at] as Uint8Array));
    if (message.envelope.length !== envelope.length || !isSame)
      violated(`${name} does not get its envelope back`);
    if (message.service !== request.service) violated(`${name} gets a reply of another service`);
    const fault = check.add(message.body) ?? (message.isLast ? check.end() : undefined);
    if (fault !== undefined) violated(`the reply to request ${request.call} ${fault}`);
    if (!message.isLast) return;
    this.#attempt = undefined;
    this.#context.log("answered", request.call);
    ended(request.call, "answered");
  }
}
