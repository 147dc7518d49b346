import { frameText, textFrame } from "@seaworthy/core";
import {
  type MajordomoClientEvent,
  MajordomoClientMachine,
  resolveClientOptions,
  type WiredClient,
  wireClient,
} from "@seaworthy/majordomo/machine";
import type { NodeContext, SimulatedNode } from "@seaworthy/simulator";
import { questionFrame, ReplyCheck } from "./majordomo-content.js";
import { ForeignClientProgram } from "./majordomo-foreign-client.js";
import {
  type Asked,
  type ClientSetting,
  isUndisturbed,
  RESTART_MS,
  type RequestLimits,
  serviceFrames,
  type World,
} from "./majordomo-world.js";
import { audited } from "./node-support.js";

export interface ClientApp {
  /** It can take a request now. */
  readonly isReady: boolean;
  request(request: Asked, limits: RequestLimits): void;
  abort(call: number): void;
  /** Closes the client; another starts a little later, if it is not for good. */
  leave(isForGood: boolean): void;
}

/** One life of a client, from its start to its close. */
export interface ClientProgram {
  readonly isReady: boolean;
  request(request: Asked, limits: RequestLimits): void;
  abort(call: number): void;
  close(): void;
}

const CLIENT_DIED = "died with its client";

export function bootClient(world: World, client: ClientSetting): SimulatedNode<ClientApp> {
  return world.simulation.node(client.name, (context): ClientApp => {
    let program: ClientProgram | undefined;
    let isForGood = false;
    const start = (): void => {
      // Whatever a former life had in hand.
      for (const request of world.open)
        if (request.client === client.name) world.ended(request.call, CLIENT_DIED);
      if (isForGood) return;
      program =
        client.kind === "ours"
          ? new OurClientProgram(world, client, context)
          : new ForeignClientProgram(world, client, context);
    };
    start();
    return {
      get isReady() {
        return program?.isReady === true;
      },
      request(request, limits) {
        if (program?.isReady === true) program.request(request, limits);
        else world.ended(request.call, CLIENT_DIED);
      },
      abort: (call) => program?.abort(call),
      leave(forGood) {
        isForGood ||= forGood;
        program?.close();
        program = undefined;
        context.scheduler.schedule(context.now() + RESTART_MS * context.random(), start);
      },
    };
  });
}

/** What is said last may take so long to leave, in ms. */
const PARTING_MS = 100;
/** The application reads a part of a stream after so long at most, in ms. */
const READING_MS = 20;

class OurClientProgram implements ClientProgram {
  readonly isReady = true;
  readonly #world: World;
  readonly #client: ClientSetting;
  readonly #context: NodeContext;
  readonly #machine: MajordomoClientMachine;
  readonly #wired: WiredClient;
  readonly #checks = new Map<number, ReplyCheck>();

  constructor(world: World, client: ClientSetting, context: NodeContext) {
    this.#world = world;
    this.#client = client;
    this.#context = context;
    const { transport, scheduler, random, log } = context;
    const { heartbeatMs, liveness, protocol } = client;
    const options = resolveClientOptions({
      heartbeatMs,
      liveness,
      protocol,
      connectTimeoutMs: 1000,
      maxSockets: 3,
      backoff: { initialMs: 20, maxMs: 200 },
    });
    const epoch = BigInt(Math.floor(random() * 2 ** 48));
    this.#machine = audited(
      new MajordomoClientMachine(options, epoch, random),
      ({ inFlight, connections }) => {
        if (inFlight > this.#checks.size)
          world.violated(`${client.name}: ${inFlight} requests are in flight`);
        if (connections > options.maxConnections * options.maxSockets)
          world.violated(`${client.name} has ${connections} connections`);
      },
    );
    this.#wired = wireClient(this.#machine, {
      transport,
      scheduler,
      socket: { reconnectMaxIntervalMs: 500 },
      heartbeatMs,
      owner: {
        part: (call, body) => this.#part(call, body),
        answered: (call, body) => this.#answered(call, body),
        failed: (call, failure) => {
          log("failed", call, failure.code, failure.attempts, failure.sent);
          if (failure.code === "ERR_HANDLER_FAILED" && failure.message !== String(call))
            world.violated(`request ${call} got the failure of ${failure.message}`);
          this.#end(call, failure.code);
        },
        status: (event) => this.#status(event),
      },
    });
    for (const broker of client.brokers)
      this.#wired.feed({ type: "connect", endpoint: `tcp://${broker}:5555` });
  }

  request({ call, service, isStream, mmi }: Asked, limits: RequestLimits): void {
    this.#checks.set(call, new ReplyCheck({ call, attempt: 0 }));
    const about = mmi === undefined ? questionFrame({ call, attempt: 0 }) : textFrame(service);
    const name = mmi === undefined ? serviceFrames.get(service) : textFrame("mmi.service");
    this.#wired.feed({
      type: "request",
      call,
      service: name as Uint8Array,
      body: [about],
      isStream,
      ...limits,
    });
  }

  abort(call: number): void {
    this.#wired.feed({ type: "abort", call });
  }

  close(): void {
    void this.#wired.close(PARTING_MS);
    const { inFlight, connections } = this.#machine;
    if (inFlight + connections + this.#checks.size > 0)
      this.#world.violated(
        `${this.#client.name} has closed with ${inFlight} requests and ${connections} connections`,
      );
  }

  #part(call: number, body: Uint8Array[]): void {
    const fault = this.#checks.get(call)?.add(body);
    if (fault !== undefined) this.#world.violated(`the stream of request ${call} ${fault}`);
    const { scheduler, random } = this.#context;
    const bytes = body.reduce((sum, frame) => sum + frame.length, 0);
    scheduler.schedule(scheduler.now() + READING_MS * random(), () =>
      this.#wired.feed({ type: "read", call, bytes }),
    );
  }

  #answered(call: number, body: Uint8Array[]): void {
    const { asked, violated } = this.#world;
    const request = asked.get(call) as Asked;
    this.#context.log("answered", call);
    if (request.mmi === undefined) {
      const check = this.#checks.get(call);
      const fault = check?.add(body) ?? check?.end();
      if (fault !== undefined) violated(`the reply to request ${call} ${fault}`);
    } else {
      const status = frameText(body[0] as Uint8Array);
      const { expected = status } = request.mmi;
      if (status !== expected || !/^(200|404)$/.test(status))
        violated(`asked for workers of ${request.service}, ${this.#client.name} gets ${status}`);
    }
    this.#end(call, "answered");
  }

  #end(call: number, how: string): void {
    this.#checks.delete(call);
    this.#world.ended(call, how);
  }

  #status(event: MajordomoClientEvent): void {
    this.#context.log("status", event.type);
    if (event.type !== "connection-lost" || event.reason !== "silent for too long") return;
    const broker = this.#client.brokers.find((name) => event.endpoint.includes(name)) as string;
    const { heartbeatMs, liveness, name } = this.#client;
    if (isUndisturbed(this.#world, name, broker, this.#context.now() - liveness * heartbeatMs))
      this.#world.violated(`${name} takes ${broker} for dead, which was well`);
  }
}
