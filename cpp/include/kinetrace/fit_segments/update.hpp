// fit_segments, the maths: a least-squares polynomial that grows by one point at a time and always knows its sum of squares.
//
// Square-root-free Givens rotations (Gentleman 1973, doi:10.1093/imamat/12.3.329) of the rows (1, u, u^2, u^3 | y), u the
// distance in time from the segment's first point met. Nothing is subtracted that was summed before, so short segments of
// long tracks keep all their digits. What depends on the times and weights alone (a Step) is apart from what depends on
// the positions: on an unbroken run of equally weighted frames the steps are the same for every segment and problem.
#pragma once
#include "../core/math.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

// How one point changes a fit: v <- y, then for k = 0..K: v <- v - x_k theta_k, theta_k <- theta_k + s_k v; sse += w v^2.
template <class V, int K>
struct Step {
  V x[K + 1], s[K + 1], w;
};

// The triangular factor of the points so far.
template <class V, int K>
struct Design {
  V d[K + 1], r[K + 1][K + 1];

  KT_HD Design() {
    for (int k = 0; k <= K; ++k) {
      d[k] = V(0.0);
      for (int j = 0; j <= K; ++j) r[k][j] = V(0.0);
    }
  }

  // A point of weight w at distance u. Weight 0 changes nothing.
  KT_HD Step<V, K> add(V w, V u) {
    Step<V, K> step;
    V row[K + 1];
    row[0] = V(1.0);
    if constexpr (K >= 1) row[1] = u;
    if constexpr (K >= 2) row[2] = u * u;
    if constexpr (K >= 3) row[3] = row[2] * u;
    for (int k = 0; k <= K; ++k) {
      const V x = row[k], wx = w * x, total = fma(wx, x, d[k]);
      const mask_of<V> informed = total > V(0.0);
      const V inverse = V(1.0) / select(informed, total, V(1.0));
      step.x[k] = x;
      step.s[k] = wx * inverse;
      w = w * select(informed, d[k] * inverse, V(1.0));
      d[k] = total;
      for (int j = k + 1; j <= K; ++j) {
        row[j] = fma(-x, r[k][j], row[j]);
        r[k][j] = fma(step.s[k], row[j], r[k][j]);
      }
    }
    step.w = w;
    return step;
  }
};

template <class V, int D, int K>
struct RunningFit {
  V theta[K + 1][D], sse{0.0};

  KT_HD RunningFit() {
    for (int k = 0; k <= K; ++k)
      for (int d = 0; d < D; ++d) theta[k][d] = V(0.0);
  }

  KT_HD void add(const Step<V, K>& step, const V* y) {
    V square{0.0};
    for (int d = 0; d < D; ++d) {
      V v = y[d];
      for (int k = 0; k <= K; ++k) {
        v = k == 0 ? v - theta[0][d] : fma(-step.x[k], theta[k][d], v);
        theta[k][d] = fma(step.s[k], v, theta[k][d]);
      }
      square = fma(v, v, square);
    }
    sse = fma(step.w, square, sse);
  }
};

// Steps of points with their own times and weights.
template <class V, int K>
struct OwnSteps {
  Design<V, K> design;
  KT_HD explicit OwnSteps(const double*) {}
  KT_HD Step<V, K> next(V w, V u) { return design.add(w, u); }
  KT_HD V r(int k, int j) const { return design.r[k][j]; }
};

// The same steps of weight 1 at u = 0, 1, 2, ..., computed once: the bits are those of OwnSteps.
template <class V, int K>
struct TableSteps {
  static constexpr int kSize = segment_step_size(K);
  const double* after;  // the end of the present entry; the table of no points may be null
  KT_HD explicit TableSteps(const double* table) : after(table) {}
  KT_HD Step<V, K> next(V, V) {
    const double* entry = after;
    after += kSize;
    Step<V, K> step;
    step.w = V(entry[0]);
    step.x[0] = V(1.0);
    for (int k = 1; k <= K; ++k) step.x[k] = V(entry[k]);
    for (int k = 0; k <= K; ++k) step.s[k] = V(entry[K + 1 + k]);
    return step;
  }
  KT_HD V r(int k, int j) const { return V(after[2 - kSize + 2 * K + k * (2 * K - k - 1) / 2 + j - 1]); }
};

// Writes the table for segments of up to `points` frames.
template <int K>
KT_HD void write_step_table(double* table, int64_t points) {
  Design<double, K> design;
  for (int64_t m = 0; m < points; ++m, table += segment_step_size(K)) {
    const Step<double, K> step = design.add(1.0, double(m));
    table[0] = step.w;
    for (int k = 1; k <= K; ++k) table[k] = step.x[k];
    for (int k = 0; k <= K; ++k) table[K + 1 + k] = step.s[k];
    for (int k = 0; k <= K; ++k)
      for (int j = k + 1; j <= K; ++j) table[2 + 2 * K + k * (2 * K - k - 1) / 2 + j - 1] = design.r[k][j];
  }
}

KT_MATHS_END
