/** What was thrown, in words. Anything can be thrown, also what cannot be made a string. */
export function failureText(reason: unknown): string {
  try {
    return reason instanceof Error ? String(reason.message) : String(reason);
  } catch {
    return "the handler failed with a value that has no text";
  }
}
