import {
  BinaryStarMachine,
  type EpochStore,
  RequestServerMachine,
  resolveStarServerOptions,
  type WiredStarServer,
  wireStarServer,
} from "@seaworthy/binary-star/machine";
import { type Random, type RequestServerRun, readUint64, requestKind, writeUint64 } from "@seaworthy/core";
import type { NodeContext, SimulatedNode } from "@seaworthy/simulator";
import type { SimulatedArbiter } from "./binary-star-arbiter.js";
import { GuidePeer } from "./binary-star-guide-peer.js";
import { NodeJudge } from "./binary-star-judge.js";
import { Word } from "./binary-star-words.js";
import {
  CLIENT_PORT,
  claimTimeoutMs,
  type HookSetting,
  LINGER_MS,
  type NodeApp,
  type NodeProgram,
  type NodeSetting,
  type NodeWitness,
  other,
  PEER_PORT,
  RECONNECT_MS,
  RESTART_MS,
  type World,
} from "./binary-star-world.js";
import { tapped } from "./tapped.js";

/** Who looks on at a node, and whom it asks for leases. */
export interface Surroundings {
  readonly witness: NodeWitness;
  readonly arbiter: SimulatedArbiter | undefined;
}

export function bootServer(
  world: World,
  node: NodeSetting,
  surroundings: Surroundings,
): SimulatedNode<NodeApp> {
  return world.simulation.node(node.name, (context): NodeApp => {
    let program: NodeProgram | undefined;
    const leave = (): void => {
      if (program === undefined) return;
      surroundings.witness.left(node.name);
      program.leave();
      program = undefined;
      const pauseMs = LINGER_MS + RESTART_MS * context.random();
      context.scheduler.schedule(context.now() + pauseMs, start);
    };
    let programs = 0;
    const start = (): void => {
      programs += 1;
      // A life of the node may see several of its program.
      const life = context.life + programs / 1000;
      program =
        node.kind === "ours"
          ? new StarProgram(world, node, context, surroundings, life)
          : new GuidePeer(world, node, context, leave);
    };
    start();
    return {
      get program() {
        return program;
      },
      leave,
    };
  });
}

const EPOCH_FILE = "epoch";
const CALL_BYTES = 8;
const KIND_REFUSAL = 2;

/** One of the two, as this package has it. */
class StarProgram implements NodeProgram {
  readonly #world: World;
  readonly #setting: NodeSetting;
  readonly #context: NodeContext;
  readonly #star: BinaryStarMachine;
  readonly #wired: WiredStarServer;
  readonly #judge: NodeJudge;
  #hasLeft = false;

  constructor(
    world: World,
    setting: NodeSetting,
    context: NodeContext,
    { witness, arbiter }: Surroundings,
    life: number,
  ) {
    const { name, heartbeatMs, replyCache } = setting;
    this.#world = world;
    this.#setting = setting;
    this.#context = context;
    const { liveness } = world.setting;
    const options = resolveStarServerOptions(name, {
      ...{ role: name, heartbeatMs, liveness, replyCache },
      claimTimeoutMs: claimTimeoutMs(world.setting, setting),
      peerSocket: { reconnectMaxIntervalMs: RECONNECT_MS },
    });
    const asksForEpochs = arbiter !== undefined || setting.store !== undefined;
    const epoch =
      setting.store === undefined ? 0 : (context.disk.get<number>(EPOCH_FILE) ?? setting.remembered);
    const judge = new NodeJudge(world, setting);
    const star = judge.watched(new BinaryStarMachine(options.star, { epoch, asksForEpochs }));
    this.#judge = judge;
    this.#star = star;
    const transport = tapped(context.transport, ({ type }) => ({
      sent(frames) {
        if (type !== "router" || frames.some((frame) => requestKind(frame) === KIND_REFUSAL)) return;
        judge.replyLeaves(Number(readUint64(frames.at(-1) as Uint8Array, 0)), star.epoch);
        witness.answered(name, life, star.epoch);
      },
      received(frames) {
        if (type === "subscriber") judge.peerSaid(frames);
      },
    }));
    this.#wired = wireStarServer(
      { star, server: new RequestServerMachine(options.server) },
      {
        ...{ transport, scheduler: context.scheduler, socket: {}, peerSocket: options.star.peerSocket },
        arbiter: arbiter?.as(name, context),
        store: setting.store === undefined ? undefined : this.#store(setting.store),
        owner: {
          run: (request) => this.#run(request),
          activate: (given) => {
            witness.activated(name, life, given);
            this.#activate(given);
          },
          deactivate() {},
          revoke() {},
          transfer: (transfer) => {
            judge.transferBegan(transfer);
            this.#transfer(transfer);
          },
          stopTransfer: () => judge.transferStopped(),
          status: (event) => {
            context.log("status", event.type);
            witness.told(name, event);
          },
        },
      },
    );
    this.#wired.bind(`tcp://*:${CLIENT_PORT}`);
    this.#wired.bindPeer(`tcp://*:${PEER_PORT}`);
    this.#wired.connectPeer(`tcp://${other(name)}:${PEER_PORT}`);
    this.#wired.feed({ type: "demand", count: setting.concurrency });
    this.#fallBehind(world.simulation.stream(`${name} ${life} falls behind`));
  }

  get isActive(): boolean {
    return this.#star.state === "active";
  }

  get isFollowing(): boolean {
    return this.#star.state === "passive" || this.#star.state === "catching-up";
  }

  get isClaiming(): boolean {
    return this.#star.state === "starting" || this.#star.state === "promoting";
  }

  get hasHeardPeer(): boolean {
    return this.#star.stats.heard > 0;
  }

  isServing(now: number): boolean {
    return this.#star.isServing(now);
  }

  leave(): void {
    this.#hasLeft = true;
    this.#wired.feed({ type: "close" });
    void this.#wired.close(LINGER_MS);
  }

  #after(ms: number, task: () => void): void {
    const { scheduler } = this.#context;
    scheduler.schedule(scheduler.now() + ms, task);
  }

  #fails(failing: number): boolean {
    return this.#context.random() < failing && !this.#world.isHealed();
  }

  /** Now and then the application says that it may have missed something, whatever the node is. */
  #fallBehind(random: Random): void {
    this.#after(this.#world.setting.fallsBehindEveryMs * (0.2 + random()), () => {
      if (this.#hasLeft || this.#world.isHealed()) return;
      this.#wired.feedStar({ type: "fell-behind" });
      this.#fallBehind(random);
    });
  }

  /** A hook's end. */
  #hook(hook: HookSetting, works: () => void, fails: () => void): void {
    if (hook === undefined) return works();
    this.#after(hook.ms * this.#context.random(), this.#fails(hook.failing) ? fails : works);
  }

  #run({ ticket, body, tag }: RequestServerRun): void {
    this.#context.log("run", ticket, "epoch", tag);
    if (tag !== this.#star.epoch)
      this.#world.violated(`a request of epoch ${tag} runs in ${this.#star.epoch}`);
    const isOfStranger = body.every((frame) => frame.length === 0);
    const handlerMs = isOfStranger ? 0 : this.#world.setting.handlerMs * this.#context.random();
    this.#after(handlerMs, () => {
      const epoch = new Uint8Array(CALL_BYTES);
      writeUint64(epoch, 0, BigInt(tag));
      this.#wired.feed({ type: "reply", ticket, body: [...body, epoch] });
      this.#wired.feed({ type: "demand", count: 1 });
    });
  }

  #activate(epoch: number): void {
    this.#hook(
      this.#setting.activation,
      () => this.#wired.feedStar({ type: "activated", epoch }),
      () => this.#wired.feedStar({ type: "activation-failed", epoch, reason: "the application will not" }),
    );
  }

  #transfer(transfer: number): void {
    this.#hook(
      this.#setting.transfer,
      () => {
        this.#judge.caughtUp(transfer);
        this.#wired.feedStar({ type: "caught-up", transfer });
      },
      () => this.#wired.feedStar({ type: "transfer-failed", transfer, reason: "it broke off" }),
    );
  }

  #store({ ms, failing }: NonNullable<HookSetting>): EpochStore {
    const { disk, random } = this.#context;
    return {
      save: (epoch) => {
        const word = new Word<void>();
        this.#after(ms * random(), () => {
          const fails = this.#fails(failing);
          // Some of what failed has been written all the same. Who has left writes nothing more.
          if (!this.#hasLeft && (!fails || random() < 0.5)) disk.set(EPOCH_FILE, epoch);
          if (fails) word.break(new Error("the disk is full"));
          else word.keep();
        });
        return word;
      },
    };
  }
}
