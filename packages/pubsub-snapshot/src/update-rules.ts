import type { Entry } from "./entry.js";
import { decodeUpdateTerms, type UpdateTerms } from "./properties.js";
import type { ServerMap } from "./server-map.js";
import type { ResolvedServerOptions } from "./server-options.js";
import type { UpdateLog } from "./update-log.js";
import { type KeyValue, MAX_KEY_BYTES, type RefusalReason } from "./wire.js";

/** Why an update is not ordered. */
export interface UpdateRefusal {
  readonly reason: RefusalReason;
  readonly option?: keyof ResolvedServerOptions;
  readonly limit?: number;
  /** `conflict`: what the key's sequence is; 0 if there is no such key. */
  readonly sequence?: number;
}

/** Whether an update may be ordered: judged by the map as it will be when all that is ordered is published. */
export class UpdateRules {
  readonly #options: ResolvedServerOptions;
  readonly #map: ServerMap;
  readonly #log: UpdateLog;
  /** Keys, and bytes, of the map as it will be. */
  #keys = 0;
  #bytes = 0;

  constructor(options: ResolvedServerOptions, map: ServerMap, log: UpdateLog) {
    this.#options = options;
    this.#map = map;
    this.#log = log;
  }

  /** Nothing is ordered that is not in the map. */
  reset(): void {
    this.#keys = this.#map.size;
    this.#bytes = this.#map.bytes;
  }

  /** What an update says, unless none of this form could ever be ordered. */
  read({ key, value, properties }: KeyValue): UpdateTerms | UpdateRefusal {
    const { maxValueBytes } = this.#options;
    if (key.length > MAX_KEY_BYTES) return { reason: "invalid" };
    const terms = decodeUpdateTerms(properties);
    if ("type" in terms) return { reason: "invalid" };
    const bytes = value.length + terms.properties.length;
    return bytes > maxValueBytes ? full("maxValueBytes", maxValueBytes) : terms;
  }

  /** Why an update of this form may not be ordered now; `undefined` if it may. */
  judge(
    { key, value }: KeyValue,
    { expected, properties }: UpdateTerms,
    name: string,
    isStoreFailing: boolean,
  ): UpdateRefusal | undefined {
    const { maxUncommitted, maxKeys, maxBytes } = this.#options;
    if (isStoreFailing) return { reason: "store-failed" };
    if (this.#log.uncommitted >= maxUncommitted) return full("maxUncommitted", maxUncommitted);
    const before = this.#find(name);
    const sequence = before?.sequence ?? 0;
    if (expected !== undefined && expected !== sequence) return { reason: "conflict", sequence };
    if (value.length === 0) return undefined;
    if (before === undefined && this.#keys >= maxKeys) return full("maxKeys", maxKeys);
    const bytes = key.length + value.length + properties.length - (before?.bytes ?? 0);
    return this.#bytes + bytes > maxBytes ? full("maxBytes", maxBytes) : undefined;
  }

  /** To be called before it is in the log. */
  ordered(entry: Entry): void {
    const before = this.#find(entry.name);
    this.#keys += (entry.isDelete ? 0 : 1) - (before === undefined ? 0 : 1);
    this.#bytes += (entry.isDelete ? 0 : entry.bytes) - (before?.bytes ?? 0);
  }

  /** The entry of a key as it will be. */
  #find(name: string): Entry | undefined {
    const latest = this.#log.latest(name);
    if (latest !== undefined) return latest.isDelete ? undefined : latest;
    return this.#map.get(name);
  }
}

function full(option: keyof ResolvedServerOptions, limit: number): UpdateRefusal {
  return { reason: "full", option, limit };
}
