import type { DemoFault, Stage } from "./pattern.js";

/** Makes a fault of the one of a pair that is active when it begins; what it has struck is healed, whoever is active by then. */
export type OfActive<Node extends string> = (
  name: string,
  strike: (stage: Stage, active: Node) => void | Promise<void>,
  heal: (stage: Stage, struck: Node) => unknown,
) => DemoFault;

/** @param activeOf - tells which role of the pair is active, or waits until one is */
export function ofActive<Node extends string>(
  activeOf: (stage: Stage) => Node | Promise<Node>,
): OfActive<Node> {
  return (name, strike, heal) => {
    let struck: Node | undefined;
    return {
      name,
      async inject(stage) {
        struck = await activeOf(stage);
        await strike(stage, struck);
      },
      heal: async (stage) => void (await (struck && heal(stage, struck))),
    };
  };
}
