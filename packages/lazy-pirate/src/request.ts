import { ServerRequest } from "@seaworthy/core/node";

/**
 * A request to be answered once: by `reply`, `fail` or `drop`. One that is never answered counts
 * against `maxUnanswered` for as long as the server lives, and its repeats wait with it.
 */
export class LazyPirateRequest extends ServerRequest {}
