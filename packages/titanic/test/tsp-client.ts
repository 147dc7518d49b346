import { Request } from "zeromq";
import { closing } from "../../core/test/support/queue-peers.js";

/**
 * A client as the guide's are: it speaks 9/TSP over 7/MDP 0.1 in raw frames on a REQ socket, from the texts of the
 * RFCs. One request at a time.
 */
export class TspClient {
  readonly #socket = closing(new Request({ linger: 0 }));

  constructor(broker: string) {
    this.#socket.connect(broker);
  }

  /** Asks a service, and returns the frames of the reply's body as text. */
  async ask(service: string, ...body: (string | Buffer)[]): Promise<string[]> {
    await this.#socket.send(["MDPC01", service, ...body]);
    const [header, name, ...reply] = (await this.#socket.receive()).map(String);
    if (header !== "MDPC01" || name !== service) throw new Error(`a reply of ${header} ${name}`);
    return reply;
  }

  /** Asks for a reply until it is there, or for as long as the status is 300. */
  async await(id: string): Promise<string[]> {
    for (;;) {
      const reply = await this.ask("titanic.reply", id);
      if (reply[0] !== "300") return reply;
    }
  }
}
