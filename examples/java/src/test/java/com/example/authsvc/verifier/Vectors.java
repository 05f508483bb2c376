package com.example.authsvc.verifier;

import authn.v1.Token.JsonWebKey;
import authn.v1.Token.TokenClaims;
import authn.v1.TokenServiceOuterClass.WatchRevocationsResponse;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.StreamSupport;

/** Reads the vectors of ../../tests/vectors, as the README there describes them. */
final class Vectors {
  private Vectors() {}

  /** A token, and what is decided of it in its context. */
  record Case(String name, JsonObject context, String token, String decision, JsonObject written) {
    Judge judge() throws IOException {
      var policy =
          new Policy(
              context.get("issuer").getAsString(),
              context.get("audience").getAsString(),
              seconds("leeway"),
              seconds("max_lifetime"),
              seconds("max_staleness"));
      double silence = context.get("silence").getAsDouble();
      var heard = new Moment(now().steady() - silence, now().wall() - silence);
      var judge = new Judge(policy, heard);
      judge.takeKeys(messages(context.getAsJsonArray("keys"), JsonWebKey.newBuilder()));
      for (JsonElement call : context.getAsJsonArray("calls")) {
        hear(judge, call.getAsJsonArray(), heard);
      }
      return judge;
    }

    /** The moment to judge in. */
    Moment now() {
      return new Moment(3600, context.get("now").getAsDouble());
    }

    byte[] certificate() {
      return Base64Url.decode(context.get("certificate").getAsString()).orElse(null);
    }

    List<String> scopes() {
      return context.getAsJsonArray("required_scopes").asList().stream()
          .map(JsonElement::getAsString)
          .toList();
    }

    Optional<TokenClaims> claims() throws IOException {
      if (!written.has("claims")) {
        return Optional.empty();
      }
      return Optional.of(message(written.get("claims"), TokenClaims.newBuilder()));
    }

    Optional<Long> resumeAfter() {
      return Optional.ofNullable(written.get("resume_after")).map(JsonElement::getAsLong);
    }

    private Duration seconds(String member) {
      return Duration.ofSeconds(context.get(member).getAsLong());
    }
  }

  static List<Path> files() throws IOException {
    String elsewhere = System.getenv("AUTHSVC_VECTORS");
    try (var listed = Files.list(Path.of(elsewhere == null ? "../../tests/vectors" : elsewhere))) {
      return listed.filter(path -> path.toString().endsWith(".json")).sorted().toList();
    }
  }

  static List<Case> cases(Path file) throws IOException {
    var read = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    var usual = read.getAsJsonObject("context");
    return StreamSupport.stream(read.getAsJsonArray("cases").spliterator(), false)
        .map(one -> readCase(usual, one.getAsJsonObject()))
        .toList();
  }

  private static Case readCase(JsonObject usual, JsonObject written) {
    var context = usual.deepCopy();
    if (written.has("context")) {
      written.getAsJsonObject("context").asMap().forEach(context::add);
    }
    String name = written.get("name").getAsString();
    if (!context.keySet().equals(usual.keySet())) {
      throw new IllegalStateException(name + ": a context that is not understood");
    }
    String token = written.get("token").getAsString();
    return new Case(name, context, token, written.get("decision").getAsString(), written);
  }

  private static void hear(Judge judge, JsonArray call, Moment now) throws IOException {
    judge.feed().begin();
    try {
      for (WatchRevocationsResponse piece :
          Vectors.<WatchRevocationsResponse>messages(call, WatchRevocationsResponse.newBuilder())) {
        judge.feed().take(piece, now);
      }
    } catch (Feed.Broken broken) {
      // the rest of the call is not heard
    }
  }

  private static <M extends Message> List<M> messages(JsonArray texts, Message.Builder empty)
      throws IOException {
    var read = new ArrayList<M>();
    for (JsonElement text : texts) {
      read.add(message(text, empty.clone().clear()));
    }
    return read;
  }

  @SuppressWarnings("unchecked") // the builder is that of the message
  private static <M extends Message> M message(JsonElement text, Message.Builder builder)
      throws InvalidProtocolBufferException {
    JsonFormat.parser().merge(text.toString(), builder);
    return (M) builder.build();
  }
}
