import { decodeBase64 } from "./base64.js";
import { type JsonObject, readObject } from "./json.js";

/** The longest token that is looked at, in bytes. */
const MAX_TOKEN_BYTES = 8192;

/** A token that is well-formed, and as yet neither authentic nor valid. */
export interface SignedToken {
  readonly algorithm: string;
  readonly keyId: string;
  readonly payload: JsonObject;
  readonly signingInput: Buffer;
  readonly signature: Buffer;
}

/** Takes a token apart. Of all its spellings one is accepted; undefined for all others. */
export function parseToken(token: string): SignedToken | undefined {
  if (token.length > MAX_TOKEN_BYTES) return undefined;
  const [header, payload, signature, ...more] = token.split(".", 4);
  if (header === undefined || payload === undefined || more.length > 0) return undefined;
  const members = decodeObject(header);
  const claims = decodeObject(payload);
  const signed = signature === undefined ? undefined : decodeBase64(signature);
  if (members === undefined || claims === undefined || signed === undefined) return undefined;
  const algorithm = members.get("alg");
  const keyId = members.get("kid");
  const type = members.get("typ");
  if (typeof algorithm !== "string" || typeof keyId !== "string" || members.size !== 3) {
    return undefined;
  }
  if (type !== "at+jwt" && type !== "application/at+jwt") return undefined;
  const signingInput = Buffer.from(token.slice(0, header.length + 1 + payload.length));
  return { algorithm, keyId, payload: claims, signingInput, signature: signed };
}

function decodeObject(part: string): JsonObject | undefined {
  const bytes = decodeBase64(part);
  return bytes && readObject(bytes);
}
