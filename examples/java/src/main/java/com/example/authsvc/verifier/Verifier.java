package com.example.authsvc.verifier;

import authn.v1.Token.TokenClaims;
import authn.v1.TokenServiceOuterClass.GetJwksRequest;
import authn.v1.TokenServiceOuterClass.WatchKeysRequest;
import authn.v1.TokenServiceOuterClass.WatchRevocationsRequest;
import com.example.authsvc.Methods;
import com.example.authsvc.verifier.Refusal.Reason;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Follows keys and revocations as the server tells of them, and judges tokens from memory. It is as
 * sure of a token as the server was at most {@link Policy#maxStaleness} ago, and says UNAVAILABLE
 * when it is not. Threads may share it.
 */
public final class Verifier implements AutoCloseable {
  // The server gives a sign of life every second, and every 5 seconds of the keys. In milliseconds.
  private static final long REVOCATIONS_PATIENCE = 4_000;
  private static final long KEYS_PATIENCE = 15_000;

  // However many unknown keys are named, the server is asked once in this time.
  private static final double ASK_EVERY = 1;
  private static final long ASK_TIMEOUT = 1_000;

  private final Channel channel;
  private final Judge judge;
  private final ScheduledExecutorService watchdog =
      Executors.newSingleThreadScheduledExecutor(Verifier::daemon);
  private final List<Watch<?, ?>> watches;
  private Moment askedAt;
  private boolean answered;

  /** Follows the server at the other end of a channel, until {@link #close}. */
  public Verifier(Channel channel, Policy policy) {
    this.channel = channel;
    this.judge = new Judge(policy, Moment.now());
    this.watches =
        List.of(
            new Watch<>(
                channel,
                Methods.WATCH_REVOCATIONS,
                () ->
                    WatchRevocationsRequest.newBuilder()
                        .setAfterRevision(judge.feed().begin())
                        .build(),
                piece -> judge.feed().take(piece, Moment.now()),
                REVOCATIONS_PATIENCE,
                watchdog),
            new Watch<>(
                channel,
                Methods.WATCH_KEYS,
                WatchKeysRequest::getDefaultInstance,
                answer -> judge.takeKeys(answer.getKeysList()),
                KEYS_PATIENCE,
                watchdog));
    watches.forEach(Watch::start);
  }

  /** Ends the streams. What was known then soon is stale. */
  @Override
  public void close() {
    watches.forEach(Watch::close);
    watchdog.shutdownNow();
  }

  /**
   * Waits until keys and revocations are known.
   *
   * @throws Refusal UNAVAILABLE if they were not in time
   */
  public void waitUntilReady(Duration patience) throws Refusal, InterruptedException {
    long ends = System.nanoTime() + patience.toNanos();
    while (!judge.hasKeys() || !judge.isFresh(Moment.now())) {
      if (System.nanoTime() > ends) {
        throw new Refusal(Reason.UNAVAILABLE);
      }
      Thread.sleep(5);
    }
  }

  /**
   * Gives what an active token says, as VerifyToken would. It makes no call, unless the token names
   * a key that is not known.
   *
   * @param certificate the SHA-256 of the client certificate (DER) of the connection that the token
   *     came by, null for none; a token may be bound to one (RFC 8705, 3)
   * @param scopes that it must all have
   * @throws Refusal if the token does not let its bearer in
   */
  public TokenClaims verify(String token, byte[] certificate, Collection<String> scopes)
      throws Refusal {
    SignedToken parsed = judge.parse(token, Moment.now());
    if (judge.keyOf(parsed) == null) {
      askForKeys();
    }
    return judge.decide(parsed, certificate, scopes, Moment.now());
  }

  /** Gets the keys, unless that was done a moment ago. */
  private synchronized void askForKeys() throws Refusal {
    var now = Moment.now();
    if (askedAt == null || now.since(askedAt) >= ASK_EVERY) {
      askedAt = now;
      answered = false;
      try {
        var options = CallOptions.DEFAULT.withDeadlineAfter(ASK_TIMEOUT, TimeUnit.MILLISECONDS);
        var request = GetJwksRequest.getDefaultInstance();
        var answer = ClientCalls.blockingUnaryCall(channel, Methods.GET_JWKS, options, request);
        judge.takeKeys(answer.getKeysList());
        answered = true;
      } catch (StatusRuntimeException e) {
        throw new Refusal(Reason.UNAVAILABLE);
      }
    }
    if (!answered) {
      throw new Refusal(Reason.UNAVAILABLE);
    }
  }

  private static Thread daemon(Runnable task) {
    var thread = new Thread(task, "watchdog");
    thread.setDaemon(true);
    return thread;
  }
}
