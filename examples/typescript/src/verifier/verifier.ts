import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { setTimeout as sleep } from "node:timers/promises";
import type { TokenClaims } from "../gen/authn/v1/token_pb.js";
import { TokenService } from "../gen/authn/v1/token_service_pb.js";
import { Unavailable } from "./errors.js";
import { type Asked, Judge, type Policy } from "./judge.js";
import { rightNow } from "./moment.js";
import { follow } from "./watch.js";

// The server gives a sign of life every second, and every 5 seconds of the keys. In milliseconds.
const REVOCATIONS_PATIENCE = 4000;
const KEYS_PATIENCE = 15_000;

// However many unknown keys are named, the server is asked once in this time.
const ASK_EVERY = 1000;
const ASK_TIMEOUT = 1000;

/** Follows keys and revocations as the server tells of them, and judges tokens from memory. */
export class Verifier {
  private readonly judge: Judge;
  private readonly closing = new AbortController();
  private readonly server: Client<typeof TokenService>;
  private asked: { at: number; answer: Promise<void> } | undefined;

  /** Follows the server at the other end of a transport, until `close`. */
  constructor(transport: Transport, policy: Policy) {
    this.judge = new Judge(policy, rightNow());
    this.server = createClient(TokenService, transport);
    void follow(
      {
        name: "revocations",
        patience: REVOCATIONS_PATIENCE,
        open: (signal) =>
          this.server.watchRevocations({ afterRevision: this.judge.feed.begin() }, { signal }),
        take: (piece) => this.judge.feed.take(piece, rightNow()),
      },
      this.closing.signal,
    );
    void follow(
      {
        name: "keys",
        patience: KEYS_PATIENCE,
        open: (signal) => this.server.watchKeys({}, { signal }),
        take: ({ keys }) => this.judge.takeKeys(keys),
      },
      this.closing.signal,
    );
  }

  /** Ends the streams. What was known then soon is stale. */
  close(): void {
    this.closing.abort();
  }

  /** Waits until keys and revocations are known; throws `Unavailable` if they were not in time. */
  async waitUntilReady(milliseconds: number): Promise<void> {
    const ends = performance.now() + milliseconds;
    while (!this.judge.hasKeys || !this.judge.isFresh(rightNow())) {
      if (performance.now() > ends) throw new Unavailable("the server has not told enough yet");
      await sleep(5);
    }
  }

  /**
   * Gives what an active token says, as VerifyToken would. It makes no call, unless the token names a key
   * that is not known. Throws `TokenInactive`, `InsufficientScope` or `Unavailable`.
   */
  async verify(token: string, asked: Asked = {}): Promise<TokenClaims> {
    const parsed = this.judge.parse(token, rightNow());
    if (!this.judge.knowsKeyOf(parsed)) await this.askForKeys();
    return this.judge.decide(parsed, asked, rightNow());
  }

  /** Gets the keys, unless that was done a moment ago. */
  private async askForKeys(): Promise<void> {
    if (this.asked === undefined || performance.now() - this.asked.at >= ASK_EVERY) {
      this.asked = { at: performance.now(), answer: this.getKeys() };
    }
    try {
      await this.asked.answer;
    } catch (error) {
      throw new Unavailable("the keys could not be asked for", { cause: error });
    }
  }

  private async getKeys(): Promise<void> {
    const { keys } = await this.server.getJwks({}, { timeoutMs: ASK_TIMEOUT });
    this.judge.takeKeys(keys);
  }
}
