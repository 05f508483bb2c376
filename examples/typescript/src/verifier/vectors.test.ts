import { fromJson, toJson } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import test from "node:test";
import { type TokenClaims, TokenClaimsSchema } from "../gen/authn/v1/token_pb.js";
import { decodeBase64 } from "./base64.js";
import { InsufficientScope, TokenInactive, Unavailable } from "./errors.js";
import type { Judge } from "./judge.js";
import type { Moment } from "./moment.js";
import { type Case, following, readVectors } from "./vectors.js";

const vectors = readVectors();

test("there are vectors", () => assert.notEqual(vectors.size, 0));

for (const [file, cases] of vectors) {
  test(file, () => {
    for (const one of cases) {
      const { judge, now } = following(one.context);
      const { decision, claims } = decide(judge, one, now);
      assert.equal(decision, one.decision, one.name);
      if (one.claims !== undefined && claims !== undefined) {
        const wanted = fromJson(TokenClaimsSchema, one.claims);
        assert.deepEqual(
          toJson(TokenClaimsSchema, claims),
          toJson(TokenClaimsSchema, wanted),
          one.name,
        );
      }
      if (one.resume_after !== undefined) {
        assert.equal(judge.feed.begin(), BigInt(one.resume_after), one.name);
      }
    }
  });
}

function decide(
  judge: Judge,
  { token, context }: Case,
  now: Moment,
): { decision: string; claims?: TokenClaims } {
  try {
    const asked = {
      requiredScopes: context.required_scopes,
      certificate: decodeBase64(context.certificate),
    };
    const claims = judge.decide(judge.parse(token, now), asked, now);
    return { decision: "active", claims };
  } catch (error) {
    if (error instanceof TokenInactive) return { decision: "inactive" };
    if (error instanceof InsufficientScope) return { decision: "insufficient_scope" };
    if (error instanceof Unavailable) return { decision: "stale" };
    throw error;
  }
}
