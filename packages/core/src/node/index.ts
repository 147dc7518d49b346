/**
 * The half of Seaworthy's core that needs Node.js: the socket driver over `zeromq` and the base
 * class of all roles.
 *
 * @module
 */
export { type DriverStats, SocketDriver } from "./driver.js";
export { Role, type StatusMap, type StatusMessage } from "./role.js";
export { ZmqTransport } from "./transport.js";
export { waitAtMost } from "./wait.js";
