import type { DemoPattern } from "../pattern.js";
import { queueWithWorkers } from "../queue-with-workers.js";

// Connections that are half open stay so: nobody sends heartbeats.
export const pattern: DemoPattern = queueWithWorkers({ name: "simple-pirate", title: "Simple Pirate" });
