// Reads the vectors of ../../tests/vectors, as the README there describes them.

import { type DescMessage, fromJson, type JsonValue, type MessageShape } from "@bufbuild/protobuf";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { JsonWebKeySchema } from "../gen/authn/v1/token_pb.js";
import { WatchRevocationsResponseSchema } from "../gen/authn/v1/token_service_pb.js";
import { FeedBroken } from "./feed.js";
import { Judge } from "./judge.js";
import type { Moment } from "./moment.js";

export interface Circumstances {
  issuer: string;
  audience: string;
  leeway: number;
  max_lifetime: number;
  max_staleness: number;
  required_scopes: string[];
  certificate: string;
  now: number;
  silence: number;
  keys: JsonValue[];
  calls: JsonValue[][];
}

export interface Case {
  name: string;
  context: Circumstances;
  token: string;
  decision: string;
  claims?: JsonValue;
  defect?: string;
  resume_after?: number;
}

interface File {
  about: string;
  context: Circumstances;
  cases: (Omit<Case, "context"> & { context?: Partial<Circumstances> })[];
}

const DIRECTORY = process.env["AUTHSVC_VECTORS"] || "../../tests/vectors";

/** Gives the cases of each file, by its name. */
export function readVectors(): Map<string, Case[]> {
  const names = readdirSync(DIRECTORY).filter((name) => name.endsWith(".json"));
  return new Map(names.map((name) => [name, readCases(path.join(DIRECTORY, name))]));
}

function readCases(file: string): Case[] {
  const { context, cases } = JSON.parse(readFileSync(file, "utf8")) as File;
  return cases.map((one) => {
    // What is not known changes what is decided.
    const unknown = Object.keys(one.context ?? {}).filter((name) => !(name in context));
    if (unknown.length > 0) throw new Error(`${one.name}: unknown ${unknown.join()}`);
    return { ...one, context: { ...context, ...one.context } };
  });
}

/** Gives a judge that has heard all that a context tells, and the moment to judge in. */
export function following(context: Circumstances): { judge: Judge; now: Moment } {
  const now = { steady: 3600, wall: context.now };
  const heard = { steady: now.steady - context.silence, wall: now.wall - context.silence };
  const judge = new Judge(
    {
      issuer: context.issuer,
      audience: context.audience,
      leeway: context.leeway,
      maxLifetime: context.max_lifetime,
      maxStaleness: context.max_staleness,
    },
    heard,
  );
  judge.takeKeys(context.keys.map((jwk) => read(JsonWebKeySchema, jwk)));
  for (const call of context.calls) hear(judge, call, heard);
  return { judge, now };
}

function hear(judge: Judge, call: JsonValue[], now: Moment): void {
  judge.feed.begin();
  try {
    for (const piece of call) judge.feed.take(read(WatchRevocationsResponseSchema, piece), now);
  } catch (error) {
    if (!(error instanceof FeedBroken)) throw error;
  }
}

function read<Desc extends DescMessage>(schema: Desc, json: JsonValue): MessageShape<Desc> {
  return fromJson(schema, json);
}
