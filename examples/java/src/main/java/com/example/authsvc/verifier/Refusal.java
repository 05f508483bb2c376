package com.example.authsvc.verifier;

/** A token does not let its bearer in. */
public final class Refusal extends Exception {
  /** The ways in which a token is refused. */
  public enum Reason {
    /** It is not active, whatever the cause. */
    INACTIVE("The token is missing or not active."),
    /** It is active, but lacks a required scope. */
    INSUFFICIENT_SCOPE("The token lacks a required scope."),
    /** Too little is known to say anything of it, or its key can't be asked for. */
    UNAVAILABLE("Tokens cannot be checked now.");

    private final String sentence;

    Reason(String sentence) {
      this.sentence = sentence;
    }
  }

  private final Reason reason;

  Refusal(Reason reason) {
    super(reason.sentence, null, false, false); // it is no fault: where it arose does not matter
    this.reason = reason;
  }

  /** Why. */
  public Reason reason() {
    return reason;
  }
}
