package com.example.authsvc.verifier;

import authn.v1.Token.JsonWebKey;
import authn.v1.Token.TokenClaims;
import com.example.authsvc.verifier.Refusal.Reason;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.logging.Logger;

/**
 * Judges tokens by what it was told of keys and revocations. Calls nobody; threads may share it.
 */
final class Judge {
  private static final Logger LOG = Logger.getLogger(Judge.class.getName());

  private final Policy policy;
  private final Moment begun;
  private final Feed feed;
  private volatile Map<String, VerificationKey> ring =
      Map.of(); // by kid; never changes, a new one replaces it

  Judge(Policy policy, Moment begun) {
    this.policy = policy;
    this.begun = begun;
    this.feed = new Feed(begun, policy.leeway().toMillis() / 1e3);
  }

  Feed feed() {
    return feed;
  }

  /**
   * Replaces the keys. One that is unsound, or of a kind that is not known yet, is left out: only
   * its own tokens are lost. If none is of use, those there are stay.
   */
  void takeKeys(List<JsonWebKey> jwks) {
    var next = new HashMap<String, VerificationKey>();
    for (JsonWebKey jwk : jwks) {
      try {
        next.put(jwk.getKid(), VerificationKey.read(jwk));
      } catch (GeneralSecurityException e) {
        LOG.warning(() -> "a key of the server was left out: " + e.getMessage());
      }
    }
    if (!next.isEmpty()) {
      ring = Map.copyOf(next);
    }
  }

  boolean hasKeys() {
    return !ring.isEmpty();
  }

  VerificationKey keyOf(SignedToken token) {
    return ring.get(token.keyId());
  }

  /** Says whether enough is known to judge any token. */
  boolean isFresh(Moment now) {
    return feed.isFresh(now, policy.maxStaleness().toMillis() / 1e3);
  }

  /**
   * Takes a token apart.
   *
   * @throws Refusal UNAVAILABLE if too little is known to judge it; INACTIVE
   */
  SignedToken parse(String token, Moment now) throws Refusal {
    if (!isFresh(now)) {
      throw new Refusal(Reason.UNAVAILABLE);
    }
    return SignedToken.parse(token).orElseThrow(() -> new Refusal(Reason.INACTIVE));
  }

  /**
   * Gives what an active token says.
   *
   * @throws Refusal INACTIVE, INSUFFICIENT_SCOPE
   */
  TokenClaims decide(SignedToken token, byte[] certificate, Collection<String> scopes, Moment now)
      throws Refusal {
    VerificationKey key = keyOf(token);
    if (key == null
        || !key.algorithm().equals(token.algorithm())
        || !key.checks(token.signingInput(), token.signature())) {
      throw new Refusal(Reason.INACTIVE);
    }
    Claims claims =
        ClaimsReader.read(token.payload()).orElseThrow(() -> new Refusal(Reason.INACTIVE));
    if (!accepts(claims, now.latest(begun))
        || !ring.keySet().containsAll(claims.lineageKeys())
        || !isBornBy(claims.said().getCertificateSha256().toByteArray(), certificate)
        || feed.ends(claims, token.keyId())) {
      throw new Refusal(Reason.INACTIVE);
    }
    if (!claims.said().getScopesList().containsAll(scopes)) {
      throw new Refusal(Reason.INSUFFICIENT_SCOPE);
    }
    return claims.said();
  }

  /** Judges issuer, audience and times (RFC 9068, 4). */
  private boolean accepts(Claims claims, double now) {
    long issued = claims.said().getIssueTime().getSeconds();
    long expires = claims.said().getExpireTime().getSeconds();
    double leeway = policy.leeway().toMillis() / 1e3;
    return claims.issuer().equals(policy.issuer())
        && claims.said().getAudience().equals(policy.audience())
        && now < expires + leeway
        && issued <= now + leeway
        && 0 < expires - issued
        && expires - issued <= policy.maxLifetime().toSeconds();
  }

  private static boolean isBornBy(byte[] bound, byte[] shown) {
    return bound.length == 0 || MessageDigest.isEqual(bound, shown);
  }
}
