import {
  createHash,
  createPublicKey,
  type JsonWebKeyInput,
  type KeyObject,
  verify,
} from "node:crypto";
import type { JsonWebKey } from "../gen/authn/v1/token_pb.js";
import { decodeBase64 } from "./base64.js";

const RSA_MIN_BITS = 2048; // RFC 7518, 3.3

// Of the signatures (r, s) and (r, n - s), both good, the one with the lower s is accepted.
const HALF_P256_ORDER = Buffer.from(
  "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8",
  "hex",
);

/** Checks the signatures of one algorithm. */
export interface VerificationKey {
  readonly algorithm: string;
  check(signingInput: Buffer, signature: Buffer): boolean;
}

/** Keys by their `kid`. It never changes; a new one replaces it. */
export type KeyRing = ReadonlyMap<string, VerificationKey>;

/**
 * Reads keys as the server gives them. One that is unsound, or of a kind that is not known yet, is left
 * out: only its own tokens are lost.
 */
export function readKeys(jwks: readonly JsonWebKey[]): KeyRing {
  const ring = new Map<string, VerificationKey>();
  for (const jwk of jwks) {
    try {
      ring.set(jwk.kid, readKey(jwk));
    } catch (error) {
      console.warn(`the key ${jwk.kid} of the server was left out: ${String(error)}`);
    }
  }
  return ring;
}

function readKey(jwk: JsonWebKey): VerificationKey {
  if (jwk.use !== "" && jwk.use !== "sig") throw new Error("it is not for signatures");
  const [members, check] = readKind(jwk);
  // RFC 7638: a key that is named by its thumbprint can't be given the name of another.
  if (jwk.kid !== createHash("sha256").update(JSON.stringify(members)).digest("base64url")) {
    throw new Error("its name is not its thumbprint");
  }
  const key = createPublicKey({ key: members, format: "jwk" } as JsonWebKeyInput);
  return { algorithm: jwk.alg, check: check(key) };
}

type Check = VerificationKey["check"];

/** Gives the members that make a key up, in the order of their names, and how it checks. */
function readKind(jwk: JsonWebKey): [Record<string, string>, (key: KeyObject) => Check] {
  switch ([jwk.kty, jwk.crv, jwk.alg].join()) {
    case "OKP,Ed25519,EdDSA":
      require(octets(jwk.x).length === 32);
      return [{ crv: jwk.crv, kty: jwk.kty, x: jwk.x }, ed25519];
    case "EC,P-256,ES256":
      require(octets(jwk.x).length === 32 && octets(jwk.y).length === 32);
      return [{ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }, es256];
    case "RSA,,RS256":
      require(octets(jwk.n)[0] !== 0 && octets(jwk.e)[0] !== 0);
      return [{ e: jwk.e, kty: jwk.kty, n: jwk.n }, rs256];
    default:
      throw new Error("kty, crv and alg do not belong together");
  }
}

function ed25519(key: KeyObject): Check {
  return (signingInput, signature) => verify(null, signingInput, key, signature);
}

function es256(key: KeyObject): Check {
  const options = { key, dsaEncoding: "ieee-p1363" } as const;
  return (signingInput, signature) =>
    signature.length === 64 &&
    Buffer.compare(signature.subarray(32), HALF_P256_ORDER) <= 0 &&
    verify("sha256", signingInput, options, signature);
}

function rs256(key: KeyObject): Check {
  require((key.asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_MIN_BITS);
  return (signingInput, signature) => verify("sha256", signingInput, key, signature);
}

function octets(text: string): Buffer {
  const bytes = decodeBase64(text);
  if (bytes === undefined) throw new Error("a number is not spelt canonically");
  return bytes;
}

function require(holds: boolean): asserts holds {
  if (!holds) throw new Error("it is too short, or its numbers are not those of such a key");
}
