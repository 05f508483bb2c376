package com.example.authsvc.verifier;

import authn.v1.Token.TokenClaims;
import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.rpc.Code;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.net.ssl.SSLPeerUnverifiedException;

/** Lets calls into a server by the access token in {@code authorization: Bearer …}. */
public final class Guard implements ServerInterceptor {
  /** What the token of the present call says; null if the method is public. */
  public static final Context.Key<TokenClaims> CLAIMS = Context.key("claims");

  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
  private static final String SCHEME = "bearer ";

  private final Verifier verifier;
  private final Map<String, List<String>> scopes;
  private final Set<String> publicMethods;

  /**
   * Lets calls in.
   *
   * @param scopes that methods require, by full name, as in {@code
   *     orders.v1.OrderService/ListOrders}
   * @param publicMethods the full names of methods that need no token
   */
  public Guard(Verifier verifier, Map<String, List<String>> scopes, Set<String> publicMethods) {
    this.verifier = verifier;
    this.scopes = scopes;
    this.publicMethods = publicMethods;
  }

  @Override
  public <Q, A> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
    String method = call.getMethodDescriptor().getFullMethodName();
    if (publicMethods.contains(method)) {
      return next.startCall(call, headers);
    }
    try {
      var required = scopes.getOrDefault(method, List.of());
      TokenClaims claims = verifier.verify(bearerToken(headers), certificateOf(call), required);
      return Contexts.interceptCall(
          Context.current().withValue(CLAIMS, claims), call, headers, next);
    } catch (Refusal refusal) {
      StatusRuntimeException error = told(refusal);
      call.close(error.getStatus(), error.getTrailers());
      return new ServerCall.Listener<>() {};
    }
  }

  /** Tells of a refusal; whatever is wrong with a token, the caller hears the same. */
  private static StatusRuntimeException told(Refusal refusal) {
    var status = Status.newBuilder().setMessage(refusal.getMessage());
    switch (refusal.reason()) {
      case INACTIVE -> status.setCode(Code.UNAUTHENTICATED_VALUE);
      case INSUFFICIENT_SCOPE -> status.setCode(Code.PERMISSION_DENIED_VALUE);
      case UNAVAILABLE -> {
        var later = RetryInfo.newBuilder().setRetryDelay(Duration.newBuilder().setSeconds(1));
        status.setCode(Code.UNAVAILABLE_VALUE).addDetails(Any.pack(later.build()));
      }
    }
    return StatusProto.toStatusRuntimeException(status.build());
  }

  /** Gives the token of a call; none if there is not exactly one. */
  private static String bearerToken(Metadata headers) {
    var values = headers.getAll(AUTHORIZATION);
    if (values == null) {
      return "";
    }
    var all = values.iterator();
    String first = all.next();
    boolean isBearer = first.regionMatches(true, 0, SCHEME, 0, SCHEME.length());
    return isBearer && !all.hasNext() ? first.substring(SCHEME.length()) : "";
  }

  /** Gives the SHA-256 of the client certificate of a call's connection; null for none. */
  private static byte[] certificateOf(ServerCall<?, ?> call) {
    var session = call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
    if (session == null) {
      return null;
    }
    try {
      byte[] shown = session.getPeerCertificates()[0].getEncoded();
      return MessageDigest.getInstance("SHA-256").digest(shown);
    } catch (SSLPeerUnverifiedException e) {
      return null; // it has shown none
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("a certificate that was verified can't be read", e);
    }
  }
}
