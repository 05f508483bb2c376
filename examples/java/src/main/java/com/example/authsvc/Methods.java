package com.example.authsvc;

import authn.v1.AuthServiceOuterClass.LoginRequest;
import authn.v1.AuthServiceOuterClass.LoginResponse;
import authn.v1.AuthServiceOuterClass.RefreshRequest;
import authn.v1.AuthServiceOuterClass.RefreshResponse;
import authn.v1.AuthServiceOuterClass.RegisterRequest;
import authn.v1.AuthServiceOuterClass.RegisterResponse;
import authn.v1.SessionServiceOuterClass.RevokeSessionRequest;
import authn.v1.SessionServiceOuterClass.RevokeSessionResponse;
import authn.v1.TokenServiceOuterClass.GetJwksRequest;
import authn.v1.TokenServiceOuterClass.GetJwksResponse;
import authn.v1.TokenServiceOuterClass.VerifyTokenRequest;
import authn.v1.TokenServiceOuterClass.VerifyTokenResponse;
import authn.v1.TokenServiceOuterClass.WatchKeysRequest;
import authn.v1.TokenServiceOuterClass.WatchKeysResponse;
import authn.v1.TokenServiceOuterClass.WatchRevocationsRequest;
import authn.v1.TokenServiceOuterClass.WatchRevocationsResponse;
import com.google.protobuf.Message;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.protobuf.ProtoUtils;
import orders.v1.OrderServiceOuterClass.ListOrdersRequest;
import orders.v1.OrderServiceOuterClass.ListOrdersResponse;

/**
 * The methods that are called and served here, which protoc-gen-grpc-java would otherwise write
 * down.
 */
public final class Methods {
  private static final String AUTH = "authn.v1.AuthService/";
  private static final String SESSIONS = "authn.v1.SessionService/";
  private static final String TOKENS = "authn.v1.TokenService/";

  public static final MethodDescriptor<RegisterRequest, RegisterResponse> REGISTER =
      unary(
          AUTH + "Register",
          RegisterRequest.getDefaultInstance(),
          RegisterResponse.getDefaultInstance());
  public static final MethodDescriptor<LoginRequest, LoginResponse> LOGIN =
      unary(AUTH + "Login", LoginRequest.getDefaultInstance(), LoginResponse.getDefaultInstance());
  public static final MethodDescriptor<RefreshRequest, RefreshResponse> REFRESH =
      unary(
          AUTH + "Refresh",
          RefreshRequest.getDefaultInstance(),
          RefreshResponse.getDefaultInstance());
  public static final MethodDescriptor<RevokeSessionRequest, RevokeSessionResponse> REVOKE_SESSION =
      unary(
          SESSIONS + "RevokeSession",
          RevokeSessionRequest.getDefaultInstance(),
          RevokeSessionResponse.getDefaultInstance());
  public static final MethodDescriptor<VerifyTokenRequest, VerifyTokenResponse> VERIFY_TOKEN =
      unary(
          TOKENS + "VerifyToken",
          VerifyTokenRequest.getDefaultInstance(),
          VerifyTokenResponse.getDefaultInstance());
  public static final MethodDescriptor<GetJwksRequest, GetJwksResponse> GET_JWKS =
      unary(
          TOKENS + "GetJwks",
          GetJwksRequest.getDefaultInstance(),
          GetJwksResponse.getDefaultInstance());
  public static final MethodDescriptor<WatchKeysRequest, WatchKeysResponse> WATCH_KEYS =
      method(
          MethodType.SERVER_STREAMING,
          TOKENS + "WatchKeys",
          WatchKeysRequest.getDefaultInstance(),
          WatchKeysResponse.getDefaultInstance());
  public static final MethodDescriptor<WatchRevocationsRequest, WatchRevocationsResponse>
      WATCH_REVOCATIONS =
          method(
              MethodType.SERVER_STREAMING,
              TOKENS + "WatchRevocations",
              WatchRevocationsRequest.getDefaultInstance(),
              WatchRevocationsResponse.getDefaultInstance());
  public static final MethodDescriptor<ListOrdersRequest, ListOrdersResponse> LIST_ORDERS =
      unary(
          "orders.v1.OrderService/ListOrders",
          ListOrdersRequest.getDefaultInstance(),
          ListOrdersResponse.getDefaultInstance());

  private Methods() {}

  private static <Q extends Message, A extends Message> MethodDescriptor<Q, A> unary(
      String name, Q request, A answer) {
    return method(MethodType.UNARY, name, request, answer);
  }

  private static <Q extends Message, A extends Message> MethodDescriptor<Q, A> method(
      MethodType type, String name, Q request, A answer) {
    return MethodDescriptor.newBuilder(
            ProtoUtils.marshaller(request), ProtoUtils.marshaller(answer))
        .setType(type)
        .setFullMethodName(name)
        .build();
  }
}
