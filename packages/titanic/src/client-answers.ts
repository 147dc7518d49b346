import { byteLength, frameText } from "@seaworthy/core";
import { isRequestId } from "./client-arguments.js";
import type { CallStep, TitanicFailure } from "./client-messages.js";
import { decodeAnswer, KEY_CONFLICT, type TitanicAnswer } from "./wire.js";

/** What an answer means to the call that asked. */
export type Verdict =
  | { readonly type: "taken-in"; readonly id: string }
  | { readonly type: "replied"; readonly body: Uint8Array[] }
  | { readonly type: "pending" }
  | { readonly type: "closed" }
  /** The server does not know that it is done. */
  | { readonly type: "trouble"; readonly message: string }
  | { readonly type: "failed"; readonly failure: TitanicFailure };

/** What was asked. */
export interface Question {
  readonly step: CallStep;
  /** What the request is known by, once it is taken in. */
  readonly id: string | undefined;
  /** It was handed in under a key, in this call. */
  readonly isKeyed: boolean;
  /** The key is the caller's. */
  readonly isKeyGiven: boolean;
  readonly maxBodyBytes: number;
}

/** What a server of ours says to a key that is in use; others say nothing, if anything. */
const CONFLICTS: readonly string[] = ["", KEY_CONFLICT];

/** Judges an answer. */
export function judge(question: Question, body: Uint8Array[]): Verdict {
  const answer = decodeAnswer(body);
  if (answer.type === "malformed") return unclear(question, answer.reason);
  switch (question.step) {
    case "submit":
      return judgeSubmit(question, answer);
    case "reply":
      return judgeReply(question, answer);
    case "close":
      return answer.type === "ok" ? { type: "closed" } : trouble(textOf(answer));
  }
}

function judgeSubmit(question: Question, answer: TitanicAnswer): Verdict {
  switch (answer.type) {
    case "ok": {
      const [frame] = answer.frames;
      const id = frame === undefined ? "" : frameText(frame);
      return isRequestId(id) ? { type: "taken-in", id } : unclear(question, "it was taken in under no id");
    }
    case "unknown":
      if (question.isKeyGiven && question.isKeyed && CONFLICTS.includes(answer.text)) {
        return { type: "failed", failure: { code: "ERR_KEY_CONFLICT" } };
      }
      return { type: "failed", failure: { code: "ERR_REQUEST_REFUSED", message: answer.text } };
    case "pending":
      return unclear(question, textOf(answer));
    default:
      return trouble(textOf(answer));
  }
}

function judgeReply({ id = "", isKeyed, maxBodyBytes }: Question, answer: TitanicAnswer): Verdict {
  switch (answer.type) {
    case "ok":
      if (byteLength(answer.frames) <= maxBodyBytes) return { type: "replied", body: answer.frames };
      return { type: "failed", failure: tooLarge(maxBodyBytes) };
    case "pending":
      return answer;
    case "unknown":
      // It had just been known by its key: somebody has closed it, maybe this caller, in an earlier life.
      return {
        type: "failed",
        failure: { code: isKeyed ? "ERR_REQUEST_CLOSED" : "ERR_UNKNOWN_REQUEST", id },
      };
    case "dead":
      return { type: "failed", failure: { code: "ERR_DEAD_LETTER", id, failure: answer.failure } };
    case "failed":
      return trouble(textOf(answer));
  }
}

/** The reply is larger than this client takes. */
export function tooLarge(limit: number): TitanicFailure {
  const effort = { attempts: 1, sent: 1, endpoints: [] };
  return { code: "ERR_LIMIT_REACHED", option: "maxBodyBytes", limit, ...effort };
}

/** Nobody knows what became of it: only what harms nobody is done again. */
function unclear({ step }: Question, message: string): Verdict {
  if (step !== "submit") return trouble(message);
  return { type: "failed", failure: { code: "ERR_SERVER_FAILED", message } };
}

function trouble(message: string): Verdict {
  return { type: "trouble", message };
}

function textOf(answer: TitanicAnswer): string {
  switch (answer.type) {
    case "failed":
    case "unknown":
      return answer.text;
    case "dead":
      return answer.failure;
    default:
      return `an answer that does not fit: ${answer.type}`;
  }
}
