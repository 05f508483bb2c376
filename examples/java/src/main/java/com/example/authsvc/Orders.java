package com.example.authsvc;

import com.example.authsvc.verifier.Guard;
import com.example.authsvc.verifier.Verifier;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Set;
import orders.v1.OrderServiceOuterClass.ListOrdersRequest;
import orders.v1.OrderServiceOuterClass.ListOrdersResponse;

/** A service that trusts the tokens of your own authsvc, over gRPC on LISTEN. */
public final class Orders {
  private Orders() {}

  /** Serves until the process is ended. */
  public static void main(String[] arguments) throws Exception {
    String[] place = Settings.get("LISTEN", "127.0.0.1:50061").split(":");
    var channel = Settings.connect();
    // Begins to follow; until it has heard, callers are told to wait.
    try (var verifier = new Verifier(channel, Settings.policy())) {
      var rules = Map.of(Methods.LIST_ORDERS.getFullMethodName(), List.of("orders.read"));
      Server server =
          NettyServerBuilder.forAddress(new InetSocketAddress(place[0], Integer.parseInt(place[1])))
              .addService(service())
              .intercept(new Guard(verifier, rules, Set.of()))
              .build()
              .start();
      Runtime.getRuntime().addShutdownHook(new Thread(server::shutdown));
      System.out.println("SERVING on " + place[0] + ":" + server.getPort());
      server.awaitTermination();
    } finally {
      channel.shutdownNow();
    }
  }

  private static ServerServiceDefinition service() {
    return ServerServiceDefinition.builder("orders.v1.OrderService")
        .addMethod(Methods.LIST_ORDERS, ServerCalls.asyncUnaryCall(Orders::listOrders))
        .build();
  }

  private static void listOrders(
      ListOrdersRequest request, StreamObserver<ListOrdersResponse> caller) {
    String owner = Guard.CLAIMS.get().getSubject();
    caller.onNext(ListOrdersResponse.newBuilder().setOwner(owner).addItems("a kettle").build());
    caller.onCompleted();
  }
}
