import { textFrame } from "@seaworthy/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { beatTopic, encodeBeat } from "../src/beat.js";
import { encodeProperties, subtreeCounts } from "../src/properties.js";
import { EMPTY, encodeCommand, encodeForeignEnd, encodeKeyValue, isUnder } from "../src/wire.js";
import { A, ClientDriver, changesOf } from "./client-driver.js";

type Entries = Record<string, string>;

/** A server, ours or the guide's, whose messages arrive late, or are lost as a PUB loses them. */
class Server {
  readonly #client: ClientDriver;
  readonly #isOurs: boolean;
  /** The map after each update. */
  readonly history: Entries[] = [{}];
  /** On their way to the connection for updates, and to that for snapshots. */
  updates: (readonly Uint8Array[])[] = [];
  snapshots: (readonly Uint8Array[])[] = [];
  #topics: Uint8Array[] = [];
  #count = 0;
  #seen = 0;

  constructor(client: ClientDriver, isOurs: boolean) {
    this.#client = client;
    this.#isOurs = isOurs;
  }

  get sequence(): number {
    return this.history.length - 1;
  }

  set(key: string, value: string): void {
    const entries = { ...this.history.at(-1) };
    if (value === "") delete entries[key];
    else entries[key] = value;
    this.history.push(entries);
    const subtree = textFrame(this.#client.subtree);
    const isCounted = this.#isOurs && subtree.length > 0 && isUnder(textFrame(key), subtree);
    if (isCounted) this.#count += 1;
    const lines = isCounted ? [subtreeCounts([[subtree.length, this.#count]])] : [];
    this.#publish(
      encodeKeyValue(textFrame(key), this.sequence, EMPTY, encodeProperties(lines), textFrame(value)),
    );
  }

  beat(): void {
    if (!this.#isOurs)
      return this.#publish(encodeKeyValue(textFrame("HUGZ"), this.sequence, EMPTY, EMPTY, EMPTY));
    const { sequence } = this;
    const beat = { life: "1", isActive: true, heartbeatMs: 1000, sequence };
    this.#publish(encodeBeat(textFrame("HUGZ"), { ...beat, count: undefined }));
    this.#publish(encodeBeat(beatTopic(EMPTY), { ...beat, count: sequence }));
    const { subtree } = this.#client;
    if (subtree !== "")
      this.#publish(encodeBeat(beatTopic(textFrame(subtree)), { ...beat, count: this.#count }));
  }

  /** Does what the client has put out since this was last called. */
  answer(): void {
    for (; this.#seen < this.#client.outputs.length; this.#seen++) {
      const output = this.#client.outputs[this.#seen];
      if (output?.type === "open") {
        this.updates = [];
        this.snapshots = [];
        this.#topics = [];
        this.#client.up(output.join);
      } else if (output?.type === "subscribe") {
        this.#topics = [...output.topics];
        if (this.#isOurs) this.beat();
      } else if (output?.type === "ask") this.#snapshot();
    }
  }

  #snapshot(): void {
    const subtree = textFrame(this.#client.subtree);
    const { sequence } = this;
    for (const [key, value] of Object.entries(this.history[sequence] as Entries)) {
      const at = this.history.findLastIndex(
        (entries, index) => entries[key] !== this.history[index - 1]?.[key],
      );
      if (isUnder(textFrame(key), subtree))
        this.snapshots.push(encodeKeyValue(textFrame(key), at, EMPTY, EMPTY, textFrame(value)));
    }
    this.snapshots.push(
      this.#isOurs ? encodeCommand("KTHXBAI", sequence) : encodeForeignEnd(sequence, subtree),
    );
  }

  #publish(frames: readonly Uint8Array[]): void {
    if (this.#topics.some((topic) => isUnder(frames[0] as Uint8Array, topic))) this.updates.push(frames);
  }
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom("/a/x", "/a/y", "/b/x", "HUGZ"), fc.constantFrom("", "1", "2", "3")),
  },
  { weight: 8, arbitrary: fc.constantFrom("update", "snapshot") },
  fc.constantFrom("lose", "beat", "pass"),
);

it("what a client has is always the map as it was after some update, and in the end as it is", () => {
  const run = fc.record({
    isOurs: fc.boolean(),
    subtree: fc.constantFrom("", "/a/"),
    steps: fc.array(step, { maxLength: 120, size: "max" }),
  });
  fc.assert(
    fc.property(run, ({ isOurs, subtree, steps }) => {
      const client = new ClientDriver({ subtree, backoff: { initialMs: 10, maxMs: 20, jitter: 0 } });
      const server = new Server(client, isOurs);
      const mirror: Entries = {};
      const watcher = client.watch("", 1000);
      const part = (entries: Entries = {}): Entries =>
        Object.fromEntries(Object.entries(entries).filter(([key]) => key.startsWith(subtree)));
      const check = (): void => {
        server.answer();
        if (client.machine.isReady)
          expect(client.map).toEqual(part(server.history[client.machine.map.sequence]));
      };
      const deliver = (from: "updates" | "snapshots"): void => {
        const frames = server[from].shift();
        if (frames === undefined) return;
        if (from === "updates") client.hear(frames);
        else client.get(frames);
      };
      // A heartbeat of the guide's server without a number says nothing: RFC 12 has it so always.
      server.set("/b/x", "1");
      client.connect(A);
      check();
      for (const action of steps) {
        if (typeof action !== "string") server.set(...action);
        else if (action === "update") deliver("updates");
        else if (action === "snapshot") deliver("snapshots");
        else if (action === "beat") server.beat();
        else if (action === "lose") server.updates.shift();
        else client.pass(10);
        check();
      }
      for (let round = 0; round < 20; round++) {
        server.beat();
        while (server.updates.length > 0 || server.snapshots.length > 0) {
          deliver("updates");
          deliver("snapshots");
          check();
        }
        client.pass(20);
        check();
      }
      expect(client.machine.state).toBe("live");
      expect(client.map).toEqual(part(server.history.at(-1)));
      expect(watcher.hasOverflowed).toBe(false);
      for (const change of changesOf(watcher)) {
        const [key = "", value] = change.slice(1).split("=");
        if (change.startsWith("-")) delete mirror[key];
        else mirror[key] = value ?? "";
      }
      expect(mirror).toEqual(client.map);
    }),
    { numRuns: 1000 },
  );
});
