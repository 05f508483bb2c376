package com.example.authsvc.verifier;

import java.util.Base64;
import java.util.Optional;

/** Base64url without padding (RFC 7515, 2), in the one spelling that bytes have. */
final class Base64Url {
  private Base64Url() {}

  /** Decodes a text that is not empty; gives nothing for another spelling. */
  static Optional<byte[]> decode(String text) {
    try {
      byte[] bytes = Base64.getUrlDecoder().decode(text);
      boolean isTheOne = !text.isEmpty() && encode(bytes).equals(text);
      return isTheOne ? Optional.of(bytes) : Optional.empty();
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  static String encode(byte[] bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }
}
