package com.example.authsvc.verifier;

import authn.v1.Token.TokenClaims;
import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** Reads the payload of an access token (RFC 9068, 2.2), typed strictly. */
final class ClaimsReader {
  private static final int MAX_ACTORS = 4; // how often a token may be passed on
  private static final int SHA256_BYTES = 32;
  private static final long INTEGER_END =
      1L << 53; // above, JSON numbers are not the same everywhere (RFC 7493, 2.2)
  private static final Pattern INTEGER = Pattern.compile("-?[0-9]{1,17}");
  private static final Pattern SUBJECT = Pattern.compile("(?:acc|svc)_.+", Pattern.DOTALL);
  // RFC 6749, 3.3: visible ASCII but for quote and backslash, with single spaces between.
  private static final Pattern SCOPE =
      Pattern.compile("[\\x21\\x23-\\x5B\\x5D-\\x7E]++(?: [\\x21\\x23-\\x5B\\x5D-\\x7E]++)*+");

  private static final class Unfit extends RuntimeException {
    Unfit() {
      super(null, null, false, false);
    }
  }

  private final Map<String, Object> payload;

  private ClaimsReader(Map<String, Object> payload) {
    this.payload = payload;
  }

  /** Reads claims; gives nothing if they are not of the right form. */
  static Optional<Claims> read(Map<String, Object> payload) {
    try {
      return Optional.of(new ClaimsReader(payload).claims());
    } catch (Unfit e) {
      return Optional.empty();
    }
  }

  private Claims claims() {
    // It narrows a token in a way that is not checked here; to ignore it would be to widen the
    // token.
    require(!payload.containsKey("nbf"));
    List<Claims.Actor> actors = actors();
    List<String> lineage = lineage(actors.size());
    List<String> lineageKeys = lineageKeys(actors.size());
    var said =
        TokenClaims.newBuilder()
            .setSubject(subject(payload))
            .setSessionId(name(payload, "sid"))
            .setTokenId(name(payload, "jti"))
            .setClientId(name(payload, "client_id"))
            .setAudience(name(payload, "aud"))
            .addAllScopes(scopes())
            .addAllRoles(texts("roles"))
            .setIssueTime(time("iat"))
            .setExpireTime(time("exp"))
            .setAuthTime(time("auth_time"))
            .addAllAmr(texts("amr"))
            .setAcr(text("acr"))
            .setEpoch(integer(payload, "epoch"))
            .setActor(actors.isEmpty() ? "" : actors.get(0).subject())
            .addAllActors(actors.stream().map(Claims.Actor::subject).toList())
            .setCertificateSha256(certificate())
            .build();
    return new Claims(name(payload, "iss"), said, actors, lineage, lineageKeys);
  }

  /** Reads a required text that is not empty. */
  private static String name(Map<?, ?> members, String claim) {
    require(members.get(claim) instanceof String text && !text.isEmpty());
    return (String) members.get(claim);
  }

  private static String subject(Map<?, ?> members) {
    String subject = name(members, "sub");
    require(SUBJECT.matcher(subject).matches());
    return subject;
  }

  /** Reads an optional text. */
  private String text(String claim) {
    Object value = payload.getOrDefault(claim, "");
    require(value instanceof String);
    return (String) value;
  }

  private static long integer(Map<?, ?> members, String claim) {
    require(
        members.get(claim) instanceof StrictJson.Number number
            && INTEGER.matcher(number.written()).matches());
    long value = Long.parseLong(((StrictJson.Number) members.get(claim)).written());
    require(0 <= value && value < INTEGER_END);
    return value;
  }

  private Timestamp time(String claim) {
    return Timestamp.newBuilder().setSeconds(integer(payload, claim)).build();
  }

  private List<String> scopes() {
    String scope = text("scope");
    if (scope.isEmpty()) {
      return List.of();
    }
    require(SCOPE.matcher(scope).matches());
    return List.of(scope.split(" "));
  }

  private List<String> texts(String claim) {
    Object values = payload.getOrDefault(claim, List.of());
    require(values instanceof List<?> list && list.stream().allMatch(String.class::isInstance));
    return ((List<?>) values).stream().map(String.class::cast).toList();
  }

  /** Reads who acts for the subject, the one that acts now first. */
  private List<Claims.Actor> actors() {
    var actors = new ArrayList<Claims.Actor>();
    Map<?, ?> members = payload;
    while (members.containsKey("act")) {
      require(members.get("act") instanceof Map<?, ?> && actors.size() < MAX_ACTORS);
      members = (Map<?, ?>) members.get("act");
      require(members.size() == (members.containsKey("act") ? 4 : 3));
      actors.add(
          new Claims.Actor(subject(members), name(members, "sid"), integer(members, "epoch")));
    }
    return actors;
  }

  /** Reads the tokens that it was made from: one for each actor. */
  private List<String> lineage(int actors) {
    List<String> lineage = texts("lineage");
    require(lineage.size() == actors && payload.containsKey("lineage") == actors > 0);
    require(!lineage.contains(""));
    return lineage;
  }

  /** Reads the keys that these were signed by: no more than one for each actor. */
  private List<String> lineageKeys(int actors) {
    List<String> keys = texts("lineage_keys");
    require(keys.size() <= actors && (actors > 0 || !payload.containsKey("lineage_keys")));
    require(!keys.contains(""));
    return keys;
  }

  /** Reads {@code cnf}; of all that it could ask for, only a certificate is understood here. */
  private ByteString certificate() {
    if (!payload.containsKey("cnf")) {
      return ByteString.EMPTY;
    }
    require(payload.get("cnf") instanceof Map<?, ?> members && members.size() == 1);
    byte[] thumbprint =
        Base64Url.decode(name((Map<?, ?>) payload.get("cnf"), "x5t#S256")).orElseThrow(Unfit::new);
    require(thumbprint.length == SHA256_BYTES);
    return ByteString.copyFrom(thumbprint);
  }

  private static void require(boolean holds) {
    if (!holds) {
      throw new Unfit();
    }
  }
}
