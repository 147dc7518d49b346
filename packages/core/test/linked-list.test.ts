import { Link, LinkedList } from "@seaworthy/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

interface Command {
  readonly kind: "append" | "remove" | "unlink" | "shift" | "pop";
  readonly link: number;
  readonly list: number;
}

const command: fc.Arbitrary<Command> = fc.record({
  kind: fc.constantFrom("append", "append", "remove", "unlink", "shift", "pop"),
  link: fc.nat(7),
  list: fc.nat(1),
});

describe("LinkedList", () => {
  it("does what arrays do, with links that go from one list to another", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        const lists = [new LinkedList<number>(), new LinkedList<number>()] as const;
        const links = Array.from({ length: 8 }, (_, item) => new Link(item));
        const models: number[][] = [[], []];
        const leave = (item: number, from = models): void => {
          for (const model of from) if (model.includes(item)) model.splice(model.indexOf(item), 1);
        };
        for (const step of commands) {
          const list = lists[step.list] as LinkedList<number>;
          const model = models[step.list] as number[];
          const link = links[step.link] as Link<number>;
          if (step.kind === "append") {
            list.append(link);
            leave(link.item);
            model.push(link.item);
          } else if (step.kind === "remove") {
            list.remove(link);
            leave(link.item, [model]);
          } else if (step.kind === "unlink") {
            link.unlink();
            leave(link.item);
          } else expect(list[step.kind]()).toBe(model[step.kind]());
          for (const [index, each] of lists.entries()) {
            const expected = models[index] as number[];
            expect([...each]).toEqual(expected);
            expect([each.length, each.first, each.last]).toEqual([
              expected.length,
              expected[0],
              expected.at(-1),
            ]);
          }
          expect(links.map(({ isLinked }) => isLinked)).toEqual(
            links.map(({ item }) => models.some((each) => each.includes(item))),
          );
        }
      }),
    );
  });

  it("holds on to nothing that has left", () => {
    const list = new LinkedList<string>();
    const links = ["a", "b", "c"].map((item) => new Link(item));
    for (const link of links) list.append(link);
    for (const link of links) link.unlink();
    for (const { list: its, previous, next } of links) {
      expect([its, previous, next]).toEqual([undefined, undefined, undefined]);
    }
    expect([list.first, list.last, list.length]).toEqual([undefined, undefined, 0]);
  });

  it("takes a link that is already in it to the end", () => {
    const list = new LinkedList<string>();
    const [first, second] = [new Link("first"), new Link("second")];
    for (const link of [first, second, first]) list.append(link);
    expect([...list]).toEqual(["second", "first"]);
  });
});
