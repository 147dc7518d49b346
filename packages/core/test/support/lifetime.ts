/** A process that opens sockets, closes them and is then expected to end. The argument says which. */
import type { StatusEvent } from "@seaworthy/core";
import { Role, ZmqTransport } from "@seaworthy/core/node";

class Reporter extends Role<StatusEvent> {
  constructor() {
    super("lifetime");
  }

  say(type: string): void {
    this.report({ type, at: 0 });
  }

  async close(): Promise<void> {}
}

async function exchange(): Promise<void> {
  const transport = new ZmqTransport("Lifetime");
  const router = transport.open({ type: "router" }, { message: (frames) => router.send(frames) });
  const endpoint = router.bind("tcp://127.0.0.1:*");
  await new Promise<void>((resolve) => {
    const dealer = transport.open(
      { type: "dealer" },
      { message: () => void dealer.close(1000).then(() => router.close(1000).then(resolve)) },
    );
    dealer.connect(endpoint);
    dealer.send([Buffer.from("x")]);
  });
}

async function unreachable(lingerMs: number): Promise<void> {
  // Addresses of TEST-NET-1 answer to nobody.
  const transport = new ZmqTransport("Lifetime");
  const sockets = [false, true].map((immediate) =>
    transport.open({ type: "dealer", immediate }, { message() {} }),
  );
  for (const socket of sockets) {
    socket.connect("tcp://192.0.2.1:5555");
    for (let index = 0; index < 3000; index++) socket.send([Buffer.from("x")]);
  }
  await Promise.all(sockets.map((socket) => socket.close(lingerMs)));
}

function throwInListener(): void {
  const reporter = new Reporter();
  reporter.on("status", () => {
    throw new Error("listener failed");
  });
  reporter.say("something-happened");
  console.log("still working");
}

const modes: Record<string, () => void | Promise<void>> = {
  idle: async () => {
    const socket = new ZmqTransport("Lifetime").open({ type: "router" }, { message() {} });
    socket.bind("tcp://127.0.0.1:*");
    await socket.close(1000);
  },
  exchange,
  unreachable: () => unreachable(0),
  "unreachable-linger": () => unreachable(100),
  "listener-throws": throwInListener,
};

await modes[process.argv[2] ?? ""]?.();
if (process.argv[2] !== "listener-throws") console.log("closed");
