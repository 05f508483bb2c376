package com.example.authsvc.verifier;

import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * Compares a check of a token with the check of its signature alone, and prints both as JSON, in
 * microseconds. Nothing is remembered of a token, so that each check of it is like the first.
 */
public final class Bench {
  private static final int CHECKS = 1_000;
  private static final int WARM_UP = 5;
  private static final int ROUNDS = 5;

  private Bench() {}

  /** Measures. */
  public static void main(String[] arguments) throws Exception {
    var good = Vectors.cases(Path.of("../../tests/vectors/accepted.json")).get(0);
    var judge = good.judge();
    var parsed = SignedToken.parse(good.token()).orElseThrow();
    var key = judge.keyOf(parsed);
    for (int round = -WARM_UP; round < ROUNDS; round++) {
      double verify = microseconds(() -> isActive(judge, good));
      double signature = microseconds(() -> key.checks(parsed.signingInput(), parsed.signature()));
      if (round >= 0) {
        System.out.println("{\"verify\": " + verify + ", \"signature\": " + signature + "}");
      }
    }
  }

  private static boolean isActive(Judge judge, Vectors.Case good) {
    try {
      return judge.decide(
              judge.parse(good.token(), good.now()), null, List.of("orders.read"), good.now())
          != null;
    } catch (Refusal refusal) {
      return false;
    }
  }

  private static double microseconds(BooleanSupplier check) {
    long begun = System.nanoTime();
    for (int i = 0; i < CHECKS; i++) {
      if (!check.getAsBoolean()) {
        throw new IllegalStateException("the token is good");
      }
    }
    return (System.nanoTime() - begun) / 1e3 / CHECKS;
  }
}
