package com.example.authsvc.verifier;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import authn.v1.RevocationOuterClass.Revocation;
import authn.v1.RevocationOuterClass.RevocationKind;
import authn.v1.TokenServiceOuterClass.WatchRevocationsResponse;
import com.google.protobuf.Timestamp;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class FeedTest {
  private static final long TODAY = 1_800_000_000;
  private static final long HOUR = 3600;
  private static final Moment BEGUN = new Moment(0, TODAY);

  @Test
  void whoHasSleptIsStale() throws Feed.Broken {
    var awake = new Moment(1, TODAY + HOUR); // the steady clock stood still

    assertFalse(told(TODAY).isFresh(awake, 10));
  }

  @Test
  void whatWaitedWhileItSleptIsNoNews() throws Feed.Broken {
    var feed = told(TODAY);

    assertThrows(
        Feed.Broken.class, () -> feed.take(snapshot(TODAY + 1), new Moment(1, TODAY + HOUR)));
  }

  @Test
  void aClockThatIsPutBackMakesNothingYoung() throws Feed.Broken {
    assertFalse(told(TODAY).isFresh(new Moment(60, TODAY - HOUR), 10));
  }

  @Test
  void aClockThatIsPutBackMakesNoTokenLiveLonger() {
    assertEquals(TODAY + 60, new Moment(60, TODAY - HOUR).latest(BEGUN));
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "7200, 1"})
  void whatIsOverIsForgottenByTheSlowerClock(long behind, int kept) throws Feed.Broken {
    var feed = told(TODAY - behind);
    var sign =
        WatchRevocationsResponse.newBuilder()
            .setAfterRevision(1)
            .setRevision(1)
            .setIsCurrent(true)
            .setServerTime(time(TODAY + HOUR - behind));

    feed.take(sign.build(), new Moment(HOUR, TODAY + HOUR));

    assertEquals(kept, feed.size());
  }

  private static Feed told(long at) throws Feed.Broken {
    var feed = new Feed(BEGUN, 0);
    feed.take(snapshot(at), BEGUN);
    return feed;
  }

  private static WatchRevocationsResponse snapshot(long at) {
    var over =
        Revocation.newBuilder()
            .setKind(RevocationKind.REVOCATION_KIND_SESSION)
            .setSubject("s")
            .setForgetTime(time(TODAY));
    return WatchRevocationsResponse.newBuilder()
        .setReset(true)
        .setRevision(1)
        .setIsCurrent(true)
        .setServerTime(time(at))
        .addRevocations(over)
        .build();
  }

  private static Timestamp time(long seconds) {
    return Timestamp.newBuilder().setSeconds(seconds).build();
  }
}
