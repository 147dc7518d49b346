import { resolveOptions } from "@seaworthy/core";
import { defaultsOf, flagLines } from "@seaworthy/majordomo/daemon";
import { type CommandName, FLAGS, OPTION_FLAGS, STORE_FLAGS } from "./daemon-flags.js";
import { ledgerRules } from "./ledger-options.js";
import { resolveServerOptions } from "./server-options.js";

const WHERE = `With --postgres it goes to the database. With --data it asks the server that has the folder, over the socket
"control" in there, or opens the folder itself if no server runs.`;
const CODES =
  "Exits with 0 when that is done, with 1 if it cannot be done, and with 2 if an argument is wrong.";

const HEADS: Readonly<Record<CommandName, string>> = {
  serve: `Usage: titanic [--connect ENDPOINT]… (--data DIR | --postgres URL) [flag]…
       titanic ls | show | requeue | drop …   (titanic ls --help, and so on)

A server of durable requests for ZeroMQ (9/TSP) behind Majordomo brokers. What it has accepted outlives any
crash and loss of power.`,
  ls: `Usage: titanic ls (--data DIR | --postgres URL) [flag]…

Lists requests, the oldest first. ${WHERE}`,
  show: `Usage: titanic show ID (--data DIR | --postgres URL) [--json]

Shows a request with its bodies: as text, or in hexadecimal if they are none. ${WHERE}`,
  requeue: `Usage: titanic requeue ID… (--data DIR | --postgres URL)
       titanic requeue --all-dead [--service NAME] (--data DIR | --postgres URL)

Makes dead letters pending again, as if they were new. ${WHERE}`,
  drop: `Usage: titanic drop ID… (--data DIR | --postgres URL)

Forgets requests, and their replies, whatever their state. ${WHERE}`,
};

const TAILS: Readonly<Record<CommandName, string>> = {
  serve: `Prints "ready", its brokers and the address of its metrics as its only line on standard output, once a
broker has been told of all its services; log lines, in JSON, go to standard error. SIGTERM and SIGINT let it
finish what it works on, for --linger, then it exits with 0; a second one ends it at once, with 128 and the
number of the signal. A database that cannot be reached at the start is tried again. It exits with 1 if its
store cannot be opened, or is taken over by another process, and with 2 if an argument is wrong.`,
  ls: CODES,
  show: CODES,
  requeue: CODES,
  drop: CODES,
};

/** The text of `--help`. */
export function usage(command: CommandName): string {
  const defaults = new Map([
    ...defaultsOf(OPTION_FLAGS, resolveServerOptions()),
    ...defaultsOf(STORE_FLAGS, resolveOptions("", ledgerRules, {})),
  ]);
  const lines = flagLines(FLAGS[command], defaults);
  return `${HEADS[command]}\n\n${lines}\n\n${TAILS[command]}\n`;
}
