/** The token is not active, whatever the cause. */
export class TokenInactive extends Error {
  override readonly name = "TokenInactive";
}

/** The token is active, but lacks a required scope. */
export class InsufficientScope extends Error {
  override readonly name = "InsufficientScope";
}

/** Too little is known to say anything of a token, or its key can't be asked for. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}
