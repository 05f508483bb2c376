import { create } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type TokenClaims, TokenClaimsSchema } from "../gen/authn/v1/token_pb.js";
import { decodeBase64 } from "./base64.js";
import { JsonNumber, type JsonObject } from "./json.js";

/** What a token says, who issued it, and what it dies with beside itself. */
export interface Claims {
  readonly issuer: string;
  readonly said: TokenClaims;
  readonly actors: readonly Actor[];
  /** The `jti` of the tokens that it was made from. */
  readonly lineage: readonly string[];
  /** The `kid` of the keys that these were signed by. */
  readonly lineageKeys: readonly string[];
}

/** A service that had a token made from another (RFC 8693, 4.1). */
export interface Actor {
  readonly subject: string;
  /** The `sid` of the credential that it proved itself by. */
  readonly sessionId: string;
  readonly epoch: bigint;
}

/** How often a token may be passed on. */
const MAX_ACTORS = 4;
const SHA256_BYTES = 32;

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
  // It narrows a token in a way that is not checked here; to ignore it would be to widen the token.
  require(!payload.has("nbf"));
  const { actors, lineage, lineageKeys } = delegation(payload);
  const said = create(TokenClaimsSchema, {
    subject: subject(payload),
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
    actor: actors[0]?.subject ?? "",
    actors: actors.map((actor) => actor.subject),
    certificateSha256: certificate(payload),
  });
  return { issuer: name(payload, "iss"), said, actors, lineage, lineageKeys };
}

/** A required text that is not empty. */
function name(payload: JsonObject, claim: string): string {
  const value = text(payload, claim);
  require(value !== "");
  return value;
}

function subject(members: JsonObject): string {
  const value = name(members, "sub");
  require(SUBJECT.test(value));
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

/** Where an exchanged token comes from. Each exchange has added an actor and a token, and one key at most. */
function delegation(payload: JsonObject): Pick<Claims, "actors" | "lineage" | "lineageKeys"> {
  const actors = [...actorsOf(payload)];
  const lineage = texts(payload, "lineage");
  require(payload.has("lineage") === payload.has("act"));
  require(actors.length === lineage.length && !lineage.includes(""));
  const lineageKeys = texts(payload, "lineage_keys");
  require(payload.has("act") || !payload.has("lineage_keys"));
  require(lineageKeys.length <= actors.length && !lineageKeys.includes(""));
  return { actors, lineage, lineageKeys };
}

/** Who acts for the subject, the one that acts now first. */
function* actorsOf(payload: JsonObject): Generator<Actor> {
  let members = payload;
  for (let count = 1; members.has("act"); count++) {
    const act = members.get("act");
    require(act instanceof Map && count <= MAX_ACTORS);
    require(act.size === (act.has("act") ? 4 : 3));
    yield { subject: subject(act), sessionId: name(act, "sid"), epoch: integer(act, "epoch") };
    members = act;
  }
}

/** The certificate in `cnf`; of all that it could ask for, no more is understood here. */
function certificate(payload: JsonObject): Uint8Array<ArrayBuffer> {
  if (!payload.has("cnf")) return new Uint8Array();
  const confirmation = payload.get("cnf");
  require(confirmation instanceof Map && confirmation.size === 1);
  const thumbprint = decodeBase64(name(confirmation, "x5t#S256"));
  require(thumbprint?.length === SHA256_BYTES);
  return new Uint8Array(thumbprint);
}

function require(holds: boolean): asserts holds {
  if (!holds) throw new Unfit();
}
