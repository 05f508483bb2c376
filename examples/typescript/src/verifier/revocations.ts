import { type Revocation, RevocationKind } from "../gen/authn/v1/revocation_pb.js";
import type { Claims } from "./claims.js";

/** The epoch below which the tokens of an account are dead. */
interface LeastEpoch {
  readonly epoch: bigint;
  readonly until: number;
}

/** Says whether all that a revocation ends would be refused. */
export function isUnderstood(revocation: Revocation): boolean {
  const known = [
    RevocationKind.TOKEN,
    RevocationKind.SESSION,
    RevocationKind.ACCOUNT,
    RevocationKind.KEY,
  ].includes(revocation.kind);
  return known && revocation.subject !== "" && revocation.forgetTime !== undefined;
}

/** What was revoked, for as long as that matters. It only grows until `forget`. */
export class Revocations {
  /** Tokens and sessions, and until when each is to be known, in seconds since 1970. */
  readonly ended = new Map<string, number>();
  private readonly accounts = new Map<string, LeastEpoch>();
  private readonly keys = new Map<string, number>();

  /** Takes revocations in, in any order: an end or an epoch never goes back. */
  add(entries: readonly Revocation[]): void {
    for (const { kind, subject, epoch, forgetTime } of entries) {
      const until = Number(forgetTime?.seconds ?? 0n) + 1;
      if (kind === RevocationKind.ACCOUNT) {
        const least = this.accounts.get(subject) ?? { epoch, until };
        this.accounts.set(subject, {
          epoch: epoch > least.epoch ? epoch : least.epoch,
          until: Math.max(until, least.until),
        });
      } else {
        const names = kind === RevocationKind.KEY ? this.keys : this.ended;
        names.set(subject, Math.max(until, names.get(subject) ?? 0));
      }
    }
  }

  /** Says whether a token was revoked, or anything that it comes from. */
  ends({ said, actors, lineage, lineageKeys }: Claims, keyId: string): boolean {
    return (
      [keyId, ...lineageKeys].some((id) => this.keys.has(id)) ||
      [said.tokenId, ...lineage].some((tokenId) => this.ended.has(tokenId)) ||
      [said, ...actors].some(
        ({ subject, sessionId, epoch }) =>
          this.ended.has(sessionId) || epoch < (this.accounts.get(subject)?.epoch ?? 0n),
      )
    );
  }

  /** Drops what need not be known after a moment. */
  forget(now: number): void {
    for (const names of [this.ended, this.keys]) {
      for (const [name, until] of names) if (until < now) names.delete(name);
    }
    for (const [name, { until }] of this.accounts) if (until < now) this.accounts.delete(name);
  }
}
