import type { ResolvedSettings } from "./socket-settings.js";
import type { SocketSettings } from "./transport.js";

/**
 * The largest frame to accept: it must let the largest body pass.
 *
 * @param settings - `given`, with every default filled in
 * @param name - of the option that the settings are
 * @param option - the one that says how large a body may be
 * @throws RangeError if the two limits that were given contradict each other
 */
export function frameLimit(
  owner: string,
  maxBodyBytes: number,
  { maxFrameBytes }: ResolvedSettings,
  given: SocketSettings,
  name = "socket",
  option = "maxBodyBytes",
): number {
  if (maxFrameBytes >= maxBodyBytes) return maxFrameBytes;
  if (given.maxFrameBytes === undefined) return maxBodyBytes;
  throw new RangeError(
    `${owner}: option "${option}" must not be above "${name}.maxFrameBytes", got ${maxBodyBytes} and ${maxFrameBytes}`,
  );
}
