import { Router } from "zeromq";
import { highWaterMarks } from "./asking.js";

const empty = Buffer.alloc(0);
const fromClient = Buffer.from("MDPC02");
const toWorker = Buffer.from("MDPW02");
const ready = 0x01;
const requested = Buffer.from([0x02]);
const finished = Buffer.from([0x03]);
const heartbeat = 0x05;

/**
 * A broker that forwards the very frames that Majordomo 0.2 forwards, and keeps no books: it knows its workers in
 * turn, and the address that it gives them is the client's envelope itself. Nobody is alive or dead to it.
 *
 * @returns its endpoint
 */
export function startBareBroker(endpoint: string): string {
  const socket = new Router({ linger: 0, ...highWaterMarks });
  socket.bindSync(endpoint);
  const workers: Buffer[] = [];
  let turn = 0;
  let service: Buffer = empty;

  function forward(frames: Buffer[]): Buffer[] | undefined {
    const first = frames[1] as Buffer;
    // [client][header][][MDPC02][1][service][body]
    if (first.length !== toWorker.length) {
      const [client, header, , , , , body] = frames as Buffer[];
      service = frames[5] as Buffer;
      const address = Buffer.concat([
        Buffer.from([(client as Buffer).length]),
        client as Buffer,
        header as Buffer,
      ]);
      const worker = workers[turn++ % workers.length] as Buffer;
      return [worker, toWorker, requested, address, empty, body as Buffer];
    }
    // [worker][MDPW02][command][address][][body]
    const [worker, , command, address, , body] = frames as Buffer[];
    if (command?.[0] === ready) workers.push(worker as Buffer);
    if (command?.[0] === ready || command?.[0] === heartbeat) return undefined;
    const length = 1 + (address?.[0] as number);
    const client = address?.subarray(1, length) as Buffer;
    const header = address?.subarray(length) as Buffer;
    return [client, header, empty, fromClient, finished, service, body as Buffer];
  }

  void (async () => {
    for await (const frames of socket) {
      const forwarded = forward(frames);
      if (forwarded !== undefined) await socket.send(forwarded);
    }
  })();
  return socket.lastEndpoint ?? endpoint;
}
