import { once } from "node:events";
import { connect, type Socket } from "node:net";

const NULL_MECHANISM = "NULL";
const FLAG_MORE = 1;
const FLAG_COMMAND = 4;
const GREETING_BYTES = 64;
const FRAME_HEAD_BYTES = 2;

function property(name: string, value: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), length, Buffer.from(value)]);
}

/** A SUB that speaks ZMTP 3 by itself, and so can say what libzmq would not let it. */
export class BarePeer {
  readonly #socket: Socket;

  constructor(endpoint: string) {
    this.#socket = connect(Number(endpoint.split(":").at(-1)), "127.0.0.1");
    // At the end of a test the other side may be the first to close.
    this.#socket.on("error", () => {});
  }

  /** Resolves when the other side has said that it is ready: to what comes before, libzmq may say that it is none of ZMTP. */
  async open(minorVersion: 0 | 1): Promise<void> {
    const greeting = Buffer.alloc(GREETING_BYTES);
    greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, minorVersion]);
    greeting.write(NULL_MECHANISM, 12);
    await once(this.#socket, "connect");
    this.#socket.write(greeting);
    this.command("READY", Buffer.concat([property("Socket-Type", "SUB"), property("Identity", "")]));
    await this.#answer();
  }

  /** Sends the frames of a message, each shorter than 256 bytes. */
  send(...frames: string[]): void {
    for (const [index, frame] of frames.entries()) {
      this.#frame(index < frames.length - 1 ? FLAG_MORE : 0, Buffer.from(frame));
    }
  }

  command(name: string, body: Buffer): void {
    this.#frame(FLAG_COMMAND, Buffer.concat([Buffer.from([name.length]), Buffer.from(name), body]));
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Reads the other side's greeting, and the command behind it. */
  async #answer(): Promise<void> {
    let heard = Buffer.alloc(0);
    const whole = (): number => GREETING_BYTES + FRAME_HEAD_BYTES + (heard[GREETING_BYTES + 1] ?? 0);
    while (heard.length < whole()) {
      const [more] = (await once(this.#socket, "data")) as [Buffer];
      heard = Buffer.concat([heard, more]);
    }
  }

  #frame(flags: number, body: Buffer): void {
    this.#socket.write(Buffer.concat([Buffer.from([flags, body.length]), body]));
  }
}
