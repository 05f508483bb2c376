import {
  Code,
  ConnectError,
  type ContextValues,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type Interceptor,
} from "@connectrpc/connect";
import { createHash } from "node:crypto";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { RetryInfoSchema } from "../gen/google/rpc/error_details_pb.js";
import type { TokenClaims } from "../gen/authn/v1/token_pb.js";
import { InsufficientScope, TokenInactive } from "./errors.js";
import type { Verifier } from "./verifier.js";

const claimsKey = createContextKey<TokenClaims | undefined>(undefined);

const certificateKey = createContextKey<Uint8Array | undefined>(undefined);

/** To be given to a server as `contextValues`, so that tokens may be bound to client certificates. */
export function connectionValues({ socket }: { socket: Socket }): ContextValues {
  return createContextValues().set(certificateKey, certificateOf(socket));
}

/** The SHA-256 of the certificate that the other end has shown, if it has. */
function certificateOf(socket: Socket): Uint8Array | undefined {
  const shown = socket instanceof TLSSocket ? socket.getPeerCertificate().raw : undefined;
  return shown && createHash("sha256").update(shown).digest();
}

/** What the token of a call says; undefined if its method is public. */
export function claimsOf(context: HandlerContext): TokenClaims | undefined {
  return context.values.get(claimsKey);
}

/** What the methods of a server ask of a token. One that is not named asks for an active one. */
export interface Rules {
  /** Scopes by full name, as in `orders.v1.OrderService/ListOrders`. */
  readonly requiredScopes?: Readonly<Record<string, readonly string[]>>;
  /** The full names of methods that need no token. */
  readonly publicMethods?: readonly string[];
}

/** Lets calls into a server by the access token in `authorization: Bearer …`. */
export function guard(verifier: Verifier, rules: Rules = {}): Interceptor {
  return (next) => async (request) => {
    const method = `${request.service.typeName}/${request.method.name}`;
    if (!rules.publicMethods?.includes(method)) {
      const token = bearerToken(request.header.get("authorization"));
      try {
        const claims = await verifier.verify(token, {
          requiredScopes: rules.requiredScopes?.[method],
          certificate: request.contextValues.get(certificateKey),
        });
        request.contextValues.set(claimsKey, claims);
      } catch (error) {
        throw refusal(error);
      }
    }
    return next(request);
  };
}

/** Does the same for a handler of HTTP requests. */
export function guarded(
  verifier: Verifier,
  requiredScopes: readonly string[],
  handle: (claims: TokenClaims, request: IncomingMessage, response: ServerResponse) => void,
): RequestListener {
  return (request, response) => {
    const asked = { requiredScopes, certificate: certificateOf(request.socket) };
    verifier.verify(bearerToken(request.headers.authorization ?? null), asked).then(
      (claims) => handle(claims, request, response),
      (error: unknown) => refuse(response, error),
    );
  };
}

/** Tells of an error; whatever is wrong with a token, the caller hears the same. */
function refusal(error: unknown): ConnectError {
  if (error instanceof TokenInactive) {
    return new ConnectError("The token is missing or not active.", Code.Unauthenticated);
  }
  if (error instanceof InsufficientScope) {
    return new ConnectError("The token lacks a required scope.", Code.PermissionDenied);
  }
  const retryDelay = { seconds: 1n };
  return new ConnectError("Tokens cannot be checked now.", Code.Unavailable, undefined, [
    { desc: RetryInfoSchema, value: { retryDelay } },
  ]);
}

function refuse(response: ServerResponse, error: unknown): void {
  const { code, rawMessage } = refusal(error);
  if (code === Code.Unauthenticated) {
    response.writeHead(401, { "www-authenticate": 'Bearer error="invalid_token"' });
  } else if (code === Code.PermissionDenied) {
    response.writeHead(403, { "www-authenticate": 'Bearer error="insufficient_scope"' });
  } else {
    response.writeHead(503, { "retry-after": "1" });
  }
  response.end(rawMessage);
}

/** Gives the token of a request; none if it has none, or one of another scheme. */
function bearerToken(header: string | null): string {
  const [, token] = /^bearer (.+)$/i.exec(header ?? "") ?? [];
  return token ?? "";
}
