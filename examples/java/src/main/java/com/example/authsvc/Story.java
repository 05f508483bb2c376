package com.example.authsvc;

import authn.v1.AuthServiceOuterClass.LoginRequest;
import authn.v1.AuthServiceOuterClass.RefreshRequest;
import authn.v1.AuthServiceOuterClass.RegisterRequest;
import authn.v1.SessionServiceOuterClass.RevokeSessionRequest;
import authn.v1.Token.TokenClaims;
import authn.v1.Token.TokenSet;
import authn.v1.TokenServiceOuterClass.VerifyTokenRequest;
import com.example.authsvc.verifier.Refusal;
import com.example.authsvc.verifier.Verifier;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * The life of a session, played against a running authsvc: from the first login to the moment in
 * which a token is refused although it has minutes to live.
 */
public final class Story {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final long TRY_SECONDS = 5;
  private static final String SCOPE = "orders.read";

  private final Channel channel;
  private final Verifier local;

  private Story(Channel channel, Verifier local) {
    this.channel = channel;
    this.local = local;
  }

  /** Plays it. */
  public static void main(String[] arguments) throws Exception {
    var channel = Settings.connect();
    try (var local = new Verifier(channel, Settings.policy())) {
      new Story(channel, local).tell();
    } catch (StatusRuntimeException | Refusal | IllegalStateException e) {
      System.err.println(e.getMessage());
      System.exit(1);
    } finally {
      channel.shutdownNow();
    }
  }

  private void tell() throws InterruptedException, Refusal {
    TokenSet session = refresh(login());
    verify(session);
    revoke(session);
    System.out.println("All as promised.");
  }

  /** Makes an account and logs it in. */
  private TokenSet login() throws InterruptedException {
    String password = random(18);
    var username = new String[1];
    var registered =
        call(
            channel,
            Methods.REGISTER,
            () -> {
              username[0] =
                  "story-" + random(6); // another one in each try: the last may have been heard
              return RegisterRequest.newBuilder()
                  .setUsername(username[0])
                  .setPassword(password)
                  .build();
            });
    tell("registered", registered.getAccount().getAccountId());
    var request =
        LoginRequest.newBuilder()
            .setIdentifier(username[0])
            .setPassword(password)
            .addScopes(SCOPE)
            .build();
    var answer = call(channel, Methods.LOGIN, () -> request);
    expect(answer.hasTokens(), "the login gave no tokens");
    tell("logged in", "session " + answer.getTokens().getSessionId());
    return answer.getTokens();
  }

  /** Exchanges a refresh token twice, as after a lost answer. */
  private TokenSet refresh(TokenSet session) throws InterruptedException {
    var request = RefreshRequest.newBuilder().setRefreshToken(session.getRefreshToken()).build();
    var first = call(channel, Methods.REFRESH, () -> request).getTokens();
    var second = call(channel, Methods.REFRESH, () -> request).getTokens();
    expect(
        first.getRefreshToken().equals(second.getRefreshToken()),
        "a refresh token had two successors");
    tell("refreshed", "twice, with one successor");
    return second;
  }

  private void verify(TokenSet session) throws InterruptedException, Refusal {
    tell("by call", "active, " + ask(session, 0).getSubject());
    local.waitUntilReady(PATIENCE);
    var claims = local.verify(session.getAccessToken(), null, List.of(SCOPE));
    tell("locally", "active, " + claims.getSubject());
  }

  private TokenClaims ask(TokenSet session, long revision) throws InterruptedException {
    var request =
        VerifyTokenRequest.newBuilder()
            .setAccessToken(session.getAccessToken())
            .addRequiredScopes(SCOPE)
            .setMinRevision(revision)
            .build();
    return call(channel, Methods.VERIFY_TOKEN, () -> request).getClaims();
  }

  /** Ends the session and sees its token refused, by the server at once and here in a moment. */
  private void revoke(TokenSet session) throws InterruptedException, Refusal {
    var bearer = new Metadata();
    bearer.put(
        Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
        "Bearer " + session.getAccessToken());
    var asItself =
        ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(bearer));
    var request = RevokeSessionRequest.newBuilder().setSessionId(session.getSessionId()).build();
    long revision = call(asItself, Methods.REVOKE_SESSION, () -> request).getRevision();
    long answered = System.nanoTime();
    tell("revoked", "at revision " + revision);
    while (!isRefused(session)) {
      expect(System.nanoTime() - answered < PATIENCE.toNanos(), "the token is still active here");
      Thread.sleep(1);
    }
    tell("locally", "refused, " + (System.nanoTime() - answered) / 1_000_000 + " ms later");
    expect(
        reasonOfRefusal(session, revision).equals("TOKEN_INACTIVE"),
        "the server did not refuse it");
    tell("by call", "refused, TOKEN_INACTIVE");
  }

  private boolean isRefused(TokenSet session) throws Refusal {
    try {
      local.verify(session.getAccessToken(), null, List.of());
      return false;
    } catch (Refusal refusal) {
      if (refusal.reason() == Refusal.Reason.INACTIVE) {
        return true;
      }
      throw refusal;
    }
  }

  /** Why the server refuses a token, in the words of authn.v1.ErrorReason. */
  private String reasonOfRefusal(TokenSet session, long revision) throws InterruptedException {
    try {
      ask(session, revision);
      return "";
    } catch (StatusRuntimeException e) {
      var details = StatusProto.fromThrowable(e).getDetailsList();
      return details.stream()
          .filter(one -> one.is(ErrorInfo.class))
          .map(Story::reason)
          .findFirst()
          .orElseThrow();
    }
  }

  private static String reason(Any detail) {
    try {
      return detail.unpack(ErrorInfo.class).getReason();
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException(e);
    }
  }

  private static <Q, A> A call(Channel by, MethodDescriptor<Q, A> method, Supplier<Q> request)
      throws InterruptedException {
    return Retry.retrying(
        PATIENCE,
        () -> {
          var options = CallOptions.DEFAULT.withDeadlineAfter(TRY_SECONDS, TimeUnit.SECONDS);
          return ClientCalls.blockingUnaryCall(by, method, options, request.get());
        });
  }

  private static String random(int bytes) {
    var chosen = new byte[bytes];
    new SecureRandom().nextBytes(chosen);
    return HexFormat.of().formatHex(chosen);
  }

  private static void expect(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }

  private static void tell(String step, String what) {
    System.out.printf("%-12s%s%n", step, what);
  }
}
