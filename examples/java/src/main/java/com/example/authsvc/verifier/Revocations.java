package com.example.authsvc.verifier;

import authn.v1.RevocationOuterClass.Revocation;
import authn.v1.RevocationOuterClass.RevocationKind;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What was revoked, for as long as that matters. It only grows until {@link #forget}. Times are
 * seconds since 1970.
 */
final class Revocations {
  /** The epoch below which the tokens of an account are dead. */
  private record LeastEpoch(long epoch, long until) {
    LeastEpoch max(LeastEpoch other) {
      return new LeastEpoch(Math.max(epoch, other.epoch), Math.max(until, other.until));
    }
  }

  private final Map<String, Long> ended =
      new HashMap<>(); // tokens and sessions, until when each is to be known
  private final Map<String, LeastEpoch> accounts = new HashMap<>();
  private final Map<String, Long> keys = new HashMap<>();

  /** Says whether all that a revocation ends would be refused. */
  static boolean isUnderstood(Revocation revocation) {
    return switch (revocation.getKind()) {
      case REVOCATION_KIND_TOKEN,
          REVOCATION_KIND_SESSION,
          REVOCATION_KIND_ACCOUNT,
          REVOCATION_KIND_KEY ->
          !revocation.getSubject().isEmpty() && revocation.hasForgetTime();
      default -> false;
    };
  }

  /** Takes revocations in, in any order: an end or an epoch never goes back. */
  void add(List<Revocation> entries) {
    for (Revocation entry : entries) {
      long until = entry.getForgetTime().getSeconds() + 1;
      if (entry.getKind() == RevocationKind.REVOCATION_KIND_ACCOUNT) {
        accounts.merge(
            entry.getSubject(), new LeastEpoch(entry.getEpoch(), until), LeastEpoch::max);
      } else {
        (endsKey(entry) ? keys : ended).merge(entry.getSubject(), until, Math::max);
      }
    }
  }

  static boolean endsKey(Revocation entry) {
    return entry.getKind() == RevocationKind.REVOCATION_KIND_KEY;
  }

  /** Says whether a token was revoked, the key that signed it, or anything that it comes from. */
  boolean ends(Claims claims, String keyId) {
    var said = claims.said();
    return keys.containsKey(keyId)
        || claims.lineageKeys().stream().anyMatch(keys::containsKey)
        || ended.containsKey(said.getTokenId())
        || endsSubject(said.getSubject(), said.getSessionId(), said.getEpoch())
        || claims.lineage().stream().anyMatch(ended::containsKey)
        || claims.actors().stream()
            .anyMatch(a -> endsSubject(a.subject(), a.sessionId(), a.epoch()));
  }

  private boolean endsSubject(String subject, String sessionId, long epoch) {
    var least = accounts.get(subject);
    return ended.containsKey(sessionId) || (least != null && epoch < least.epoch());
  }

  /** Drops what need not be known after a moment. */
  void forget(double now) {
    ended.values().removeIf(until -> until < now);
    keys.values().removeIf(until -> until < now);
    accounts.values().removeIf(least -> least.until() < now);
  }

  /** How much is remembered. */
  int size() {
    return ended.size() + accounts.size() + keys.size();
  }
}
