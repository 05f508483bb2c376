import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Revocation, RevocationKind } from "../gen/authn/v1/revocation_pb.js";
import type { WatchRevocationsResponse } from "../gen/authn/v1/token_service_pb.js";
import type { Claims } from "./claims.js";
import { type Moment, since } from "./moment.js";
import { isUnderstood, Revocations } from "./revocations.js";

const FORGET_EVERY = 60;

// A piece that comes so many seconds later than the quickest one of its call was waiting in a buffer, or
// a clock was set: what it tells is old.
const LATE = 5;

/** What came is not what the contract says, or not what is missing here: call again. */
export class FeedBroken extends Error {}

/** What was revoked, as far as the server told, by the rules of `WatchRevocationsResponse`. */
export class Feed {
  private known = new Revocations();
  private revision = 0n;
  /** When all was known last; undefined if that never was, or can't be said any more. */
  private heardAt: Moment | undefined;
  /** A snapshot that has begun and is not complete, and its revision. */
  private snapshot: Revocations | undefined;
  private snapshotRevision = 0n;
  /** The least that lay between `server_time` and receipt in this call, on each clock. */
  private quickest: Moment | undefined;
  private forgotAt: Moment;

  constructor(
    now: Moment,
    private readonly leeway: number,
  ) {
    this.forgotAt = now;
  }

  /** Drops half a snapshot, for a new call, and gives the revision to go on from. */
  begin(): bigint {
    this.snapshot = undefined;
    this.quickest = undefined;
    return this.revision;
  }

  /** Applies a piece. Throws `FeedBroken` if the call is to be begun anew. */
  take(piece: WatchRevocationsResponse, now: Moment): void {
    const told = this.toldAt(piece, now);
    if (!piece.revocations.every(isUnderstood)) {
      this.heardAt = undefined; // nothing may be said until it is understood
      throw new FeedBroken("a revocation that is not understood");
    }
    if (piece.reset) {
      this.snapshot = new Revocations();
      this.snapshotRevision = 0n;
    }
    const held = this.snapshot === undefined ? this.revision : this.snapshotRevision;
    if (piece.afterRevision !== held || piece.revision < held) throw new FeedBroken("a gap");
    this.apply(piece);
    if (piece.isCurrent) {
      this.heardAt = told;
      this.forget(piece, now);
    }
  }

  /** Says whether all was known at most so many seconds ago. */
  isFresh(now: Moment, maxStaleness: number): boolean {
    return this.heardAt !== undefined && since(now, this.heardAt) <= maxStaleness;
  }

  /** Says whether a token, or the key that signed it, was revoked. */
  ends(token: Claims, keyId: string): boolean {
    return this.known.ends(token, keyId);
  }

  /** How much is remembered of tokens and sessions. */
  get size(): number {
    return this.known.ended.size;
  }

  /**
   * Says when a piece was true. Not when it was received: who has slept reads what has waited for it, and
   * is not to take that for news.
   */
  private toldAt(piece: WatchRevocationsResponse, now: Moment): Moment {
    const sent = seconds(piece.serverTime);
    const taken = { steady: now.steady - sent, wall: now.wall - sent };
    this.quickest = {
      steady: Math.min(taken.steady, this.quickest?.steady ?? Infinity),
      wall: Math.min(taken.wall, this.quickest?.wall ?? Infinity),
    };
    const told = { steady: sent + this.quickest.steady, wall: sent + this.quickest.wall };
    if (since(now, told) > LATE) throw new FeedBroken("what comes is old");
    return told;
  }

  private apply(piece: WatchRevocationsResponse): void {
    if (this.snapshot === undefined) {
      this.known.add(piece.revocations);
      this.revision = piece.revision;
      return;
    }
    this.known.add(piece.revocations.filter(endsKey)); // these don't wait for the rest
    this.snapshot.add(piece.revocations);
    this.snapshotRevision = piece.revision;
    if (piece.isCurrent) {
      this.known = this.snapshot;
      this.snapshot = undefined;
      this.revision = piece.revision;
    }
  }

  /** Forgets by the slower of both clocks: whichever is wrong, no token comes back to life. */
  private forget(piece: WatchRevocationsResponse, now: Moment): void {
    if (since(now, this.forgotAt) < FORGET_EVERY) return;
    this.forgotAt = now;
    this.known.forget(Math.min(now.wall, seconds(piece.serverTime)) - this.leeway);
  }
}

function endsKey(revocation: Revocation): boolean {
  return revocation.kind === RevocationKind.KEY;
}

function seconds(time: Timestamp | undefined): number {
  return time === undefined ? 0 : timestampMs(time) / 1000;
}
