import {
  byteLength,
  Fifo,
  type Frames,
  type Machine,
  memoryOf,
  type Random,
  type Stalled,
} from "@seaworthy/core";
import { CallDesk } from "./call-desk.js";
import { Dispatcher } from "./dispatcher.js";
import type {
  RefusalReason,
  TitanicServerEvent,
  TitanicServerInput,
  TitanicServerLoad,
  TitanicServerOutput,
  TitanicServerStats,
} from "./server-messages.js";
import type { ResolvedServerOptions } from "./server-options.js";
import type { Added, Found, NewRequest } from "./store.js";
import { StoreDesk } from "./store-desk.js";
import {
  encodeAccepted,
  encodeClosed,
  encodeDead,
  encodeFailed,
  encodePending,
  encodeReply,
  encodeUnknown,
  KEY_CONFLICT,
  type TitanicCommand,
} from "./wire.js";

/** Replies and keys that are forgotten in one call of the store. */
const SWEEP_BATCH = 1000;
/** What clients are told of a store that failed; the event has more. */
const STORE_FAILED = "the store does not answer";

type Unstamped<E> = E extends unknown ? Omit<E, "at"> : never;

/**
 * The protocol of a Titanic server (9/TSP): takes requests into its store and says so when they are safe there, gives
 * them to their services through a Majordomo broker, and hands out their replies.
 */
export class TitanicServerMachine implements Machine<TitanicServerInput, TitanicServerOutput> {
  readonly stats: TitanicServerStats = {
    accepted: 0,
    known: 0,
    refused: 0,
    fetched: 0,
    pending: 0,
    unknown: 0,
    closed: 0,
    attempts: 0,
    completed: 0,
    failed: 0,
    postponed: 0,
    buried: 0,
    leasesLost: 0,
    repliesDropped: 0,
    storeFailures: 0,
    malformed: 0,
  };
  readonly #options: ResolvedServerOptions;
  readonly #makeId: () => Uint8Array;
  readonly #outputs = new Fifo<TitanicServerOutput>();
  readonly #store: StoreDesk;
  readonly #calls: CallDesk;
  readonly #dispatcher: Dispatcher;
  #now: number;
  /** When the store is looked through next. */
  #lookAt: number;
  /** Size of the bodies that are on their way to the store. */
  #storingBytes = 0;
  #isLooking = false;
  /** Something has changed since the look that is under way began. */
  #looksAgain = false;
  #isClosing = false;
  #isIdle = false;

  /**
   * @param options - checked options, see `resolveServerOptions`
   * @param makeId - makes ids of 16 bytes that nobody can guess: whoever knows one may fetch the reply
   * @param random - source of the jitter
   * @param now - the time, in ms: the store is looked through at once
   */
  constructor(options: ResolvedServerOptions, makeId: () => Uint8Array, random: Random, now: number) {
    this.#options = options;
    this.#makeId = makeId;
    this.#now = now;
    this.#lookAt = now;
    const emit = (output: TitanicServerOutput): void => this.#outputs.push(output);
    const report = (event: Unstamped<TitanicServerEvent>): void => this.#report(event);
    this.#store = new StoreDesk({
      send: (op, action) => emit({ type: "store", op, action }),
      failed: (method, message) => {
        this.stats.storeFailures += 1;
        report({ type: "store-failed", method, message });
      },
      recovered: () => report({ type: "store-recovered" }),
    });
    this.#calls = new CallDesk({
      send: (call, service, body, timeoutMs) => emit({ type: "call", call, service, body, timeoutMs }),
      abort: (call) => emit({ type: "abort", call }),
    });
    this.#dispatcher = new Dispatcher(options, random, {
      store: this.#store,
      calls: this.#calls,
      stats: this.stats,
      now: () => this.#now,
      report,
    });
  }

  /** How much there is at present. */
  get load(): TitanicServerLoad {
    const { inFlight, services, missed } = this.#dispatcher;
    return { inFlight, services, missed, storing: this.#store.length };
  }

  get deadline(): number | undefined {
    const { deadline } = this.#dispatcher;
    if (this.#isClosing || this.#isLooking) return deadline;
    return Math.min(this.#lookAt, deadline ?? this.#lookAt);
  }

  handle(input: TitanicServerInput | Stalled, now: number): void {
    this.#now = now;
    switch (input.type) {
      case "asked":
        this.#serve(input.ticket, input.command);
        break;
      case "malformed":
        this.stats.malformed += 1;
        this.#refuse(input.ticket, "malformed", input.reason);
        break;
      case "stored":
        this.#store.stored(input.op, input.outcome);
        break;
      case "store-failed":
        this.#store.failed(input.op, input.message);
        break;
      case "answered":
        this.#calls.answered(input.call, input.body);
        break;
      case "failed":
        this.#calls.failed(input.call, input.failure);
        break;
      case "work":
        this.#dispatcher.note(input.service);
        break;
      case "look":
        this.#lookAt = now;
        this.#looksAgain = this.#isLooking;
        break;
      case "removed":
        this.#dispatcher.removed(input.id);
        break;
      case "close":
        this.#isClosing = true;
        this.#dispatcher.close();
        break;
      case "time-is-up":
        this.#dispatcher.giveBack();
        break;
      case "stalled":
        this.#report({ type: "process-stalled", ms: input.ms });
        this.#dispatcher.stalled(now);
        break;
    }
    this.#restIfDone();
  }

  tick(now: number): void {
    this.#now = now;
    this.#dispatcher.tick(now);
    if (!this.#isClosing && !this.#isLooking && this.#lookAt <= now) this.#look();
    this.#restIfDone();
  }

  take(): TitanicServerOutput | undefined {
    return this.#outputs.shift();
  }

  #serve(ticket: number, command: TitanicCommand): void {
    switch (command.type) {
      case "submit":
        return this.#submit(ticket, command);
      case "reply":
        return this.#fetch(ticket, command.id);
      case "close":
        return this.#close(ticket, command.id);
    }
  }

  #submit(ticket: number, { key, service, body }: TitanicCommand & { type: "submit" }): void {
    const { maxBodyBytes, maxServices, maxStoringBytes } = this.#options;
    if (byteLength(body) > maxBodyBytes) {
      return this.#refuse(ticket, "limit", limitText("maxBodyBytes", maxBodyBytes), encodeUnknown);
    }
    const bytes = memoryOf(body);
    if (this.#storingBytes > 0 && this.#storingBytes + bytes > maxStoringBytes) {
      return this.#refuse(ticket, "limit", limitText("maxStoringBytes", maxStoringBytes));
    }
    if (!this.#dispatcher.takesIn(service)) {
      return this.#refuse(ticket, "limit", limitText("maxServices", maxServices));
    }
    const request: NewRequest = { id: this.#makeId(), service, body, key };
    const over = (): void => {
      this.#storingBytes -= bytes;
      this.#dispatcher.tookIn(service);
    };
    this.#storingBytes += bytes;
    this.#store.ask(
      "add",
      [request],
      (added) => {
        this.#added(ticket, request, added);
        over();
      },
      () => {
        this.#refuse(ticket, "store", STORE_FAILED);
        over();
      },
    );
  }

  #added(ticket: number, { id, service }: NewRequest, added: Added): void {
    switch (added.type) {
      case "added":
        this.stats.accepted += 1;
        this.#dispatcher.note(service);
        return this.#answer(ticket, encodeAccepted(id));
      case "known":
        this.stats.known += 1;
        return this.#answer(ticket, encodeAccepted(added.id));
      case "conflict":
        return this.#refuse(ticket, "conflict", KEY_CONFLICT);
      case "full":
        return this.#refuse(ticket, "limit", limitText(added.option, added.limit));
    }
  }

  #fetch(ticket: number, id: Uint8Array): void {
    this.#store.ask(
      "find",
      [id],
      (found) => this.#found(ticket, found),
      () => this.#answer(ticket, encodeFailed(STORE_FAILED)),
    );
  }

  #found(ticket: number, found: Found | undefined): void {
    switch (found?.state) {
      case undefined:
        this.stats.unknown += 1;
        return this.#answer(ticket, encodeUnknown());
      case "pending":
        this.stats.pending += 1;
        return this.#answer(ticket, encodePending());
      case "done":
        this.stats.fetched += 1;
        return this.#answer(ticket, encodeReply(found.reply));
      case "dead":
        return this.#answer(ticket, encodeDead(found.failure));
    }
  }

  #close(ticket: number, id: Uint8Array): void {
    this.#store.ask(
      "remove",
      [id, this.#options.keyRetentionMs],
      (wasThere) => {
        if (wasThere) this.stats.closed += 1;
        this.#dispatcher.removed(id);
        this.#answer(ticket, encodeClosed());
      },
      () => this.#answer(ticket, encodeFailed(STORE_FAILED)),
    );
  }

  /** A client that is in the wrong is told so with 400, and with 500 when it may try again. */
  #refuse(ticket: number, reason: RefusalReason, message: string, encode = refusal(reason)): void {
    this.stats.refused += 1;
    this.#report({ type: "request-refused", reason, message });
    this.#answer(ticket, encode(message));
  }

  #answer(ticket: number, body: Frames): void {
    this.#outputs.push({ type: "answer", ticket, body });
  }

  /** Work that nobody told of: of servers that died, of before this one was started, of messages that were lost. */
  #look(): void {
    const askedAt = this.#now;
    this.#isLooking = true;
    const over = (): void => {
      this.#isLooking = false;
      this.#lookAt = this.#looksAgain ? this.#now : this.#now + this.#options.lookMs;
      this.#looksAgain = false;
    };
    this.#store.ask(
      "services",
      [],
      (services) => {
        this.#dispatcher.reconcile(services, askedAt);
        this.#sweep(over);
      },
      over,
    );
  }

  #sweep(over: () => void): void {
    const swept = (count: number): void => {
      if (count === SWEEP_BATCH && !this.#isClosing) this.#sweep(over);
      else over();
    };
    this.#store.ask("sweep", [SWEEP_BATCH], swept, over);
  }

  #restIfDone(): void {
    if (!this.#isClosing || this.#isIdle || this.#dispatcher.inFlight > 0 || this.#store.length > 0) return;
    this.#isIdle = true;
    this.#outputs.push({ type: "idle" });
  }

  #report(event: Unstamped<TitanicServerEvent>): void {
    this.#outputs.push({ type: "status", event: { ...event, at: this.#now } as TitanicServerEvent });
  }
}

function refusal(reason: RefusalReason): (message: string) => Frames {
  return reason === "malformed" || reason === "conflict" ? encodeUnknown : encodeFailed;
}

function limitText(option: string, limit: number): string {
  return `limit ${option} = ${limit} is reached`;
}
