// What the parent and its processes of writers and readers say to each other.

/** Everything is below it. */
export const SUBTREE = "/chaos/";
/** What all writers count up. */
export const COUNTER: string = `${SUBTREE}counter`;
/** The last key that is set. */
export const END: string = `${SUBTREE}end`;

/** What the parent says: have the writers end, or judge the map when it has {@link END}. */
export type Order = "stop" | "judge";

/** What the writers have to say, when all they did is acknowledged. */
export interface Written {
  /** What has to be in the map. */
  readonly entries: readonly (readonly [key: string, value: string])[];
  readonly increments: number;
  readonly acknowledged: number;
  readonly retried: number;
  readonly failures: readonly string[];
}

/** What the readers have to say. */
export interface Read {
  /** The map of each. */
  readonly maps: readonly (readonly (readonly [key: string, value: string])[])[];
  /** What was seen to go back. */
  readonly wrong: readonly string[];
  readonly joins: number;
  readonly gaps: number;
}
