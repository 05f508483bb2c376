package com.example.authsvc.verifier;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A token that is well-formed, and as yet neither authentic nor valid. */
record SignedToken(
    String algorithm,
    String keyId,
    Map<String, Object> payload,
    byte[] signingInput,
    byte[] signature) {
  private static final int MAX_TOKEN_BYTES = 8192;
  private static final Set<Object> TYPES = Set.of("at+jwt", "application/at+jwt");

  /** Takes a token apart. Of all its spellings one is accepted; gives nothing for all others. */
  static Optional<SignedToken> parse(String token) {
    if (token.length() > MAX_TOKEN_BYTES) {
      return Optional.empty();
    }
    String[] parts = token.split("\\.", 4);
    if (parts.length != 3) {
      return Optional.empty();
    }
    var header = Base64Url.decode(parts[0]).flatMap(StrictJson::readObject);
    var payload = Base64Url.decode(parts[1]).flatMap(StrictJson::readObject);
    var signature = Base64Url.decode(parts[2]);
    if (header.isEmpty() || payload.isEmpty() || signature.isEmpty() || header.get().size() != 3) {
      return Optional.empty();
    }
    var members = header.get();
    if (!TYPES.contains(members.getOrDefault("typ", ""))
        || !(members.get("alg") instanceof String algorithm)
        || !(members.get("kid") instanceof String keyId)) {
      return Optional.empty();
    }
    byte[] signingInput = (parts[0] + '.' + parts[1]).getBytes(StandardCharsets.US_ASCII);
    return Optional.of(
        new SignedToken(algorithm, keyId, payload.get(), signingInput, signature.get()));
  }
}
