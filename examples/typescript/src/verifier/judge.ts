import type { JsonWebKey, TokenClaims } from "../gen/authn/v1/token_pb.js";
import { type Claims, readClaims } from "./claims.js";
import { InsufficientScope, TokenInactive, Unavailable } from "./errors.js";
import { Feed } from "./feed.js";
import { type KeyRing, readKeys } from "./keys.js";
import { latest, type Moment } from "./moment.js";
import { parseToken, type SignedToken } from "./token.js";

/** Whose tokens are believed, and for how long without news. Times are in seconds. */
export interface Policy {
  /** The only `iss` that is accepted. */
  readonly issuer: string;
  /** The only `aud` that is accepted. */
  readonly audience: string;
  /** By how much clocks may differ. */
  readonly leeway: number;
  /** The most that may lie between `iat` and `exp`. */
  readonly maxLifetime: number;
  /** The longest time without news in which all counts as known. */
  readonly maxStaleness: number;
}

/** What a token must be good for. */
export interface Asked {
  /** Scopes that it must all have. */
  readonly requiredScopes?: readonly string[] | undefined;
  /**
   * The SHA-256 of the client certificate (DER) of the connection that it came by; a token may be bound to
   * one (RFC 8705, 3).
   */
  readonly certificate?: Uint8Array | undefined;
}

/** Judges tokens by what it was told of keys and revocations. Calls nobody. */
export class Judge {
  readonly feed: Feed;
  private ring: KeyRing = new Map();

  constructor(
    private readonly policy: Policy,
    private readonly begun: Moment,
  ) {
    this.feed = new Feed(begun, policy.leeway);
  }

  /** Replaces the keys; if none of the new ones is of use, those there are stay. */
  takeKeys(jwks: readonly JsonWebKey[]): void {
    const ring = readKeys(jwks);
    if (ring.size > 0) this.ring = ring;
  }

  get hasKeys(): boolean {
    return this.ring.size > 0;
  }

  knowsKeyOf(token: SignedToken): boolean {
    return this.ring.has(token.keyId);
  }

  /** Says whether enough is known to judge any token. */
  isFresh(now: Moment): boolean {
    return this.feed.isFresh(now, this.policy.maxStaleness);
  }

  /** Takes a token apart. Throws `Unavailable` if too little is known to judge it. */
  parse(token: string, now: Moment): SignedToken {
    if (!this.isFresh(now)) throw new Unavailable("nothing was heard of revocations for too long");
    const parsed = parseToken(token);
    if (parsed === undefined) throw new TokenInactive();
    return parsed;
  }

  /** Gives what an active token says. */
  decide(
    token: SignedToken,
    { requiredScopes = [], certificate }: Asked,
    now: Moment,
  ): TokenClaims {
    const key = this.ring.get(token.keyId);
    if (key?.algorithm !== token.algorithm || !key.check(token.signingInput, token.signature)) {
      throw new TokenInactive();
    }
    const claims = readClaims(token.payload);
    if (
      claims === undefined ||
      !this.accepts(claims, latest(now, this.begun)) ||
      !claims.lineageKeys.every((keyId) => this.ring.has(keyId)) ||
      !isBornBy(claims.said.certificateSha256, certificate) ||
      this.feed.ends(claims, token.keyId)
    ) {
      throw new TokenInactive();
    }
    if (!requiredScopes.every((scope) => claims.said.scopes.includes(scope))) {
      throw new InsufficientScope();
    }
    return claims.said;
  }

  /** Judges issuer, audience and times (RFC 9068, 4). */
  private accepts({ issuer, said }: Claims, now: number): boolean {
    const [issued, expires] = [said.issueTime, said.expireTime].map((t) => Number(t?.seconds));
    if (issued === undefined || expires === undefined) return false;
    const { leeway, maxLifetime } = this.policy;
    return (
      issuer === this.policy.issuer &&
      said.audience === this.policy.audience &&
      now < expires + leeway &&
      issued <= now + leeway &&
      0 < expires - issued &&
      expires - issued <= maxLifetime
    );
  }
}

function isBornBy(bound: Uint8Array, shown: Uint8Array | undefined): boolean {
  return bound.length === 0 || (shown !== undefined && Buffer.compare(bound, shown) === 0);
}
