import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

const children = new Set<ChildProcess>();
let onEarlyExit = (_code: number | null): void => {};

/** Starts a process to be measured, which talks over IPC. */
export function startProcess(program: string, ...args: string[]): ChildProcess {
  return startWith([], program, ...args);
}

/** The same with more options of Node.js. */
export function startWith(options: readonly string[], program: string, ...args: string[]): ChildProcess {
  // Those of this process come first, and with them tsx and the export condition.
  const child = fork(program, args, { execArgv: [...process.execArgv, ...options] });
  children.add(child);
  child.on("exit", (code) => {
    if (children.delete(child)) onEarlyExit(code);
  });
  return child;
}

/** Kills a process on purpose; resolves when it is gone. */
export async function killProcess(child: ChildProcess): Promise<void> {
  children.delete(child);
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** Resolves when a process that was told to end has ended. */
export async function ended(child: ChildProcess): Promise<void> {
  children.delete(child);
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`a process ended with code ${code}`);
}

/** The next message of a process. */
export async function answer<Message>(child: ChildProcess): Promise<Message> {
  const [message] = (await once(child, "message")) as [Message];
  return message;
}

/** Rejects when a process ends before it is told to, which would leave this one waiting. */
export function failWithProcesses(): Promise<never> {
  return new Promise((_, reject) => {
    onEarlyExit = (code) => reject(new Error(`a measured process ended early, with code ${code}`));
  });
}

/** Ends all processes that are left. */
export function endProcesses(): void {
  for (const child of children) {
    children.delete(child);
    child.kill();
  }
}
