// Kills the process groups it was told of once its parent is gone, however that one ended: its
// standard input closes then. Stopped processes cannot look after themselves, so nobody else can
// do this. Plain JavaScript, so that it is up before anything can go wrong.
import { createInterface } from "node:readline";

const groups = new Set();

for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith("+")) groups.add(pid);
  else groups.delete(pid);
}
for (const pid of groups) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}
