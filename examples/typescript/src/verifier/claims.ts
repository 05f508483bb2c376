import { create } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type TokenClaims, TokenClaimsSchema } from "../gen/authn/v1/token_pb.js";
import { JsonNumber, type JsonObject } from "./json.js";

/** What a token says, and who issued it. */
export interface Claims {
  readonly issuer: string;
  readonly said: TokenClaims;
}

// These narrow a token in ways that are not checked here; to ignore them would be to widen it.
const UNENFORCED = ["cnf", "nbf"];

const SUBJECT = /^(?:acc|svc)_./s;
const INTEGER = /^-?[0-9]+$/;
// RFC 6749, 3.3: visible ASCII but for quote and backslash, with single spaces between.
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*$/;

class Unfit extends Error {}

/** Reads the payload of an access token (RFC 9068, 2.2); undefined if it is not of the right form. */
export function readClaims(payload: JsonObject): Claims | undefined {
  try {
    return read(payload);
  } catch (error) {
    if (error instanceof Unfit) return undefined;
    throw error;
  }
}

function read(payload: JsonObject): Claims {
  require(!UNENFORCED.some((name) => payload.has(name)));
  const subject = name(payload, "sub");
  require(SUBJECT.test(subject));
  const said = create(TokenClaimsSchema, {
    subject,
    sessionId: name(payload, "sid"),
    tokenId: name(payload, "jti"),
    clientId: name(payload, "client_id"),
    audience: name(payload, "aud"),
    scopes: scopes(payload),
    roles: texts(payload, "roles"),
    issueTime: time(payload, "iat"),
    expireTime: time(payload, "exp"),
    authTime: time(payload, "auth_time"),
    amr: texts(payload, "amr"),
    acr: text(payload, "acr"),
    epoch: integer(payload, "epoch"),
    actor: actor(payload),
  });
  return { issuer: name(payload, "iss"), said };
}

/** A required text that is not empty. */
function name(payload: JsonObject, claim: string): string {
  const value = text(payload, claim);
  require(value !== "");
  return value;
}

/** An optional text. */
function text(payload: JsonObject, claim: string): string {
  const value = payload.has(claim) ? payload.get(claim) : "";
  require(typeof value === "string");
  return value;
}

function integer(payload: JsonObject, claim: string): bigint {
  const value = payload.get(claim);
  require(value instanceof JsonNumber && INTEGER.test(value.written));
  const number = Number(value.written);
  require(number >= 0 && number <= Number.MAX_SAFE_INTEGER);
  return BigInt(number);
}

function time(payload: JsonObject, claim: string): Timestamp {
  return create(TimestampSchema, { seconds: integer(payload, claim) });
}

function scopes(payload: JsonObject): string[] {
  const scope = text(payload, "scope");
  if (scope === "") return [];
  require(SCOPE.test(scope));
  return scope.split(" ");
}

function texts(payload: JsonObject, claim: string): string[] {
  const values = payload.has(claim) ? payload.get(claim) : [];
  require(Array.isArray(values));
  return values.map((value) => {
    require(typeof value === "string");
    return value;
  });
}

/** Who acts for the subject (RFC 8693, 4.1). */
function actor(payload: JsonObject): string {
  if (!payload.has("act")) return "";
  const act = payload.get("act");
  require(act instanceof Map);
  return name(act, "sub");
}

function require(holds: boolean): asserts holds {
  if (!holds) throw new Unfit();
}
