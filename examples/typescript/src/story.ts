// The life of a session, played against a running authsvc: from the first login to the moment in which a
// token is refused although it has minutes to live.

import { type Client, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { AuthService } from "./gen/authn/v1/auth_service_pb.js";
import { SessionService } from "./gen/authn/v1/session_service_pb.js";
import type { TokenClaims, TokenSet } from "./gen/authn/v1/token_pb.js";
import { TokenService } from "./gen/authn/v1/token_service_pb.js";
import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { retrying } from "./retry.js";
import { connect, policy } from "./settings.js";
import { TokenInactive } from "./verifier/errors.js";
import { Verifier } from "./verifier/verifier.js";

const PATIENCE = 60_000;
const SCOPES = ["orders.read"];

class Story {
  private readonly auth: Client<typeof AuthService>;
  private readonly tokens: Client<typeof TokenService>;
  private readonly sessions: Client<typeof SessionService>;

  constructor(
    transport: Transport,
    private readonly local: Verifier,
  ) {
    this.auth = createClient(AuthService, transport);
    this.tokens = createClient(TokenService, transport);
    this.sessions = createClient(SessionService, transport);
  }

  async tell(): Promise<void> {
    const session = await this.refresh(await this.login());
    await this.verify(session);
    await this.revoke(session);
    console.log("All as promised.");
  }

  /** Makes an account and logs it in. */
  private async login(): Promise<TokenSet> {
    const password = randomBytes(18).toString("base64url");
    let username = "";
    const { account } = await retrying((options) => {
      // Another one in each try: the last may have been heard.
      username = `story-${randomBytes(6).toString("hex")}`;
      return this.auth.register({ username, password }, options);
    }, PATIENCE);
    tell("registered", account?.accountId ?? "");
    const { outcome } = await retrying(
      (options) => this.auth.login({ identifier: username, password, scopes: SCOPES }, options),
      PATIENCE,
    );
    if (outcome.case !== "tokens") throw new Error("the login gave no tokens");
    tell("logged in", `session ${outcome.value.sessionId}`);
    return outcome.value;
  }

  /** Exchanges a refresh token twice, as after a lost answer. */
  private async refresh({ refreshToken }: TokenSet): Promise<TokenSet> {
    const exchange = () =>
      retrying((options) => this.auth.refresh({ refreshToken }, options), PATIENCE);
    const [first, second] = [await exchange(), await exchange()];
    if (second.tokens === undefined || first.tokens?.refreshToken !== second.tokens.refreshToken) {
      throw new Error("a refresh token had two successors");
    }
    tell("refreshed", "twice, with one successor");
    return second.tokens;
  }

  private async verify(session: TokenSet): Promise<void> {
    const asked = await this.ask(session, 0n);
    tell("by call", `active, ${asked?.subject}`);
    await this.local.waitUntilReady(PATIENCE);
    const checked = await this.local.verify(session.accessToken, { requiredScopes: SCOPES });
    tell("locally", `active, ${checked.subject}`);
  }

  private async ask(session: TokenSet, minRevision: bigint): Promise<TokenClaims | undefined> {
    const { accessToken } = session;
    const request = { accessToken, requiredScopes: SCOPES, minRevision };
    const call = (options: { timeoutMs: number }) => this.tokens.verifyToken(request, options);
    return (await retrying(call, PATIENCE)).claims;
  }

  /** Ends the session and sees its token refused, by the server at once and here in a moment. */
  private async revoke(session: TokenSet): Promise<void> {
    const headers = { authorization: `Bearer ${session.accessToken}` };
    const { sessionId } = session;
    const { revision } = await retrying(
      (options) => this.sessions.revokeSession({ sessionId }, { ...options, headers }),
      PATIENCE,
    );
    const answered = performance.now();
    tell("revoked", `at revision ${revision}`);
    while (!(await isRefused(this.local.verify(session.accessToken)))) {
      if (performance.now() - answered > PATIENCE) throw new Error("it is still active here");
      await sleep(1);
    }
    tell("locally", `refused, ${Math.floor(performance.now() - answered)} ms later`);
    const reason = await this.ask(session, revision).then(() => "none", reasonOf);
    if (reason !== "TOKEN_INACTIVE") throw new Error(`it was not refused, but: ${reason}`);
    tell("by call", "refused, TOKEN_INACTIVE");
  }
}

/** Why a call failed, in the words of authn.v1.ErrorReason. */
function reasonOf(error: unknown): string {
  const details = ConnectError.from(error).findDetails(ErrorInfoSchema);
  return details.find(({ domain }) => domain === "authsvc")?.reason ?? String(error);
}

async function isRefused(checking: Promise<unknown>): Promise<boolean> {
  try {
    await checking;
    return false;
  } catch (error) {
    if (error instanceof TokenInactive) return true;
    throw error;
  }
}

function tell(step: string, what: string): void {
  console.log(step.padEnd(12) + what);
}

const transport = connect();
const local = new Verifier(transport, policy());
try {
  await new Story(transport, local).tell();
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
} finally {
  local.close();
}
