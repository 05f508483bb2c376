// Where authsvc is, and whose tokens are believed, from the environment.

import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { readFileSync } from "node:fs";
import type { Policy } from "./verifier/judge.js";

const { env } = process;

/**
 * Gives a transport to AUTHSVC_ADDRESS, encrypted if AUTHSVC_CACERT names the certificate of who vouches
 * for it. A dead connection is noticed well within the staleness that is allowed.
 */
export function connect(): Transport {
  const address = env["AUTHSVC_ADDRESS"] || "127.0.0.1:50051";
  const cacert = env["AUTHSVC_CACERT"];
  return createGrpcTransport({
    baseUrl: `${cacert ? "https" : "http"}://${address}`, // without TLS it suits loopback only
    ...(cacert && { nodeOptions: { ca: readFileSync(cacert) } }),
    interceptors: [proving],
    pingIntervalMs: 10_000,
    pingTimeoutMs: 3_000,
  });
}

/** Adds the proof of which service calls, if AUTHSVC_API_KEY holds one. */
const proving: Interceptor = (next) => (request) => {
  const key = env["AUTHSVC_API_KEY"];
  if (key) request.header.set("x-authsvc-api-key", key);
  return next(request);
};

/**
 * What AUTHSVC_ISSUER, AUTHSVC_AUDIENCE and AUTHSVC_MAX_STALENESS (as in `10s`) say; without them as
 * `authsvc up` has it.
 */
export function policy(): Policy {
  return {
    issuer: env["AUTHSVC_ISSUER"] || "https://authsvc.localhost",
    audience: env["AUTHSVC_AUDIENCE"] || "authsvc",
    leeway: 5,
    maxLifetime: 3600,
    maxStaleness: Number.parseFloat(env["AUTHSVC_MAX_STALENESS"] || "10s"),
  };
}
