package com.example.authsvc.verifier;

/**
 * A point in time, in seconds, on two clocks: a steady one, which nobody sets but which may stand
 * still while the machine sleeps, and the wall's, of which the contrary holds.
 */
record Moment(double steady, double wall) {
  static Moment now() {
    return new Moment(System.nanoTime() / 1e9, System.currentTimeMillis() / 1e3);
  }

  /**
   * How long ago something was: the longer one that the two clocks tell, so that neither sleep nor
   * a clock that is put back makes anything look young.
   */
  double since(Moment earlier) {
    return Math.max(steady - earlier.steady, wall - earlier.wall);
  }

  /** The time of day by the wall's clock, which a step only puts forward. */
  double latest(Moment begun) {
    return Math.max(wall, begun.wall + steady - begun.steady);
  }
}
