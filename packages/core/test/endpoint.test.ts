import { checkEndpoint } from "@seaworthy/core";
import { describe, expect, it } from "vitest";

describe("checkEndpoint", () => {
  it.each([
    "tcp://127.0.0.1:5555",
    "tcp://*:*",
    "tcp://eth0:65535",
    "tcp://example.org:0",
    "tcp://[::1]:5555",
    "tcp://192.168.1.17:5555;192.168.1.1:5555",
    "ipc:///tmp/socket",
    "inproc://name",
  ])("takes %s", (endpoint) => {
    expect(checkEndpoint("Client", endpoint)).toBe(endpoint);
  });

  it.each([
    ["", "transport://address"],
    ["localhost:5555", "transport://address"],
    ["TCP://localhost:5555", "transport://address"],
    ["ipc://", "transport://address"],
    ["ipc://a b", "transport://address"],
    ["tcp://localhost", "tcp://host:port"],
    ["tcp://:5555", "tcp://host:port"],
    ["tcp://localhost:65536", "tcp://host:port"],
    ["tcp://localhost:http", "tcp://host:port"],
    ["tcp://::1:5555", "tcp://host:port"],
  ])("refuses %j and names the form", (endpoint, form) => {
    expect(() => checkEndpoint("Client", endpoint)).toThrow(
      new RangeError(`Client: an endpoint must be of the form ${form}, got ${JSON.stringify(endpoint)}`),
    );
  });

  it.each([
    [undefined, "undefined"],
    [null, "null"],
    [5555, "number"],
  ])("refuses %s, which is no text", (endpoint, kind) => {
    expect(() => checkEndpoint("Client", endpoint)).toThrow(
      new TypeError(`Client: an endpoint must be a string, got ${kind}`),
    );
  });
});
