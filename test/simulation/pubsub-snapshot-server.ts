import { BinaryStarMachine, type EpochStore, resolveStarOptions } from "@seaworthy/binary-star/machine";
import {
  loadMap,
  type MapStore,
  resolveServerOptions,
  ServerMachine,
  type ServerPair,
  threeEndpoints,
  type WiredServer,
  wireServer,
} from "@seaworthy/pubsub-snapshot/machine";
import type { NodeContext, SimulatedNode } from "@seaworthy/simulator";
import type { SimulatedArbiter } from "./binary-star-arbiter.js";
import { Word } from "./binary-star-words.js";
import { type NodeName, other } from "./binary-star-world.js";
import type { Life } from "./pubsub-snapshot-history.js";
import type { Losses } from "./pubsub-snapshot-losses.js";
import { SimulatedDisk } from "./pubsub-snapshot-store.js";
import { ServerWitness } from "./pubsub-snapshot-witness.js";
import {
  isPair,
  LINGER_MS,
  PEER_PORT,
  type Program,
  RECONNECT_MS,
  RESTART_MS,
  type ServerApp,
  type ServerSetting,
  type Setting,
  SNAPSHOT_PORT,
  snapshotEndpoint,
  type World,
} from "./pubsub-snapshot-world.js";

/** When the runs begin, in ms since 1970. */
const EPOCH_MS = 1.7e12;
const EPOCH_FILE = "epoch";
/** A write of an epoch takes so long at most, in ms. */
const EPOCH_SYNC_MS = 10;

/** Who looks on at the servers, and what they share. */
export interface ServerSurroundings {
  readonly losses: Losses;
  readonly arbiter: SimulatedArbiter | undefined;
}

export function bootServer(
  world: World,
  setting: ServerSetting,
  surroundings: ServerSurroundings,
): SimulatedNode<ServerApp> {
  const disk = setting.store && new SimulatedDisk(world, setting.store, setting.name);
  return world.simulation.node(setting.name, (context): ServerApp => {
    let program: ServerProgram | undefined;
    const node = world.servers.get(setting.name) as SimulatedNode<ServerApp>;
    const isDead = (): boolean => node.lives !== context.life + 1 || node.state === "down";
    const start = (): void => {
      program = new ServerProgram(world, setting, context, surroundings, disk, isDead);
    };
    start();
    return {
      get program() {
        return program;
      },
      leave() {
        if (program === undefined) return;
        surroundings.losses.left(program);
        program.leave();
        program = undefined;
        // What the disk has begun to sync is finished first.
        const pauseMs = LINGER_MS + (setting.store?.syncMs ?? 0) + RESTART_MS * context.random();
        context.scheduler.schedule(context.now() + pauseMs, start);
      },
    };
  });
}

/** One of the servers, as this package has it. */
class ServerProgram implements Program {
  readonly node: NodeName;
  readonly machine: ServerMachine;
  readonly star: BinaryStarMachine | undefined;
  readonly isOver: () => boolean;
  origin: Life | undefined;
  readonly #wired: WiredServer;
  #hasLeft = false;

  constructor(
    world: World,
    setting: ServerSetting,
    context: NodeContext,
    { losses, arbiter }: ServerSurroundings,
    disk: SimulatedDisk | undefined,
    isDead: () => boolean,
  ) {
    const { name, options: given, skewMs, packBytes } = setting;
    const { heartbeatMs, deadMs } = world.setting;
    const { scheduler, transport, random } = context;
    const pair = isPair(world.setting) ? makePair(world.setting, setting, context, arbiter) : undefined;
    const surroundings = { peerDeadMs: pair && deadMs, hasStore: disk !== undefined, packBytes };
    const options = resolveServerOptions(name, { ...given, heartbeatMs }, surroundings);
    const machine = new ServerMachine(options);
    this.node = name;
    this.machine = machine;
    this.star = pair?.machine;
    this.isOver = () => this.#hasLeft || isDead();
    const wallClock = (): number => EPOCH_MS + skewMs + scheduler.now();
    if (disk !== undefined) this.#load(disk, scheduler.now(), wallClock());
    const witness = new ServerWitness(world, losses, this);
    this.#wired = wireServer(machine, {
      ...{ transport, scheduler, options, pair, wallClock },
      // As a store has it that keeps its promises.
      store: disk?.as(() => this, scheduler) as unknown as MapStore | undefined,
      makeLife: () => `${name} ${random()}`,
      owner: {
        status: (event) => {
          context.log("status", event.type, "reason" in event ? event.reason : "");
          witness.told(event as Parameters<typeof witness.told>[0]);
        },
      },
    });
    this.#begin();
  }

  #load(disk: SimulatedDisk, now: number, wallNow: number): void {
    const { map, origin } = disk.open();
    loadMap(this.machine, map, now, wallNow);
    this.origin = origin;
  }

  #begin(): void {
    const { node, star } = this;
    this.#wired.bind(threeEndpoints(node, `tcp://*:${SNAPSHOT_PORT}`, "bind"));
    if (star === undefined) return this.#wired.serve();
    this.#wired.bindPeer(`tcp://*:${PEER_PORT}`);
    this.#wired.connectPeer(`tcp://${other(node)}:${PEER_PORT}`, snapshotEndpoint(other(node)));
  }

  leave(): void {
    this.#hasLeft = true;
    void this.#wired.close(LINGER_MS);
  }
}

function makePair(
  { heartbeatMs, deadMs, arbiter: leases }: Setting,
  { name, keepsEpochs }: ServerSetting,
  context: NodeContext,
  arbiter: SimulatedArbiter | undefined,
): ServerPair {
  const travelMs = leases?.travelMs ?? 0;
  const star = resolveStarOptions(name, {
    ...{ role: name, heartbeatMs, liveness: deadMs / heartbeatMs },
    claimTimeoutMs: deadMs + 2 * travelMs + EPOCH_SYNC_MS,
    peerSocket: { reconnectMaxIntervalMs: RECONNECT_MS },
  });
  const epoch = keepsEpochs ? (context.disk.get<number>(EPOCH_FILE) ?? 0) : 0;
  const machine = new BinaryStarMachine(star, { epoch, asksForEpochs: arbiter !== undefined || keepsEpochs });
  return {
    ...{ machine, socket: star.peerSocket },
    arbiter: arbiter?.as(name, context),
    store: keepsEpochs ? epochStore(context) : undefined,
  };
}

function epochStore({ disk, scheduler, random }: NodeContext): EpochStore {
  return {
    save: (epoch) => {
      const word = new Word<void>();
      scheduler.schedule(scheduler.now() + EPOCH_SYNC_MS * random(), () => {
        disk.set(EPOCH_FILE, epoch);
        word.keep();
      });
      return word;
    },
  };
}
