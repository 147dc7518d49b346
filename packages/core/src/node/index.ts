/**
 * The half of Seaworthy's core that needs Node.js: the socket driver over `zeromq`, the base
 * classes of the roles, and what stores in files share.
 *
 * @module
 */
export { OpenCalls } from "./calls.js";
export {
  type OwnRequestErrors,
  type RequestClientEngine,
  RequestClientRole,
  type RequestClientRoleOptions,
} from "./client-role.js";
export { type DriverStats, SocketDriver } from "./driver.js";
export { identityOfFile, makeFolder, sizeOfFile, syncFolder } from "./folders.js";
export { Inbox, type InboxOwner, type ServeOptions } from "./inbox.js";
export { type Answers, IncomingRequest, type NonEmptyFrames } from "./incoming-request.js";
export { hasGivenUp, isCutShort, isNoRoom, type LmdbMeta, lmdbCause, readLmdbMeta } from "./lmdb.js";
export { type QueueEngine, QueueRole } from "./queue-role.js";
export { Role, type StatusMap, type StatusMessage } from "./role.js";
export { type ServerAnswers, ServerRequest } from "./server-request.js";
export {
  type MakeServerRequest,
  type RequestServerCall,
  type RequestServerEngine,
  RequestServerRole,
  type RequestServerRoleOptions,
  type ServerHandler,
} from "./server-role.js";
export { ZmqTransport } from "./transport.js";
export { waitAtMost } from "./wait.js";
export {
  type MakeRequest,
  type WorkerAnswers,
  type WorkerEngine,
  type WorkerHandler,
  WorkerRequest,
  WorkerRole,
  type WorkerRoleOptions,
} from "./worker-role.js";
