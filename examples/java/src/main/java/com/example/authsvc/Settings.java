package com.example.authsvc;

import com.example.authsvc.verifier.Policy;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Where authsvc is, and whose tokens are believed, from the environment. */
final class Settings {
  private Settings() {}

  /**
   * Opens a channel to AUTHSVC_ADDRESS, encrypted if AUTHSVC_CACERT names the certificate of who
   * vouches for it, with the proof of which service calls, if AUTHSVC_API_KEY holds one. A dead
   * connection is noticed well within the staleness that is allowed.
   */
  static ManagedChannel connect() throws IOException {
    String certificate = get("AUTHSVC_CACERT", "");
    ChannelCredentials security =
        certificate.isEmpty()
            ? InsecureChannelCredentials.create() // which suits loopback only
            : TlsChannelCredentials.newBuilder().trustManager(new File(certificate)).build();
    var proof = new Metadata();
    String key = get("AUTHSVC_API_KEY", "");
    if (!key.isEmpty()) {
      proof.put(Metadata.Key.of("x-authsvc-api-key", Metadata.ASCII_STRING_MARSHALLER), key);
    }
    return Grpc.newChannelBuilder(get("AUTHSVC_ADDRESS", "127.0.0.1:50051"), security)
        .keepAliveTime(10, TimeUnit.SECONDS)
        .keepAliveTimeout(3, TimeUnit.SECONDS)
        .intercept(MetadataUtils.newAttachHeadersInterceptor(proof))
        .build();
  }

  /**
   * What AUTHSVC_ISSUER, AUTHSVC_AUDIENCE and AUTHSVC_MAX_STALENESS (as in {@code 10s}) say;
   * without them as {@code authsvc up} has it.
   */
  static Policy policy() {
    return new Policy(
        get("AUTHSVC_ISSUER", "https://authsvc.localhost"),
        get("AUTHSVC_AUDIENCE", "authsvc"),
        Duration.ofSeconds(5),
        Duration.ofHours(1),
        Duration.parse("PT" + get("AUTHSVC_MAX_STALENESS", "10s")));
  }

  static String get(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? otherwise : value;
  }
}
