// fit_segments, the maths: from a grown fit to its polynomial, where two polynomials meet, and back to the caller's units.
#pragma once
#include "rows.hpp"

KT_MATHS_BEGIN

// c(x) becomes c(x + h): Horner's scheme, repeated.
template <int K, class V>
KT_HD void shift(V* c, V h) {
  for (int i = 0; i < K; ++i)
    for (int k = K - 1; k >= i; --k) c[k] = fma(c[k + 1], h, c[k]);
}

// One segment: its polynomial sum_k c[k] (s - last_time)^k in normalised time s, and where it begins and ends.
template <class V, int D, int K>
struct Piece {
  V c[K + 1][D], sse{0.0};
  V start{0.0}, first_time{0.0}, first_frame{0.0}, last_time{0.0}, last_frame{0.0};
  V before{0.0};  // sum of squares of everything before it

  KT_HD Piece() {
    for (int k = 0; k <= K; ++k)
      for (int d = 0; d < D; ++d) c[k][d] = V(0.0);
  }

  // Takes the state of a backward fit where `m` holds. The fit's variable runs backwards: odd coefficients change sign.
  template <class Steps>
  KT_HD void keep(mask_of<V> m, const RunningFit<V, D, K>& fit, const Steps& steps, V i, V time, V frame,
                  V sse_before) {
    for (int d = 0; d < D; ++d) {
      V b[K + 1];
      for (int k = K; k >= 0; --k) {
        b[k] = fit.theta[k][d];
        for (int j = k + 1; j <= K; ++j) b[k] = fma(-steps.r(k, j), b[j], b[k]);
      }
      for (int k = 0; k <= K; ++k) c[k][d] = select(m, k % 2 ? -b[k] : b[k], c[k][d]);
    }
    sse = select(m, fit.sse, sse);
    start = select(m, i, start);
    first_time = select(m, time, first_time);
    first_frame = select(m, frame, first_frame);
    before = select(m, sse_before, before);
  }
};

// The normalised time in the gap between two neighbours, widened by one mean frame interval on both sides, where they are
// nearest: the best of 33 equidistant times (from the middle outwards, the earlier first), then Newton steps on the square
// of the distance, held within one grid interval.
template <class V, int D, int K>
KT_HD V contact_between(const Piece<V, D, K>& earlier, const Piece<V, D, K>& later) {
  constexpr int kGrid = 16, kSteps = 4;
  const V a = earlier.last_time, b = later.first_time, gap = b - a;
  const V middle = fma(gap, V(0.5), a), frames = later.first_frame - earlier.last_frame;
  const V half = fma(gap, V(0.5), gap / select(frames > V(0.0), frames, V(1.0)));
  V q[K + 1][D];
  for (int d = 0; d < D; ++d) {
    V e[K + 1], l[K + 1];
    for (int k = 0; k <= K; ++k) e[k] = earlier.c[k][d], l[k] = later.c[k][d];
    shift<K>(e, middle - earlier.last_time);
    shift<K>(l, middle - later.last_time);
    V power{1.0};
    for (int k = 0; k <= K; ++k) {
      q[k][d] = (e[k] - l[k]) * power;
      power = power * half;
    }
  }
  // f = |g|^2 / 2 and its derivatives
  const auto evaluate = [&](V x, V& f, V& slope, V& curvature) {
    f = slope = curvature = V(0.0);
    for (int d = 0; d < D; ++d) {
      V g = q[K][d], g1{0.0}, g2{0.0};
      for (int k = K - 1; k >= 0; --k) {
        g2 = fma(g2, x, g1 + g1);
        g1 = fma(g1, x, g);
        g = fma(g, x, q[k][d]);
      }
      f = fma(g, g, f);
      slope = fma(g, g1, slope);
      curvature = fma(g, g2, fma(g1, g1, curvature));
    }
  };
  V x{0.0}, least, f, slope, curvature;
  evaluate(x, least, slope, curvature);
  for (int m = 1; m <= kGrid; ++m)
    for (int side = -1; side <= 1; side += 2) {
      const V candidate{double(side * m) / kGrid};
      evaluate(candidate, f, slope, curvature);
      x = select(f < least, candidate, x);
      least = min(f, least);
    }
  const V low = max(x - V(1.0 / kGrid), V(-1.0)), high = min(x + V(1.0 / kGrid), V(1.0));
  for (int i = 0; i < kSteps; ++i) {
    evaluate(x, f, slope, curvature);
    const mask_of<V> convex = curvature > V(0.0);
    const V moved = x - slope / select(convex, curvature, V(1.0));
    x = select(convex, min(max(moved, low), high), x);
  }
  return fma(half, x, middle);
}

// Between normalised time and seconds: frames, or (t - first) / span times the number of gaps.
template <class V>
struct TimeScale {
  V per_second, zero;  // normalised time per second, and normalised time of t = 0
  V first, unit, gaps;  // seconds = first + s / gaps * unit, or s * unit
  bool own_times;

  KT_HD TimeScale(const SegmentRows<V>& rows, V count, bool own, double dt) : own_times(own) {
    using L = SegmentLayout;
    const V last = count - V(1.0);
    first = rows.get(L::kTimeFirst);
    unit = own ? rows.get(L::kTimeSpan) : V(dt);
    gaps = select(last > V(0.0), last, V(1.0));
    per_second = own ? gaps / unit : V(1.0 / dt);
    zero = own ? -first / unit * gaps : V(0.0);
  }
  KT_HD V of(V s) const { return own_times ? fma(s / gaps, unit, first) : s * unit; }

  // sum_k c[k] (s - origin)^k, in units of `scale`, to derivatives by seconds at t = 0.
  template <int K>
  KT_HD void derivatives_at_zero(V* c, V origin, V scale) const {
    shift<K>(c, zero - origin);
    V factor = scale;
    for (int k = 0; k <= K; ++k) {
      c[k] = c[k] * factor;
      factor = factor * per_second * V(double(k + 1));
    }
  }
};

KT_MATHS_END
