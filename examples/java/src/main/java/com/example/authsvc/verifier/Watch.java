package com.example.authsvc.verifier;

import com.example.authsvc.Retry;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.logging.Logger;

/** Keeps a stream open in a thread of its own, and opens it again whenever it breaks. */
final class Watch<Q, A> {
  private static final Logger LOG = Logger.getLogger(Watch.class.getName());

  /** Takes an answer. */
  interface Taker<A> {
    /**
     * Takes an answer.
     *
     * @throws Feed.Broken if the call is to be begun anew
     */
    void take(A answer) throws Feed.Broken;
  }

  private final Channel channel;
  private final MethodDescriptor<Q, A> method;
  private final Supplier<Q> request;
  private final Taker<A> taker;
  private final long patience;
  private final ScheduledExecutorService watchdog;
  private final Thread thread;
  private volatile ClientCall<Q, A> call;
  private volatile boolean closed;

  /**
   * Describes a stream.
   *
   * @param request gives the request, from wherever its owner has come to
   * @param patience after so many milliseconds without an answer the call counts as dead
   */
  Watch(
      Channel channel,
      MethodDescriptor<Q, A> method,
      Supplier<Q> request,
      Taker<A> taker,
      long patience,
      ScheduledExecutorService watchdog) {
    this.channel = channel;
    this.method = method;
    this.request = request;
    this.taker = taker;
    this.patience = patience;
    this.watchdog = watchdog;
    this.thread = new Thread(this::run, method.getBareMethodName());
    this.thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  void close() {
    closed = true;
    thread.interrupt();
    cancel("closed");
  }

  private void run() {
    long longest = Retry.FIRST_PAUSE;
    while (!closed) {
      var taken = new boolean[1];
      var error = read(taken);
      if (closed) {
        return;
      }
      LOG.warning(
          () -> "the stream of " + method.getBareMethodName() + " broke: " + error.getMessage());
      longest = taken[0] ? Retry.FIRST_PAUSE : Math.min(2 * longest, Retry.LONGEST_PAUSE);
      try {
        Thread.sleep(Retry.pause(longest, error));
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  /** Reads until the stream breaks, and notes whether it gave anything of use. */
  private Exception read(boolean[] taken) {
    call = channel.newCall(method, CallOptions.DEFAULT);
    ScheduledFuture<?> bite = bite();
    try {
      var answers = ClientCalls.blockingServerStreamingCall(call, request.get());
      while (answers.hasNext()) {
        bite.cancel(false);
        A answer = answers.next();
        taken[0] = false; // should it not be of use, longer is waited each time
        taker.take(answer);
        taken[0] = true;
        bite = bite();
      }
      return new Feed.Broken("it ended");
    } catch (Feed.Broken | StatusRuntimeException e) {
      return e;
    } catch (RuntimeException e) {
      taken[0] = false;
      return e; // the thread must live, or nothing is heard again
    } finally {
      bite.cancel(false);
      cancel("done");
    }
  }

  private ScheduledFuture<?> bite() {
    return watchdog.schedule(() -> cancel("silence"), patience, TimeUnit.MILLISECONDS);
  }

  private void cancel(String cause) {
    var present = call;
    if (present != null) {
      present.cancel(cause, null);
    }
  }
}
