// The arithmetic of kinematic_residual per pixel, and how its sums end. V is a scalar (CUDA) or a Pack (CPU lanes).
#pragma once
#include "../core/math.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

// after - 2 at + before, as a difference of differences: flows of neighbouring frames are close, so the inner
// differences are nearly exact where after + before would round. It is its own transpose: gradients use it too.
template <class V> KT_HD V second_difference(V before, V at, V after) { return (after - at) - (at - before); }

// Value of one residual vector for the squared and absolute norms.
template <ResidualNorm N, class V> KT_HD V residual_norm(V x, V y) {
  if constexpr (N == ResidualNorm::squared) return fma(y, y, x * x);
  else return abs(x) + abs(y);
}

// Derivative of the norm by one component, up to the factor 2 of the squared norm; 0 at 0 for the absolute one.
template <ResidualNorm N, class V> KT_HD V residual_slope(V r) {
  if constexpr (N == ResidualNorm::squared) return r;
  else if constexpr (N == ResidualNorm::absolute) return select(r > V(0), V(1), select(r < V(0), V(-1), r - r));
  else return V(1);
}

// What one lane adds up: of "signed" two sums of w r, otherwise one of w |r|, and the weights.
template <ResidualNorm N, class V> struct ResidualSums {
  V first = V(0), second = V(0), weight = V(0);

  // A vector of weight 0 does not count, whatever its value.
  KT_HD void add(V x, V y, V w) {
    const mask_of<V> used = w != V(0);
    x = select(used, x, V(0)), y = select(used, y, V(0));
    if constexpr (N == ResidualNorm::signed_) first = fma(w, x, first), second = fma(w, y, second);
    else first = fma(w, residual_norm<N>(x, y), first);
    weight = weight + w;
  }
  // The same bits as add() with w = 1, without the weights.
  KT_HD void add(V x, V y) {
    if constexpr (N == ResidualNorm::signed_) first = first + x, second = second + y;
    else first = first + residual_norm<N>(x, y);
  }
};

// Weight of a residual from the masks of the three flows; a NaN spreads.
template <class V> KT_HD V weight_min(V a, V b) { return select((b < a) | (b != b), b, a); }
template <class V> KT_HD V weight_max(V a, V b) { return select((b > a) | (b != b), b, a); }

// The lanes of a problem or strip to one number: a tree over 32 (lane l with l + 16, then 8, 4, 2, 1).
KT_HD double residual_tree(double* lane) {
  for (int half = kResidualLanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) lane[l] = lane[l] + lane[l + half];
  return lane[0];
}

KT_HD double residual_per_dt(ResidualNorm norm, double dt, double x) {
  return norm == ResidualNorm::squared ? x / dt / dt : x / dt;
}

// N of the reduction.
KT_HD double residual_count(ResidualReduction reduction, double total_weight) {
  return reduction == ResidualReduction::sum    ? 1.0
         : reduction == ResidualReduction::mean ? total_weight
                                                : 2 * total_weight;
}

// The value of a problem from its sum; no weight gives 0.
KT_HD double residual_value(ResidualNorm norm, ResidualReduction reduction, double dt, double sum,
                            double total_weight) {
  const double n = residual_count(reduction, total_weight);
  return n == 0 ? 0.0 : residual_per_dt(norm, dt, sum / n);
}

// Factor between residual_slope and the derivative of upstream * value by the residual.
KT_HD double residual_factor(ResidualNorm norm, ResidualReduction reduction, double dt, double upstream,
                             double total_weight) {
  const double n = residual_count(reduction, total_weight);
  return n == 0 ? 0.0 : residual_per_dt(norm, dt, (norm == ResidualNorm::squared ? 2 : 1) * upstream / n);
}

KT_MATHS_END
