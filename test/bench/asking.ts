import { blankRequestId, type Frames, REQUEST_ID_BYTES } from "@seaworthy/core";
import { ZmqTransport } from "@seaworthy/core/node";

/** What the parent asks of a client: `count` round trips, at most `inFlight` of them at a time. */
export interface Job {
  readonly count: number;
  readonly inFlight: number;
}

/** Does a job. */
export type Runner = (job: Job) => Promise<void>;

/**
 * Above the 1,000 in flight by a margin: ZeroMQ learns only every half mark what a peer has read, so
 * that a ROUTER drops or refuses messages well before as many as the mark really wait.
 */
export const highWaterMarks: { sendHighWaterMark: number; receiveHighWaterMark: number } = {
  sendHighWaterMark: 10_000,
  receiveHighWaterMark: 10_000,
};
const body = Buffer.from("hello world");
const delimiter = Buffer.alloc(0);

/** `[request id][][11-byte body]`, a new id each time. */
export function request(sequence: number): Uint8Array[] {
  const id = blankRequestId();
  new DataView(id.buffer).setUint32(REQUEST_ID_BYTES - 4, sequence);
  return [id, delimiter, body];
}

/** Asks over the socket driver; `ask` makes the message with this number. */
export function askDriver(endpoint: string, ask: (sequence: number) => Frames = request): Runner {
  let onReply = (): void => {};
  const dealer = new ZmqTransport("Bench").open(
    { type: "dealer", ...highWaterMarks, maxQueued: 1_000_000 },
    { message: () => onReply() },
  );
  dealer.connect(endpoint);
  return ({ count, inFlight }) =>
    new Promise<void>((resolve) => {
      let sent = 0;
      let received = 0;
      onReply = () => {
        received += 1;
        if (sent < count) dealer.send(ask(sent++));
        else if (received === count) resolve();
      };
      while (sent < Math.min(inFlight, count)) dealer.send(ask(sent++));
    });
}
