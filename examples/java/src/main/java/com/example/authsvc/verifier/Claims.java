package com.example.authsvc.verifier;

import authn.v1.Token.TokenClaims;
import java.util.List;

/**
 * What a token says, who issued it, and what it dies with beside itself.
 *
 * @param lineage the {@code jti} of the tokens that it was made from
 * @param lineageKeys the {@code kid} of the keys that these were signed by
 */
record Claims(
    String issuer,
    TokenClaims said,
    List<Actor> actors,
    List<String> lineage,
    List<String> lineageKeys) {
  /**
   * A service that had a token made from another (RFC 8693, 4.1).
   *
   * @param sessionId the {@code sid} of the credential that it proved itself by
   */
  record Actor(String subject, String sessionId, long epoch) {}
}
