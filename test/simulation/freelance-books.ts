import { type FreelanceClientMachine, HEDGE_BURST } from "@seaworthy/freelance/machine";
import { type CallNote, HedgeNote } from "./freelance-ledger.js";
import { type ClientSetting, endpointOf, type World } from "./freelance-world.js";

/** What the witness of one client knows of it. */
export class ClientBooks {
  readonly world: World;
  readonly client: ClientSetting;
  readonly machine: FreelanceClientMachine;
  readonly budget: HedgeNote;
  readonly calls = new Map<number, CallNote>();
  /** Those, and the answered ones for which some server still owes a reply. */
  readonly bySequence = new Map<bigint, CallNote>();
  /** Of each connection. */
  readonly endpoints = new Map<number, string>();
  /** Servers that take requests. */
  readonly listed = new Set<string>();
  /** When each server was last heard. */
  readonly heardAt = new Map<string, number>();
  /** Requests that were to be placed since the machine was last quiet, and the servers that took requests then. */
  readonly moved = new Map<CallNote, ReadonlySet<string>>();
  /** Servers that are to be doubted by the time the machine is quiet. */
  readonly doubted = new Set<string>();
  /** The server that no fault meets. */
  readonly sanctuary: string | undefined;
  /** Since when that takes requests. */
  refugeSince: number = Number.POSITIVE_INFINITY;
  /** Requests that a full queue did not take, of which some are to be placed by the time the machine is quiet. */
  crowd: CallNote[] = [];
  /** When the process last stood still. */
  awakeSince: number = Number.NEGATIVE_INFINITY;
  isClosed = false;

  constructor(world: World, client: ClientSetting, machine: FreelanceClientMachine) {
    this.world = world;
    this.client = client;
    this.machine = machine;
    this.budget = new HedgeNote(client.maxHedgeRatio, HEDGE_BURST);
    const { sanctuary } = world.setting;
    this.sanctuary = sanctuary === undefined ? undefined : endpointOf(client.kind, sanctuary);
  }

  get now(): number {
    return this.world.simulation.now();
  }

  violated(what: string): void {
    this.world.violated(`${this.client.name}: ${what}`);
  }

  forget(note: CallNote): void {
    this.calls.delete(note.call);
    this.bySequence.delete(note.sequence);
    this.moved.delete(note);
  }
}
