import { setTimeout as sleep } from "node:timers/promises";
import { FIRST_PAUSE, LONGEST_PAUSE, pause } from "../retry.js";

export interface Watch<Message> {
  readonly name: string;
  /** After so many milliseconds without a message the call counts as dead. */
  readonly patience: number;
  readonly open: (signal: AbortSignal) => AsyncIterable<Message>;
  /** Takes a message; throws if the call is to be begun anew. */
  readonly take: (message: Message) => void;
}

/** Keeps a stream open until it is closed, and opens it again whenever it breaks. */
export async function follow<Message>(watch: Watch<Message>, closed: AbortSignal): Promise<void> {
  let longest = FIRST_PAUSE;
  while (!closed.aborted) {
    const { received, error } = await read(watch, closed);
    if (closed.aborted) return;
    console.warn(`the stream of ${watch.name} broke: ${String(error)}`);
    longest = received ? FIRST_PAUSE : Math.min(2 * longest, LONGEST_PAUSE);
    await sleep(pause(longest, error), undefined, { signal: closed, ref: false }).catch(() => {});
  }
}

/** Reads until the stream breaks, and says whether it gave anything of use. */
async function read<Message>(
  { patience, open, take }: Watch<Message>,
  closed: AbortSignal,
): Promise<{ received: boolean; error: unknown }> {
  const call = new AbortController();
  const watchdog = setTimeout(() => call.abort(new Error("silence")), patience).unref();
  let received = false;
  try {
    for await (const message of open(AbortSignal.any([call.signal, closed]))) {
      watchdog.refresh();
      received = false; // should it not be of use, longer is waited each time
      take(message);
      received = true;
    }
    return { received, error: new Error("it ended") };
  } catch (error) {
    return { received, error };
  } finally {
    clearTimeout(watchdog);
    call.abort();
  }
}
