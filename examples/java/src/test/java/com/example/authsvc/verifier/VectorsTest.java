package com.example.authsvc.verifier;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import authn.v1.Token.TokenClaims;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class VectorsTest {
  private record Decision(String word, Optional<TokenClaims> claims) {}

  static List<Path> files() throws IOException {
    return Vectors.files();
  }

  @Test
  void thereAreVectors() throws IOException {
    assertFalse(files().isEmpty());
  }

  @ParameterizedTest
  @MethodSource("files")
  void decidesAsTheVectorsSay(Path file) throws IOException {
    for (var one : Vectors.cases(file)) {
      var judge = one.judge();
      assertEquals(new Decision(one.decision(), one.claims()), decide(judge, one), one.name());
      if (one.resumeAfter().isPresent()) {
        assertEquals(one.resumeAfter().get(), judge.feed().begin(), one.name());
      }
    }
  }

  private static Decision decide(Judge judge, Vectors.Case one) {
    try {
      var token = judge.parse(one.token(), one.now());
      var claims = judge.decide(token, one.certificate(), one.scopes(), one.now());
      return new Decision("active", Optional.of(claims));
    } catch (Refusal refusal) {
      boolean isStale = refusal.reason() == Refusal.Reason.UNAVAILABLE;
      return new Decision(
          isStale ? "stale" : refusal.reason().name().toLowerCase(Locale.ROOT), Optional.empty());
    }
  }
}
