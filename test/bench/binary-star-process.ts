/**
 * A server of the pair that binary-star.ts measures; it answers each request with its role, and tells its parent its state over IPC.
 * Arguments: the role, the heartbeat interval in ms, and where it listens for clients, publishes its states, and hears its peer's.
 */
import { BinaryStarServer, type PublishedState, type StarRole } from "@seaworthy/binary-star";

/** What the parent is told: at the beginning, and whenever it changes. */
export interface StateNow {
  readonly state: PublishedState;
}

const tell = (state: PublishedState): void => void process.send?.({ state } satisfies StateNow);

// Nobody is left behind when the parent is stopped.
process.on("disconnect", () => process.exit());

const [role, heartbeatMs, clientsAt = "", statesAt = "", peerAt = ""] = process.argv.slice(2);
const server = new BinaryStarServer({ role: role as StarRole, heartbeatMs: Number(heartbeatMs) });
server.on("state-changed", ({ to }) => tell(to));
await server.bind(clientsAt);
await server.bindPeer(statesAt);
tell(server.view().state);
server.connectPeer(peerAt);
await server.serve(() => role as StarRole);
