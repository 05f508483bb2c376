package com.example.authsvc.verifier;

import java.time.Duration;

/**
 * Whose tokens are believed, and for how long without news.
 *
 * @param issuer the only {@code iss} that is accepted
 * @param audience the only {@code aud} that is accepted
 * @param leeway by how much clocks may differ
 * @param maxLifetime the most that may lie between {@code iat} and {@code exp}
 * @param maxStaleness the longest time without news in which all counts as known
 */
public record Policy(
    String issuer, String audience, Duration leeway, Duration maxLifetime, Duration maxStaleness) {}
