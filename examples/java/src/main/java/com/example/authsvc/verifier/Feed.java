package com.example.authsvc.verifier;

import authn.v1.TokenServiceOuterClass.WatchRevocationsResponse;
import com.google.protobuf.Timestamp;

/**
 * What was revoked, as far as the server told, by the rules of {@code WatchRevocationsResponse}.
 * One thread feeds it, any may ask it.
 */
final class Feed {
  private static final double FORGET_EVERY = 60;

  // A piece that comes so many seconds later than the quickest one of its call was waiting in a
  // buffer, or a clock was
  // set: what it tells is old.
  private static final double LATE = 5;

  /** What came is not what the contract says, or not what is missing here: call again. */
  static final class Broken extends Exception {
    Broken(String cause) {
      super(cause);
    }
  }

  private final double leeway;
  private Revocations known = new Revocations();
  private long revision;
  private Moment
      heardAt; // when all was known last; null if that never was, or can't be said any more

  private Revocations snapshot; // one that has begun and is not complete; or null
  private long snapshotRevision;
  private Moment
      quickest; // the least that lay between server_time and receipt in this call, on each clock
  private Moment forgotAt;

  Feed(Moment now, double leeway) {
    this.forgotAt = now;
    this.leeway = leeway;
  }

  /** Drops half a snapshot, for a new call, and gives the revision to go on from. */
  synchronized long begin() {
    snapshot = null;
    quickest = null;
    return revision;
  }

  /**
   * Applies a piece.
   *
   * @throws Broken if the call is to be begun anew
   */
  synchronized void take(WatchRevocationsResponse piece, Moment now) throws Broken {
    Moment told = toldAt(piece, now);
    if (!piece.getRevocationsList().stream().allMatch(Revocations::isUnderstood)) {
      heardAt = null; // nothing may be said until it is understood
      throw new Broken("a revocation that is not understood");
    }
    if (piece.getReset()) {
      snapshot = new Revocations();
      snapshotRevision = 0;
    }
    long held = snapshot == null ? revision : snapshotRevision;
    if (piece.getAfterRevision() != held || piece.getRevision() < held) {
      throw new Broken("a gap");
    }
    apply(piece);
    if (piece.getIsCurrent()) {
      heardAt = told;
      forget(piece, now);
    }
  }

  /** Says whether all was known at most so many seconds ago. */
  synchronized boolean isFresh(Moment now, double maxStaleness) {
    return heardAt != null && now.since(heardAt) <= maxStaleness;
  }

  /** Says whether a token was revoked, the key that signed it, or anything that it comes from. */
  synchronized boolean ends(Claims claims, String keyId) {
    return known.ends(claims, keyId);
  }

  /** How much is remembered. */
  synchronized int size() {
    return known.size();
  }

  /**
   * Says when a piece was true. Not when it was received: who has slept reads what has waited for
   * it, and is not to take that for news.
   */
  private Moment toldAt(WatchRevocationsResponse piece, Moment now) throws Broken {
    double sent = seconds(piece.getServerTime());
    var taken = new Moment(now.steady() - sent, now.wall() - sent);
    var least = quickest == null ? taken : quickest;
    quickest =
        new Moment(Math.min(taken.steady(), least.steady()), Math.min(taken.wall(), least.wall()));
    var told = new Moment(sent + quickest.steady(), sent + quickest.wall());
    if (now.since(told) > LATE) {
      throw new Broken("what comes is old");
    }
    return told;
  }

  private void apply(WatchRevocationsResponse piece) {
    var entries = piece.getRevocationsList();
    if (snapshot == null) {
      known.add(entries);
      revision = piece.getRevision();
      return;
    }
    known.add(
        entries.stream().filter(Revocations::endsKey).toList()); // these don't wait for the rest
    snapshot.add(entries);
    snapshotRevision = piece.getRevision();
    if (piece.getIsCurrent()) {
      known = snapshot;
      snapshot = null;
      revision = piece.getRevision();
    }
  }

  /** Forgets by the slower of both clocks: whichever is wrong, no token comes back to life. */
  private void forget(WatchRevocationsResponse piece, Moment now) {
    if (now.since(forgotAt) >= FORGET_EVERY) {
      forgotAt = now;
      known.forget(Math.min(now.wall(), seconds(piece.getServerTime())) - leeway);
    }
  }

  private static double seconds(Timestamp time) {
    return time.getSeconds() + time.getNanos() / 1e9;
  }
}
