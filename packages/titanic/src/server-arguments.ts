import { checkOption, choice, integer, type OptionRule, resolveOptions } from "@seaworthy/core";
import type { RequestState, StoreQuery } from "./store.js";
import { ID_BYTES, MAX_SERVICE_BYTES } from "./wire.js";

export const REQUEST_STATES: readonly RequestState[] = ["pending", "done", "dead"];

function bytes(least: number, most: number, expected: string): OptionRule<Uint8Array | undefined> {
  return {
    fallback: undefined,
    check(value) {
      if (!(value instanceof Uint8Array)) return { kind: "type", expected };
      const isRight = value.length >= least && value.length <= most;
      return isRight ? undefined : { kind: "range", expected };
    },
  };
}

const schema = {
  state: { ...choice<RequestState>("pending", REQUEST_STATES), fallback: undefined } as OptionRule<
    RequestState | undefined
  >,
  service: bytes(1, MAX_SERVICE_BYTES, `a name of 1 to ${MAX_SERVICE_BYTES} bytes, as bytes`),
  after: bytes(ID_BYTES, ID_BYTES, `an id of ${ID_BYTES} bytes`),
  limit: integer(1),
};

/**
 * What is to be listed, if it can be.
 *
 * @throws TypeError or RangeError that names what is wrong with it
 */
export function checkQuery(method: string, query: StoreQuery): StoreQuery {
  const resolved = resolveOptions(method, schema, query);
  return { ...resolved, limit: checkOption(method, "limit", schema.limit, query.limit) };
}
