import { MachineHost, type Random, type Scheduler, type Transport, textFrame } from "@seaworthy/core";
import {
  type MajordomoClientEvent,
  MajordomoClientMachine,
  type MajordomoWorkerEvent,
  MajordomoWorkerMachine,
  type WiredWorker,
  wireClient,
  wireWorker,
} from "@seaworthy/majordomo/machine";
import type { TitanicServerMachine } from "./server-machine.js";
import type {
  StoreAction,
  StoreMethod,
  StoreOutcome,
  TitanicServerEvent,
  TitanicServerInput,
  TitanicServerOutput,
} from "./server-messages.js";
import type { ResolvedServerOptions } from "./server-options.js";
import { decodeCommand, TITANIC_VERBS, type TitanicVerb, verbService } from "./wire.js";

/** Whom a server tells what happens. */
export interface TitanicServerOwner {
  /** It is closing, and nothing is worked on any more; once. The brokers are left, unless it gave back what it had. */
  idle(): void;
  status(event: TitanicServerEvent): void;
}

/** Does what the machine asks of the store, and says how it went: exactly one of the two, later. */
export type PerformStoreAction = (
  action: StoreAction,
  done: (outcome: StoreOutcome<StoreMethod>) => void,
  failed: (message: string) => void,
) => void;

/** Where a server machine lives. */
export interface TitanicServerSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  options: ResolvedServerOptions;
  /** 64 random bits that no other client uses. */
  epoch: bigint;
  random: Random;
  store: PerformStoreAction;
  owner: TitanicServerOwner;
}

/** A server machine with its workers, its client and its store around it. */
export interface WiredServer {
  connect(endpoint: string): void;
  disconnect(endpoint: string): void;
  feed(input: TitanicServerInput): void;
  /** Takes no more requests: leaves the brokers, and lets what is worked on finish. `idle` is told then. */
  drain(): void;
  /** Gives back what is worked on. `idle` is told when the store has it. */
  giveBack(): void;
  /** Closes all sockets, of a server that has been told to drain. */
  close(): Promise<void>;
}

/** Connects a server machine with sockets and a store: real ones, or of a simulation. */
export function wireServer(
  machine: TitanicServerMachine,
  { transport, scheduler, options, epoch, random, store, owner }: TitanicServerSurroundings,
): WiredServer {
  const workers = TITANIC_VERBS.map((verb, index) => openWorker(verb, index));
  /** Workers that have not left yet. */
  let staying = workers.length;
  let isIdle = false;
  let isGivingBack = false;
  let hasRested = false;
  let isStopped = false;

  const client = wireClient(new MajordomoClientMachine(options.client, epoch, random), {
    transport,
    scheduler,
    socket: options.client.socket,
    heartbeatMs: options.client.heartbeatMs,
    owner: {
      // Nothing is asked for in parts.
      part() {},
      answered: (call, body) => feed({ type: "answered", call, body }),
      failed: (call, failure) => feed({ type: "failed", call, failure }),
      status: (event) => tellOfConnection(event),
    },
  });

  function openWorker(verb: TitanicVerb, index: number): WiredWorker {
    const service = verbService(verb);
    const worker = wireWorker(new MajordomoWorkerMachine(options.worker, random), {
      transport,
      scheduler,
      socket: options.worker.socket,
      service: textFrame(service),
      lingerMs: options.lingerMs,
      owner: {
        run(local, body) {
          const ticket = local * TITANIC_VERBS.length + index;
          const command = decodeCommand(verb, body);
          if (command.type === "malformed") feed({ ...command, ticket });
          else feed({ type: "asked", ticket, command });
        },
        // It is answered all the same, and the answer dropped: what was asked for has begun.
        revoke() {},
        passed() {},
        closed() {
          staying -= 1;
          rest();
        },
        status: (event) => tellOfSession(service, event),
      },
    });
    worker.feed({ type: "demand", count: options.concurrency });
    return worker;
  }

  function tellOfSession(service: string, event: MajordomoWorkerEvent): void {
    const { at } = event;
    if (event.type === "session-opened") {
      owner.status({ type: "service-offered", at, service, endpoint: event.endpoint });
    } else if (event.type === "session-lost" && event.how !== "failed") {
      owner.status({ type: "service-withdrawn", at, service, endpoint: event.endpoint });
    }
  }

  function tellOfConnection(event: MajordomoClientEvent): void {
    switch (event.type) {
      case "connection-opened":
      case "connection-lost":
      case "connection-failed":
        owner.status(event);
    }
  }

  function rest(): void {
    // A broker that does not take the leave of the workers is no reason to wait once the time is up.
    if (hasRested || !isIdle || (staying > 0 && !isGivingBack)) return;
    hasRested = true;
    owner.idle();
  }

  function perform(output: TitanicServerOutput): void {
    switch (output.type) {
      case "answer": {
        const { ticket, body } = output;
        const worker = workers[ticket % workers.length] as WiredWorker;
        worker.feed({ type: "reply", ticket: Math.floor(ticket / workers.length), body });
        worker.feed({ type: "demand", count: 1 });
        return;
      }
      case "store": {
        const { op, action } = output;
        return store(
          action,
          (outcome) => feed({ type: "stored", op, outcome }),
          (message) => feed({ type: "store-failed", op, message }),
        );
      }
      case "call": {
        const { call, service, body, timeoutMs } = output;
        return client.feed({ type: "request", call, service, body, timeoutMs, attempts: 1, isStream: false });
      }
      case "abort":
        return client.feed({ type: "abort", call: output.call });
      case "idle":
        isIdle = true;
        return rest();
      case "status":
        return owner.status(output.event);
    }
  }

  function feed(input: TitanicServerInput): void {
    if (!isStopped) host.feed(input);
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  host.feed({ type: "look" });
  return {
    connect(endpoint) {
      client.feed({ type: "connect", endpoint });
      for (const worker of workers) worker.feed({ type: "connect", endpoint });
    },
    disconnect(endpoint) {
      client.feed({ type: "disconnect", endpoint });
      for (const worker of workers) worker.feed({ type: "disconnect", endpoint });
    },
    feed,
    drain() {
      for (const worker of workers) worker.feed({ type: "close" });
      feed({ type: "close" });
    },
    giveBack() {
      isGivingBack = true;
      feed({ type: "time-is-up" });
      rest();
    },
    async close() {
      isStopped = true;
      host.stop();
      await Promise.all([client.close(options.lingerMs), ...workers.map((worker) => worker.close())]);
    },
  };
}
