import type { Frames } from "@seaworthy/core";
import * as freelance from "@seaworthy/freelance/machine";
import { expect, test } from "vitest";
import { firstTable, inBrackets, pageSource, tableWithHead, textAfter } from "./tables.js";

const page = await pageSource("docs/patterns/freelance.md");
const wire = textAfter(page, "## On the wire");
const [, ofTracked = "", ofPlain = ""] = wire.split("\n| Message |");

const rows = (text: string): string[][] => firstTable(`| Message |${text}`, "of messages");

const ID = { epoch: 0x0102030405060708n, sequence: 1_000_000_007n };
const BODY = [Buffer.from("body")];
const CLIENT = Buffer.from("client");

/** Frames as the page writes them. */
function written(frames: Frames): string {
  const words = frames.map((frame) => {
    const text = Buffer.from(frame).toString("latin1");
    if (frame.length === freelance.REQUEST_ID_BYTES) return `request id, kind ${frame[3]}`;
    return { body: "body…", [String(ID.sequence)]: "sequence" }[text] ?? text;
  });
  return inBrackets(words);
}

/** The way back that a server finds in a request. */
function routeOf(request: { type: string; route?: Frames; reason?: string }): Frames {
  if (request.route === undefined) throw new Error(request.reason ?? request.type);
  return request.route;
}

test("every kind of a request id is on the page", () => {
  const failure = freelance.encodePlainFailure(
    routeOf(
      freelance.decodePlainRequest([CLIENT, ...freelance.encodeFailoverRequest(ID, BODY)] as Uint8Array[]),
    ),
    "message",
  );
  const kinds = [
    freelance.encodeFailoverRequest(ID, BODY)[0],
    failure?.[1],
    freelance.encodeShotgunRequest(ID, BODY)[0],
  ];
  const stated = tableWithHead(wire, "| Kind |").map(([kind]) => Number(kind));
  expect(stated).toEqual(kinds.map((frame) => frame?.[3]));
  expect(kinds[2]?.[3]).toBe(freelance.SEQUENCED_KIND);
});

test("messages of tracked have the frames that the page says", () => {
  const request = freelance.encodeTrackedRequest(ID, BODY);
  const route = routeOf(freelance.decodeFlpRequest([CLIENT, ...request] as Uint8Array[]));
  const asWritten: readonly (readonly [string, Frames, string])[] = [
    ["PING", freelance.encodePing(), "client"],
    ["PONG", freelance.encodePong([]), "server"],
    ["request", request, "client"],
    ["reply", freelance.encodeFlpReply(route, BODY).slice(1), "server"],
    ["failure", freelance.encodeFlpFailure(route, "message")?.slice(1) ?? [], "server"],
  ];
  expect(rows(ofTracked)).toEqual(asWritten.map(([name, frames, from]) => [name, written(frames), from]));
});

test("messages of failover and shotgun have the frames that the page says", () => {
  const [one, all] = [freelance.encodeFailoverRequest(ID, BODY), freelance.encodeShotgunRequest(ID, BODY)];
  const [ofOne, ofAll] = [one, all].map((request) =>
    routeOf(freelance.decodePlainRequest([CLIENT, ...request] as Uint8Array[])),
  ) as [Frames, Frames];
  const asWritten: readonly (readonly [string, Frames, string])[] = [
    ["failover request", one, "client"],
    ["failover reply", freelance.encodePlainReply(ofOne, BODY).slice(1), "server"],
    ["shotgun request", all, "client"],
    ["shotgun reply", freelance.encodePlainReply(ofAll, BODY).slice(1), "server"],
    ["failure", freelance.encodePlainFailure(ofOne, "message")?.slice(1) ?? [], "server"],
  ];
  expect(rows(ofPlain)).toEqual(asWritten.map(([name, frames, from]) => [name, written(frames), from]));
});
