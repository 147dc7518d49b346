import { type Scheduler, type StatusEvent, systemScheduler } from "@seaworthy/core";

/** How much is logged, least first. */
export const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Whether this is the name of a level. */
export function isLogLevel(value: unknown): value is LogLevel {
  return (LOG_LEVELS as readonly unknown[]).includes(value);
}

/** The levels that status events have: `warn` for what the owner may want to do something about. */
export type EventLevel = "warn" | "info" | "debug";

/** What a {@link StatusLog} needs of a logger. */
export type EventLogger = Record<EventLevel, (fields: object, message: string) => void> & {
  isLevelEnabled(level: EventLevel): boolean;
};

/** So long is the time in which events of one kind are counted, in ms. */
const WINDOW_MS = 1000;
/** So many of them get a line of their own in it. */
const LINES_PER_WINDOW = 10;

/** Events of one type and level within a second. */
interface Window {
  readonly level: EventLevel;
  readonly type: string;
  readonly endsAt: number;
  lines: number;
  /** Those that got no line. */
  held: number;
  /** Withdraws the call that tells how many were held back. */
  cancel: () => void;
}

/**
 * Writes the status events of a role to a log. Peers cause most of them, so that a flood of messages must not become
 * a flood of lines: of each type and level ten a second are written, and then how many more there were.
 */
export class StatusLog<E extends StatusEvent> {
  readonly #logger: EventLogger;
  readonly #levelOf: (event: E) => EventLevel;
  readonly #scheduler: Scheduler;
  readonly #windows = new Map<string, Window>();

  /** @param levelOf - at which level an event is logged */
  constructor(
    logger: EventLogger,
    levelOf: (event: E) => EventLevel,
    scheduler: Scheduler = systemScheduler,
  ) {
    this.#logger = logger;
    this.#levelOf = levelOf;
    this.#scheduler = scheduler;
  }

  write(event: E): void {
    const level = this.#levelOf(event);
    if (!this.#logger.isLevelEnabled(level)) return;
    const window = this.#window(level, event.type);
    if (window.lines < LINES_PER_WINDOW) {
      window.lines += 1;
      // The log has its own time; that of the event begins anywhere.
      const { type, at: _at, ...fields } = event;
      return this.#logger[level]({ event: type, ...fields }, readable(type));
    }
    window.held += 1;
    if (window.held === 1)
      window.cancel = this.#scheduler.schedule(window.endsAt, () => this.#settle(window));
  }

  /** Writes what was held back, and leaves no timers. */
  close(): void {
    for (const window of [...this.#windows.values()]) this.#settle(window);
  }

  #window(level: EventLevel, type: string): Window {
    const key = `${level} ${type}`;
    const now = this.#scheduler.now();
    const current = this.#windows.get(key);
    if (current !== undefined && now < current.endsAt) return current;
    if (current !== undefined) this.#settle(current);
    const window: Window = {
      ...{ level, type, endsAt: now + WINDOW_MS, lines: 0, held: 0 },
      cancel: () => undefined,
    };
    this.#windows.set(key, window);
    return window;
  }

  #settle(window: Window): void {
    const { level, type, held } = window;
    window.cancel();
    this.#windows.delete(`${level} ${type}`);
    if (held > 0) this.#logger[level]({ event: type, held }, `${readable(type)}: ${held} more`);
  }
}

/** `worker-joined` as a message. */
function readable(type: string): string {
  return type.replace("-", " ");
}
