/**
 * A point in time, in seconds, on two clocks: a steady one, which nobody sets but which may stand still
 * while the machine sleeps, and the wall's, of which the contrary holds.
 */
export interface Moment {
  readonly steady: number;
  readonly wall: number;
}

export function rightNow(): Moment {
  return { steady: performance.now() / 1000, wall: Date.now() / 1000 };
}

/**
 * How long ago something was: the longer one that the two clocks tell, so that neither sleep nor a clock
 * that is put back makes anything look young.
 */
export function since(now: Moment, earlier: Moment): number {
  return Math.max(now.steady - earlier.steady, now.wall - earlier.wall);
}

/** The time of day by the wall's clock, which a step only puts forward. */
export function latest(now: Moment, begun: Moment): number {
  return Math.max(now.wall, begun.wall + now.steady - begun.steady);
}
