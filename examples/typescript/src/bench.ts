// Compares a check of a token with the check of its signature alone, and prints both as JSON, in
// microseconds. Nothing is remembered of a token, so that each check of it is like the first.

import { following, readVectors } from "./verifier/vectors.js";
import { readKeys } from "./verifier/keys.js";
import { fromJson } from "@bufbuild/protobuf";
import { JsonWebKeySchema } from "./gen/authn/v1/token_pb.js";
import { parseToken } from "./verifier/token.js";

const CHECKS = 2000;

const [good] = readVectors().get("accepted.json") ?? [];
if (good === undefined) throw new Error("there are no vectors");
const { judge, now } = following(good.context);
const parsed = parseToken(good.token);
const key = readKeys(good.context.keys.map((jwk) => fromJson(JsonWebKeySchema, jwk))).get(
  parsed?.keyId ?? "",
);
if (parsed === undefined || key === undefined) throw new Error("the token is not good");

const verify = () =>
  judge.decide(judge.parse(good.token, now), { requiredScopes: ["orders.read"] }, now);
const checkSignature = () => key.check(parsed.signingInput, parsed.signature);

microseconds(verify);
microseconds(checkSignature);
for (let round = 0; round < 5; round++) {
  console.log(
    JSON.stringify({ verify: microseconds(verify), signature: microseconds(checkSignature) }),
  );
}

function microseconds(check: () => unknown): number {
  const begun = performance.now();
  for (let i = 0; i < CHECKS; i++) check();
  return ((performance.now() - begun) * 1000) / CHECKS;
}
