import { MachineHost, type Scheduler, type SocketSettings, type Transport } from "@seaworthy/core";
import type { SnapshotClientMachine } from "./client-machine.js";
import type { ClientInput, ClientOutput, SnapshotClientEvent, UpdateFailure } from "./client-messages.js";
import { ClientSockets } from "./client-sockets.js";
import { encodeForeignTerms, encodeUpdateTerms } from "./properties.js";
import type { Watcher } from "./watchers.js";
import { encodeCommand, encodeKeyValue, encodeSnapshotRequest } from "./wire.js";

/** Whom a client tells what happens. */
export interface SnapshotClientOwner {
  /** The map is complete for the first time. */
  ready(): void;
  /** An update has this number, and the map contains it if its key lies in the subtree. */
  ordered(call: number, sequence: number): void;
  failed(call: number, failure: UpdateFailure): void;
  /** The reader of a watcher that `isAwaited` has something to take, or its watcher has overflowed. */
  changed(watcher: Watcher): void;
  status(event: SnapshotClientEvent): void;
}

/** Where a client machine lives. */
export interface SnapshotClientSurroundings {
  transport: Transport;
  scheduler: Scheduler;
  socket: SocketSettings;
  owner: SnapshotClientOwner;
}

/** A client machine with its sockets. */
export interface WiredSnapshotClient {
  feed(input: ClientInput): void;
  /** Ends what is in flight and closes all sockets. */
  close(): Promise<void>;
}

/** Connects a client machine with sockets: of zeromq, of a simulation, or of a browser's playground. */
export function wireSnapshotClient(
  machine: SnapshotClientMachine,
  { transport, scheduler, socket, owner }: SnapshotClientSurroundings,
): WiredSnapshotClient {
  const sockets = new ClientSockets(transport, socket, (input) => host.feed(input));

  function send({ join, socket, call, uuid, update }: ClientOutput & { type: "send" }): void {
    const { key, value, properties, ttlMs, expected } = update;
    const terms =
      socket === "snapshot"
        ? encodeUpdateTerms(properties, ttlMs, expected)
        : encodeForeignTerms(properties, ttlMs);
    const frames = encodeKeyValue(key, 0, uuid, terms, value);
    // What was given up while it waited is not sent late.
    if (!sockets.send(join, socket, frames, () => machine.isPending(call)))
      host.feed({ type: "not-taken", call });
  }

  function perform(output: ClientOutput): void {
    switch (output.type) {
      case "open":
        return sockets.open(output.join, output.endpoints);
      case "subscribe":
        return sockets.subscribe(output.join, output.topics);
      case "ask":
        sockets.send(output.join, "snapshot", encodeSnapshotRequest(output.subtree, output.terms));
        return;
      case "give-credit":
        sockets.send(output.join, "snapshot", encodeCommand("MOAR", output.portions));
        return;
      case "open-collector":
        return sockets.openCollector(output.join, output.endpoint);
      case "send":
        return send(output);
      case "discard":
        return sockets.discard(output.join, output.isAmidSnapshot);
      case "ordered":
        return owner.ordered(output.call, output.sequence);
      case "failed":
        return owner.failed(output.call, output.failure);
      case "ready":
        return owner.ready();
      case "changed":
        return owner.changed(output.watcher);
      case "status":
        return owner.status(output.event);
    }
  }

  const host = new MachineHost(machine, { scheduler, perform, backlog: () => transport.backlog() });
  return {
    feed: (input) => host.feed(input),
    async close() {
      host.feed({ type: "close" });
      host.stop();
      await sockets.close();
    },
  };
}
