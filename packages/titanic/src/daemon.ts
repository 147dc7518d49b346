import { EXIT_DONE, packageVersion, print, runProgram } from "@seaworthy/majordomo/daemon";
import { commandOf, parseTitanicArguments } from "./daemon-arguments.js";
import { usage } from "./daemon-help.js";

const NAME = "titanic";

/**
 * Runs the program: a server until the process is told to stop, or what an operator asks for.
 *
 * @param args - the command line, without the name of the program
 * @returns the code to exit with
 */
export function runDaemon(args: readonly string[]): Promise<number> {
  return runProgram(nameOf(args), async () => {
    const given = parseTitanicArguments(args);
    switch (given.command) {
      case "help":
        await print(usage(given.of));
        return EXIT_DONE;
      case "version":
        await print(`${version()}\n`);
        return EXIT_DONE;
      case "serve": {
        const { runServer } = await import("./daemon-server.js");
        return runServer(NAME, version(), given);
      }
      default: {
        const { runCommand } = await import("./daemon-commands.js");
        return runCommand(nameOf(args), given);
      }
    }
  });
}

/** The name of the program, with that of the command: messages begin with it. */
function nameOf(args: readonly string[]): string {
  try {
    const command = commandOf(args);
    return command === "serve" ? NAME : `${NAME} ${command}`;
  } catch {
    return NAME;
  }
}

function version(): string {
  return packageVersion(new URL("../package.json", import.meta.url));
}
