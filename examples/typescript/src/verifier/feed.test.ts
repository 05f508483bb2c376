import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import test from "node:test";
import { RevocationKind } from "../gen/authn/v1/revocation_pb.js";
import { WatchRevocationsResponseSchema } from "../gen/authn/v1/token_service_pb.js";
import { Feed, FeedBroken } from "./feed.js";
import { latest } from "./moment.js";

const TODAY = 1_800_000_000;
const HOUR = 3600;
const begun = { steady: 0, wall: TODAY };

function snapshot(at: number) {
  return create(WatchRevocationsResponseSchema, {
    reset: true,
    revision: 1n,
    isCurrent: true,
    serverTime: { seconds: BigInt(at) },
    revocations: [
      { kind: RevocationKind.SESSION, subject: "s", forgetTime: { seconds: BigInt(TODAY) } },
    ],
  });
}

function told(at: number): Feed {
  const feed = new Feed(begun, 0);
  feed.take(snapshot(at), begun);
  return feed;
}

test("who has slept is stale", () => {
  const awake = { steady: 1, wall: TODAY + HOUR }; // the steady clock stood still

  assert.equal(told(TODAY).isFresh(awake, 10), false);
});

test("what waited while it slept is no news", () => {
  const feed = told(TODAY);

  assert.throws(
    () => feed.take(snapshot(TODAY + 1), { steady: 1, wall: TODAY + HOUR }),
    FeedBroken,
  );
});

test("a clock that is put back makes nothing young", () => {
  assert.equal(told(TODAY).isFresh({ steady: 60, wall: TODAY - HOUR }, 10), false);
});

test("a clock that is put back makes no token live longer", () => {
  assert.equal(latest({ steady: 60, wall: TODAY - HOUR }, begun), TODAY + 60);
});

test("what is over is forgotten, by the slower clock", () => {
  for (const [behind, kept] of [
    [0, 0],
    [2 * HOUR, 1],
  ] as const) {
    const feed = told(TODAY - behind);
    const piece = create(WatchRevocationsResponseSchema, {
      afterRevision: 1n,
      revision: 1n,
      isCurrent: true,
      serverTime: { seconds: BigInt(TODAY + HOUR - behind) },
    });
    feed.take(piece, { steady: HOUR, wall: TODAY + HOUR });
    assert.equal(feed.size, kept);
  }
});
