package com.example.authsvc.verifier;

import authn.v1.Token.JsonWebKey;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.KeySpec;
import java.security.spec.RSAPublicKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.stream.Stream;

/** A public key, and the one algorithm that it checks signatures of (RFC 7517; RFC 8725, 3.1). */
final class VerificationKey {
  // What comes before the numbers of a key in X.509 (RFC 8410, RFC 5480).
  private static final byte[] ED25519 = HexFormat.of().parseHex("302a300506032b6570032100");
  private static final byte[] P256 =
      HexFormat.of().parseHex("3059301306072a8648ce3d020106082a8648ce3d03010703420004");

  private static final int COORDINATE_BYTES = 32;
  private static final int RSA_MIN_BITS = 2048; // RFC 7518, 3.3

  // Of the signatures (r, s) and (r, n - s), both good, the one with the lower s is accepted.
  private static final byte[] HALF_P256_ORDER =
      HexFormat.of().parseHex("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8");

  private final String algorithm;
  private final String signatureName;
  private final PublicKey key;

  private VerificationKey(String algorithm, String signatureName, PublicKey key) {
    this.algorithm = algorithm;
    this.signatureName = signatureName;
    this.key = key;
  }

  /**
   * Reads a key as the server gives it.
   *
   * @throws GeneralSecurityException if it is unsound, or of a kind that is not known
   */
  static VerificationKey read(JsonWebKey jwk) throws GeneralSecurityException {
    require(jwk.getUse().isEmpty() || jwk.getUse().equals("sig"), "it is not for signatures");
    String kind = String.join(",", jwk.getKty(), jwk.getCrv(), jwk.getAlg());
    return switch (kind) {
      case "OKP,Ed25519,EdDSA" -> ed25519(jwk);
      case "EC,P-256,ES256" -> es256(jwk);
      case "RSA,,RS256" -> rs256(jwk);
      default -> throw new GeneralSecurityException("kty, crv and alg do not belong together");
    };
  }

  String algorithm() {
    return algorithm;
  }

  /** Says whether a signature is the one of the signing input. */
  boolean checks(byte[] signingInput, byte[] signature) {
    if (!isOfOneForm(signature)) {
      return false;
    }
    try {
      var check = Signature.getInstance(signatureName);
      check.initVerify(key);
      check.update(signingInput);
      return check.verify(signature);
    } catch (GeneralSecurityException e) {
      return false;
    }
  }

  /** Refuses the other forms of a signature that the JDK lets pass: a longer one, a high s. */
  private boolean isOfOneForm(byte[] signature) {
    return switch (algorithm) {
      case "EdDSA" -> signature.length == 2 * COORDINATE_BYTES;
      case "ES256" -> signature.length == 2 * COORDINATE_BYTES && hasLowS(signature);
      default -> true; // of RSA it checks the length itself
    };
  }

  private static boolean hasLowS(byte[] signature) {
    byte[] s = Arrays.copyOfRange(signature, COORDINATE_BYTES, signature.length);
    return Arrays.compareUnsigned(s, HALF_P256_ORDER) <= 0;
  }

  private static VerificationKey ed25519(JsonWebKey jwk) throws GeneralSecurityException {
    byte[] x = octets(jwk.getX());
    require(x.length == COORDINATE_BYTES, "x is not 32 bytes");
    requireName(jwk, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" + jwk.getX() + "\"}");
    return of("EdDSA", "Ed25519", "Ed25519", new X509EncodedKeySpec(joined(ED25519, x)));
  }

  private static VerificationKey es256(JsonWebKey jwk) throws GeneralSecurityException {
    byte[] x = octets(jwk.getX());
    byte[] y = octets(jwk.getY());
    require(
        x.length == COORDINATE_BYTES && y.length == COORDINATE_BYTES,
        "x and y are not 32 bytes each");
    String members = "\"x\":\"" + jwk.getX() + "\",\"y\":\"" + jwk.getY() + "\"";
    requireName(jwk, "{\"crv\":\"P-256\",\"kty\":\"EC\"," + members + "}");
    var spec = new X509EncodedKeySpec(joined(P256, x, y));
    return of("ES256", "EC", "SHA256withECDSAinP1363Format", spec);
  }

  private static VerificationKey rs256(JsonWebKey jwk) throws GeneralSecurityException {
    byte[] n = octets(jwk.getN());
    byte[] e = octets(jwk.getE());
    require(n[0] != 0 && e[0] != 0, "n and e have leading zeros");
    requireName(jwk, "{\"e\":\"" + jwk.getE() + "\",\"kty\":\"RSA\",\"n\":\"" + jwk.getN() + "\"}");
    var modulus = new BigInteger(1, n);
    require(modulus.bitLength() >= RSA_MIN_BITS, "it is too short");
    return of("RS256", "RSA", "SHA256withRSA", new RSAPublicKeySpec(modulus, new BigInteger(1, e)));
  }

  private static VerificationKey of(
      String algorithm, String kind, String signatureName, KeySpec spec)
      throws GeneralSecurityException {
    PublicKey key = KeyFactory.getInstance(kind).generatePublic(spec);
    return new VerificationKey(algorithm, signatureName, key);
  }

  /** RFC 7638: a key that is named by its thumbprint can't be given the name of another. */
  private static void requireName(JsonWebKey jwk, String members) throws GeneralSecurityException {
    var sha256 = MessageDigest.getInstance("SHA-256");
    String thumbprint = Base64Url.encode(sha256.digest(members.getBytes(StandardCharsets.UTF_8)));
    require(jwk.getKid().equals(thumbprint), "its name is not its thumbprint");
  }

  private static byte[] octets(String text) throws GeneralSecurityException {
    return Base64Url.decode(text)
        .orElseThrow(() -> new GeneralSecurityException("a number is not spelt canonically"));
  }

  private static byte[] joined(byte[]... parts) {
    var joined = ByteBuffer.allocate(Stream.of(parts).mapToInt(part -> part.length).sum());
    Stream.of(parts).forEach(joined::put);
    return joined.array();
  }

  private static void require(boolean holds, String otherwise) throws GeneralSecurityException {
    if (!holds) {
      throw new GeneralSecurityException(otherwise);
    }
  }
}
