import { type DeadlineEntry, frameText } from "@seaworthy/core";
import type { ServiceState } from "./service-life.js";
import { serviceLife } from "./service-life.js";

/** A service that requests wait for or are worked on for. The requests themselves wait in the store. */
export class ServiceQueue {
  readonly name: Uint8Array;
  readonly key: string;
  state: ServiceState = serviceLife.initial;
  /** Requests that are worked on, or whose outcome is on its way to the store. */
  inFlight = 0;
  /** Requests that are on their way into the store. */
  takingIn = 0;
  /** A claim is under way. */
  isClaiming = false;
  /** The store may have requests that are due. */
  hasWork = false;
  /** When that was last said. */
  notedAt = 0;
  /** When the store may have more, in ms. */
  workAt: number | undefined;
  /** When the pause in which nobody is asked is over, in ms. */
  askAt: number | undefined;
  /** Pauses in a row. */
  absences = 0;
  /** Pauses in a row of requests that found no worker. */
  postponed = 0;
  /** When the last of these is over: what finds no worker until then says nothing new. */
  postponedUntil: number = Number.NEGATIVE_INFINITY;
  /** Its place among the deadlines. */
  timer: DeadlineEntry<ServiceQueue> | undefined;

  constructor(name: Uint8Array, key: string) {
    this.name = name;
    this.key = key;
  }

  /** The name, for people. */
  get text(): string {
    return frameText(this.name);
  }

  /** When it next has something to do by itself, in ms. */
  get deadline(): number | undefined {
    const { workAt, askAt } = this;
    if (workAt === undefined || askAt === undefined) return workAt ?? askAt;
    return Math.min(workAt, askAt);
  }

  /** Nothing is known that would have to be done for it. */
  get isDone(): boolean {
    const isWorking = this.inFlight > 0 || this.takingIn > 0 || this.isClaiming;
    return !isWorking && !this.hasWork && this.workAt === undefined;
  }

  /** The store said when there may be more. */
  expect(now: number, moreInMs: number | undefined): void {
    this.hasWork ||= moreInMs === 0;
    if (moreInMs !== undefined && moreInMs > 0) this.expectBy(now + moreInMs);
  }

  /** There will be something at this time. */
  expectBy(at: number): void {
    this.workAt = Math.min(at, this.workAt ?? at);
  }
}
