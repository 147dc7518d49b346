import { MachineHost, type Random, type Scheduler, type Transport } from "@seaworthy/core";
import { type MajordomoClientEvent, MajordomoClientMachine, wireClient } from "@seaworthy/majordomo/machine";
import type { CallInput } from "./client-call.js";
import type { TitanicClientMachine } from "./client-machine.js";
import type { TitanicClientEvent, TitanicClientOutput } from "./client-messages.js";
import type { ResolvedTitanicOptions } from "./client-options.js";

/** What ends a call, or comes before its end. */
export type CallOutput = Exclude<TitanicClientOutput, { readonly type: "request" | "abort" | "status" }>;

/** Whom the outcomes of calls are told to. */
export interface TitanicClientOwner {
  told(output: CallOutput): void;
  status(event: TitanicClientEvent): void;
}

/** Where a client machine lives. */
export interface TitanicClientSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  /** The Majordomo client's: 64 random bits that no other client uses. */
  epoch: bigint;
  random: Random;
  options: ResolvedTitanicOptions;
  owner: TitanicClientOwner;
}

/** A client machine with a Majordomo client around it. */
export interface WiredTitanicClient {
  readonly majordomo: MajordomoClientMachine;
  connect(endpoint: string): void;
  disconnect(endpoint: string): void;
  feed(input: CallInput | { readonly type: "abort" | "recorded"; readonly call: number }): void;
  /** Ends what is in flight, tells brokers of ours so within `lingerMs`, and closes all sockets. */
  close(lingerMs: number): Promise<void>;
}

/** Connects a client machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireTitanicClient(
  machine: TitanicClientMachine,
  { transport, scheduler, epoch, random, options: { client: options }, owner }: TitanicClientSurroundings,
): WiredTitanicClient {
  const majordomo = new MajordomoClientMachine(options, epoch, random);
  const { socket, heartbeatMs } = options;
  const client = wireClient(majordomo, {
    transport,
    scheduler,
    socket,
    heartbeatMs,
    owner: {
      part() {},
      answered: (ask, body) => host.feed({ type: "answered", ask, body }),
      failed: (ask, failure) => host.feed({ type: "failed", ask, failure }),
      status,
    },
  });

  function status(event: MajordomoClientEvent): void {
    if (event.type === "broker-recognised") host.feed({ type: "recognised", ours: event.ours });
    if (event.type === "connection-lost" || event.type === "connection-replaced")
      host.feed({ type: "broker-changed" });
    // Numbers of questions mean nothing to the application, which counts calls.
    if (!("call" in event)) owner.status(event);
  }

  function perform(output: TitanicClientOutput): void {
    switch (output.type) {
      case "request": {
        const { ask: call, service, body, timeoutMs, attempts } = output;
        return client.feed({ type: "request", call, service, body, timeoutMs, attempts, isStream: false });
      }
      case "abort":
        return client.feed({ type: "abort", call: output.ask });
      case "status":
        return owner.status(output.event);
      default:
        return owner.told(output);
    }
  }

  // What arrived during a stall is read before the Majordomo client judges; whether it has been is asked once only.
  const host = new MachineHost(machine, { scheduler, perform });
  return {
    majordomo,
    connect: (endpoint) => client.feed({ type: "connect", endpoint }),
    disconnect: (endpoint) => client.feed({ type: "disconnect", endpoint }),
    feed: (input) => host.feed(input),
    async close(lingerMs) {
      host.feed({ type: "close" });
      host.stop();
      await client.close(lingerMs);
    },
  };
}
