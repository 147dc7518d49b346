import Table from "cli-table3";
import type { LoadReport } from "./load-messages.js";
import type { FaultTimes } from "./show.js";
import { type Column, REQUEST_TERMS, type Terms } from "./terms.js";

/** All times that one kind of fault happened. */
export interface FaultResult {
  readonly name: string;
  readonly times: readonly FaultTimes[];
}

/** What came out for one pattern. */
export interface PatternResult {
  readonly name: string;
  readonly title: string;
  /** The load, in words. */
  readonly about: string;
  /** What its counters mean. */
  readonly terms: Terms;
  readonly seconds: number;
  readonly load: LoadReport;
  readonly faults: readonly FaultResult[];
}

/** True if everything sent ended as it should, and the pattern recovered from every fault. */
export function isSound({ load, faults }: PatternResult): boolean {
  const recovered = faults.every(({ times }) => times.every(({ recoveryMs }) => recoveryMs !== null));
  return load.lost === 0 && load.mismatched === 0 && load.answered > 0 && recovered;
}

// Columns stand apart by spaces alone: with all that is counted, a frame would not fit into 80 columns.
const PLAIN = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
};

function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numbersFrom: number,
  gap: string,
): string {
  const right = head.map((_, index) => (index < numbersFrom ? "left" : "right") as "left" | "right");
  const lines = new Table({
    head: [...head],
    chars: { ...PLAIN, middle: gap },
    colAligns: right,
    style: { head: process.stdout.isTTY ? ["bold"] : [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const row of rows) lines.push([...row]);
  return lines
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

const count = new Intl.NumberFormat("en-US");

/** What `--json` prints. */
export function asJson(results: readonly PatternResult[]): string {
  const patterns = results.map(({ terms, ...result }) => ({ ...result, counts: terms.things }));
  return JSON.stringify({ ok: results.every(isSound), patterns }, null, 2);
}

/** A duration in ms, as precise as it deserves. */
export function milliseconds(value: number): string {
  if (Number.isNaN(value)) return "-";
  return value < 10 ? value.toFixed(1) : count.format(Math.round(value));
}

/** Marks patterns whose columns mean something of their own. */
const FOOTNOTE = "*";

const HEAD = ["pattern", "sent", "answered", "retried", "failed", "lost", "mismatched", "median", "p99"];

/** The title in tables: marked if what its columns mean is told in a footnote. */
function marked({ title, terms }: PatternResult): string {
  return terms === REQUEST_TERMS ? title : `${title} ${FOOTNOTE}`;
}

function loadRow(result: PatternResult): string[] {
  const { load } = result;
  const { sent, answered, retried, failed, lost, mismatched, medianMs, p99Ms } = load;
  return [
    marked(result),
    ...[sent, answered, retried, failed, lost, mismatched].map((value) => count.format(value)),
    ...[medianMs, p99Ms].map(milliseconds),
  ];
}

function faultRow(title: string, { name, times }: FaultResult): string[] {
  const recoveries = times.flatMap(({ recoveryMs }) => recoveryMs ?? []).sort((a, b) => a - b);
  const lasted = times.reduce((sum, { lastedMs }) => sum + lastedMs, 0) / times.length;
  const show = (value: number | undefined): string => (value === undefined ? "-" : milliseconds(value));
  const worst = recoveries.length < times.length ? "never" : show(recoveries.at(-1));
  const median = recoveries.length === 0 ? worst : show(recoveries[Math.floor((recoveries.length - 1) / 2)]);
  return [title, name, String(times.length), milliseconds(lasted), median, worst];
}

const LEGEND_COLUMNS: readonly Column[] = [
  "sent",
  "answered",
  "retried",
  "failed",
  "lost",
  "mismatched",
  "median",
  "p99",
  "to recover",
];
const LEGEND_INDENT = 12;

function legendLine(name: string, text: readonly string[]): string {
  return `${name.padEnd(LEGEND_INDENT)}${text.join(`\n${" ".repeat(LEGEND_INDENT)}`)}`;
}

function legendOf({ legend }: Terms): string {
  return LEGEND_COLUMNS.flatMap((column) => {
    const text = legend[column];
    return text === undefined ? [] : [legendLine(column, text)];
  }).join("\n");
}

/** What the columns mean: for requests, and then for each of the patterns that do something else. */
function legends(results: readonly PatternResult[]): string[] {
  const kinds = [...new Set(results.map(({ terms }) => terms))];
  return kinds
    .toSorted((a, b) => Number(b === REQUEST_TERMS) - Number(a === REQUEST_TERMS))
    .map((terms) => {
      const titles = results.filter((result) => result.terms === terms).map(({ title }) => title);
      return terms === REQUEST_TERMS
        ? legendOf(terms)
        : `${FOOTNOTE} ${titles.join(", ")}: the columns count ${terms.things}\n${legendOf(terms)}`;
    });
}

const LASTED = legendLine("lasted", ["how long the cause was there"]);

const LEGEND_OF_ROUNDS = `times       how often the fault happened; "lasted" is then the mean, and
            "to recover" the median
worst       the longest time to recover`;

/** Columns of the table of faults that say nothing when each fault happened once. */
const ROUND_COLUMNS: readonly string[] = ["times", "worst"];

function faultTable(results: readonly PatternResult[], inRounds: boolean): string {
  const head = ["pattern", "fault", "times", "lasted", "to recover", "worst"];
  const rows = results.flatMap((result) => result.faults.map((fault) => faultRow(marked(result), fault)));
  const cut = (row: readonly string[]): string[] =>
    row.filter((_, index) => inRounds || !ROUND_COLUMNS.includes(head[index] as string));
  return table(cut(head), rows.map(cut), 2, "  ");
}

/** The tables at the end of the demo. */
export function tables(results: readonly PatternResult[]): string {
  const inRounds = results.some(({ faults }) => faults.some(({ times }) => times.length !== 1));
  const failures = results.flatMap(({ title, load }) =>
    Object.entries(load.failures).map(([code, times]) => `${title}: ${count.format(times)} × ${code}`),
  );
  return [
    results.map(({ title, about }) => `${title}: ${about}`).join("\n"),
    table(HEAD, results.map(loadRow), 1, " "),
    faultTable(results, inRounds),
    ...(failures.length > 0 ? [failures.join("\n")] : []),
    ["Times in ms.", LASTED, ...(inRounds ? [LEGEND_OF_ROUNDS] : [])].join("\n"),
    ...legends(results),
  ].join("\n\n");
}
