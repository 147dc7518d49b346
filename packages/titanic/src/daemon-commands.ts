import { complain, EXIT_DONE, EXIT_FAILED, print } from "@seaworthy/majordomo/daemon";
import type { OperatorArguments } from "./daemon-arguments.js";
import { MAX_LIST } from "./daemon-control.js";
import { detailsToJson, requestToJson } from "./daemon-json.js";
import { type Operator, operate } from "./daemon-operator.js";
import { detailsText, requestTable } from "./daemon-text.js";
import type { RequestInfo, StoreQuery } from "./store.js";
import { idText } from "./wire.js";

/** Dead letters that are requeued at a time: stores make many changes durable as fast as one. */
const AT_A_TIME = 100;

/**
 * Does what an operator asks for.
 *
 * @param name - of program and command, for messages
 * @returns the code to exit with
 */
export async function runCommand(name: string, given: OperatorArguments): Promise<number> {
  try {
    const operator = await operate(given.place);
    try {
      return await perform(name, operator, given);
    } finally {
      await operator.close();
    }
  } catch (error) {
    await complain(name, (error as Error).message);
    return EXIT_FAILED;
  }
}

function perform(name: string, operator: Operator, given: OperatorArguments): Promise<number> {
  switch (given.command) {
    case "ls":
      return list(name, operator, given);
    case "show":
      return show(name, operator, given);
    case "requeue":
      return forEach(name, given.ids, operator.requeue, "requeued", "there is no such dead letter");
    case "requeue-dead":
      return requeueDead(operator, given.service);
    case "drop":
      return forEach(name, given.ids, operator.drop, "dropped", "there is no such request");
  }
}

/** Pages of a listing, one read ahead: what is done to one does not change where the next begins. */
async function* pages(
  operator: Operator,
  { limit, ...query }: StoreQuery,
): AsyncGenerator<readonly RequestInfo[]> {
  let left = limit;
  const read = async (after: Uint8Array | undefined): Promise<readonly RequestInfo[]> => {
    const page = left <= 0 ? [] : await operator.list({ ...query, after, limit: Math.min(left, MAX_LIST) });
    left -= page.length;
    return page;
  };
  for (let page = await read(query.after); page.length > 0; ) {
    const next = await read(page.at(-1)?.id);
    yield page;
    page = next;
  }
}

async function list(
  name: string,
  operator: Operator,
  { state, service, after, limit, isJson }: OperatorArguments & { command: "ls" },
): Promise<number> {
  let last = after;
  let listed = 0;
  for await (const page of pages(operator, { state, service, after, limit })) {
    const lines = page.map((request) => `${JSON.stringify(requestToJson(request))}\n`);
    await print(isJson ? lines.join("") : requestTable(page, listed === 0));
    listed += page.length;
    last = page.at(-1)?.id;
  }
  if (last !== undefined && listed === limit) {
    const more = await operator.list({ state, service, after: last, limit: 1 });
    if (more.length > 0) await complain(name, `there are more: --after ${idText(last)}`);
  }
  return EXIT_DONE;
}

async function show(
  name: string,
  operator: Operator,
  { id, isJson }: OperatorArguments & { command: "show" },
): Promise<number> {
  const found = await operator.show(id);
  if (found === undefined) {
    await complain(name, `${id}: there is no such request`);
    return EXIT_FAILED;
  }
  await print(isJson ? `${JSON.stringify(detailsToJson(found))}\n` : detailsText(found));
  return EXIT_DONE;
}

/** Does something to each request, also if there is nothing to be done to others. */
async function forEach(
  name: string,
  ids: readonly string[],
  act: (id: string) => Promise<boolean>,
  done: string,
  missing: string,
): Promise<number> {
  let code = EXIT_DONE;
  for (const id of ids) {
    if (await act(id)) await print(`${id} ${done}\n`);
    else {
      await complain(name, `${id}: ${missing}`);
      code = EXIT_FAILED;
    }
  }
  return code;
}

async function requeueDead(operator: Operator, service: Uint8Array | undefined): Promise<number> {
  let count = 0;
  for await (const page of pages(operator, { state: "dead", service, limit: Number.MAX_SAFE_INTEGER })) {
    for (let start = 0; start < page.length; start += AT_A_TIME) {
      const ids = page.slice(start, start + AT_A_TIME).map(({ id }) => idText(id));
      const requeued = await Promise.all(ids.map((id) => operator.requeue(id)));
      count += requeued.filter(Boolean).length;
    }
  }
  await print(`${count} requeued\n`);
  return EXIT_DONE;
}
