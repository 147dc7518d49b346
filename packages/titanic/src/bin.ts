#!/usr/bin/env node
import { runDaemon } from "./daemon.js";

// Not left to end by itself: log lines that nobody reads, or a store that does not answer, would keep it from that.
process.exit(await runDaemon(process.argv.slice(2)));
