// Calls again what a server could not answer just now.

import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { setTimeout as sleep } from "node:timers/promises";
import { RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

export const FIRST_PAUSE = 50;
export const LONGEST_PAUSE = 2000;
const TRY_TIMEOUT = 5000;

const TRANSIENT = new Set([Code.Unavailable, Code.ResourceExhausted, Code.DeadlineExceeded]);

/**
 * Calls until there is an answer, an error that another try would not mend, or too little time left for
 * one. It waits longer each time, and never less than RetryInfo asks for. A try that got no answer may
 * have had its effect: call only what may be done twice.
 *
 * @param patience how many milliseconds all tries may take
 */
export async function retrying<T>(
  call: (options: { timeoutMs: number }) => Promise<T>,
  patience: number,
): Promise<T> {
  const ends = performance.now() + patience;
  for (let longest = FIRST_PAUSE; ; longest = Math.min(2 * longest, LONGEST_PAUSE)) {
    try {
      return await call({ timeoutMs: TRY_TIMEOUT });
    } catch (error) {
      const wait = pause(longest, error);
      const { code } = ConnectError.from(error);
      if (!TRANSIENT.has(code) || performance.now() + wait > ends) throw error;
      await sleep(wait);
    }
  }
}

/**
 * How many milliseconds to wait after an error: between half and all of a pause, by chance, so that many
 * clients don't come back at once, or as long as the server asks for.
 */
export function pause(longest: number, error: unknown): number {
  const asked = ConnectError.from(error)
    .findDetails(RetryInfoSchema)
    .map((info) => (info.retryDelay === undefined ? 0 : durationMs(info.retryDelay)));
  return Math.max(longest * (0.5 + Math.random() / 2), ...asked);
}
