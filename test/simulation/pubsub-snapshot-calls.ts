import { frameKey } from "@seaworthy/core";
import { seen } from "./pubsub-snapshot-coverage.js";
import type { Wanted, World } from "./pubsub-snapshot-world.js";

/** A `set` or `delete` of an application, and how it ended. */
export interface Call {
  readonly number: number;
  readonly client: string;
  readonly wanted: Wanted;
  readonly madeAt: number;
  readonly timeoutMs: number;
  uuid: string;
  ended: string | undefined;
  /** The number that it was acknowledged with. */
  sequence: number | undefined;
}

/** Everything that applications have wanted. */
export class Calls {
  readonly all: Call[] = [];
  readonly open = new Set<Call>();
  readonly #violated: World["violated"];
  readonly #byUuid = new Map<string, Call>();

  constructor(violated: World["violated"]) {
    this.#violated = violated;
  }

  make(client: string, wanted: Wanted, timeoutMs: number, madeAt: number): Call {
    const number = this.all.length + 1;
    const call: Call = {
      ...{ number, client, wanted, madeAt, timeoutMs },
      ...{ uuid: "", ended: undefined, sequence: undefined },
    };
    this.all.push(call);
    this.open.add(call);
    return call;
  }

  /** From now on it is known by this UUID. */
  name(call: Call, uuid: Uint8Array): void {
    call.uuid = frameKey(uuid);
    this.#byUuid.set(call.uuid, call);
  }

  withUuid(uuid: string): Call | undefined {
    return this.#byUuid.get(uuid);
  }

  end(number: number, how: string, sequence?: number): Call {
    const call = this.all[number - 1] as Call;
    if (call.ended !== undefined) this.#violated("once", `set ${number} ended twice: ${call.ended}, ${how}`);
    call.ended = how;
    call.sequence = sequence;
    this.open.delete(call);
    seen(`set: ${how}`);
    return call;
  }

  /** A client's process is gone, and with it whoever waited. */
  forget(client: string): void {
    for (const call of this.open) if (call.client === client) this.end(call.number, "died with its client");
  }
}
