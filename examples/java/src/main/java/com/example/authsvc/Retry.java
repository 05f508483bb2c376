package com.example.authsvc;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;

/** Calls again what a server could not answer just now. */
public final class Retry {
  /** The first pause between two tries, in milliseconds. */
  public static final long FIRST_PAUSE = 50;

  /** The longest one that we choose ourselves. */
  public static final long LONGEST_PAUSE = 2_000;

  private static final Set<Status.Code> TRANSIENT =
      Set.of(
          Status.Code.UNAVAILABLE, Status.Code.RESOURCE_EXHAUSTED, Status.Code.DEADLINE_EXCEEDED);

  private Retry() {}

  /**
   * Calls until there is an answer, an error that another try would not mend, or too little time
   * left for one. It waits longer each time, and never less than RetryInfo asks for. A try that got
   * no answer may have had its effect: call only what may be done twice.
   *
   * @param patience how long all tries may take
   * @param call makes one try; it must have a deadline
   */
  public static <T> T retrying(Duration patience, Supplier<T> call) throws InterruptedException {
    long ends = System.nanoTime() + patience.toNanos();
    for (long longest = FIRST_PAUSE; ; longest = Math.min(2 * longest, LONGEST_PAUSE)) {
      try {
        return call.get();
      } catch (StatusRuntimeException e) {
        long wait = pause(longest, e);
        boolean isTransient = TRANSIENT.contains(e.getStatus().getCode());
        if (!isTransient || System.nanoTime() + wait * 1_000_000 > ends) {
          throw e;
        }
        Thread.sleep(wait);
      }
    }
  }

  /**
   * How many milliseconds to wait after an error: between half and all of a pause, by chance, so
   * that many clients don't come back at once, or as long as the server asks for.
   */
  public static long pause(long longest, Throwable error) {
    long wait = ThreadLocalRandom.current().nextLong(longest / 2, longest);
    var status = StatusProto.fromThrowable(error); // null if the error is none of gRPC
    for (var detail : status == null ? List.<Any>of() : status.getDetailsList()) {
      if (detail.is(RetryInfo.class)) {
        wait = Math.max(wait, asked(detail));
      }
    }
    return wait;
  }

  private static long asked(Any detail) {
    try {
      var delay = detail.unpack(RetryInfo.class).getRetryDelay();
      return delay.getSeconds() * 1_000 + delay.getNanos() / 1_000_000;
    } catch (InvalidProtocolBufferException e) {
      return 0; // it asks for nothing that could be understood
    }
  }
}
