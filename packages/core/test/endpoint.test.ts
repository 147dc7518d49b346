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
  ])("takes %s to bind", (endpoint) => {
    expect(checkEndpoint("Server", endpoint, "bind")).toBe(endpoint);
  });

  it("takes no wildcard and no port 0 to connect to", () => {
    for (const endpoint of ["tcp://*:5555", "tcp://localhost:*", "tcp://localhost:0"]) {
      expect(() => checkEndpoint("Client", endpoint, "connect")).toThrow("a host and a port to connect to");
    }
    expect(checkEndpoint("Client", "tcp://localhost:5555", "connect")).toBe("tcp://localhost:5555");
  });

  it.each([
    ["", "transport://address"],
    ["inproc://name", "transport://address with a transport of tcp, ipc, ws, wss, tipc, vmci"],
    ["localhost:5555", "transport://address"],
    ["http://localhost:5555", "transport://address with a transport of tcp, ipc, ws, wss, tipc, vmci"],
    ["TCP://localhost:5555", "transport://address"],
    ["ipc://", "transport://address"],
    ["ipc://a b", "transport://address"],
    ["tcp://localhost", "tcp://host:port"],
    ["tcp://:5555", "tcp://host:port"],
    ["tcp://localhost:65536", "tcp://host:port"],
    ["tcp://localhost:http", "tcp://host:port"],
    ["tcp://::1:5555", "tcp://host:port"],
  ])("refuses %j and names the form", (endpoint, form) => {
    expect(() => checkEndpoint("Client", endpoint, "bind")).toThrow(
      new RangeError(`Client: an endpoint must be of the form ${form}, got ${JSON.stringify(endpoint)}`),
    );
  });

  it.each([
    [undefined, "undefined"],
    [null, "null"],
    [5555, "number"],
  ])("refuses %s, which is no text", (endpoint, kind) => {
    expect(() => checkEndpoint("Client", endpoint, "bind")).toThrow(
      new TypeError(`Client: an endpoint must be a string, got ${kind}`),
    );
  });
});
