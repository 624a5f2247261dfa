// fit_kinematics, the maths: robust re-weighting, and from orthogonal coefficients to derivatives, covariance and status.
#pragma once
#include "../core/bits.hpp"
#include "solve.hpp"

KT_MATHS_BEGIN

// Lower median of the residual norms over the used points, exactly: the bracket [low, high] of norms that occur closes
// until the rank is known. A lane that is done keeps its answer, so it does not matter which candidates it was shown:
// first `guess`, then by turns where the rank should lie if norms were spread evenly, and halfway between the patterns.
template <class V, int D> KT_HD V median_norm(const FitRows<V, D>& rows, V count, V low, V high, V guess) {
  using T = scalar_of<V>;
  using M = mask_of<V>;
  const V rank = floor_of((count - V(T(1))) * V(T(0.5)));
  V below_low{T(0)}, below_high = count;  // norms < low, norms <= high
  V candidate = guess;
  for (int round = 0;; ++round) {
    const M at_low = (low >= high) | (below_low == rank), at_high = below_high == rank + V(T(1)),
            done = at_low | at_high;
    if (all(done)) return select(at_low, low, high);
    if (round > 0) {
      const V even = fma((high - low) / (below_high - below_low), rank - below_low + V(T(0.5)), low);
      candidate = round % 2 ? even : between_patterns(low, high);
    }
    candidate = select((candidate > low) & (candidate <= high), candidate, between_patterns(low, high));
    V below{T(0)}, under = low, over = high;  // largest norm under the candidate, smallest from it on
    for (int64_t t = 0; t < rows.frames; ++t) {
      const V r = rows.norm(t);
      below = below + select(r < candidate, V(T(1)), V(T(0)));
      under = select(r < candidate, max(r, under), under);
      over = select(r >= candidate, min(r, over), over);
    }
    const M up = (!done) & (below <= rank), down = (!done) & (below > rank);
    low = select(up, over, low), below_low = select(up, below, below_low);
    high = select(down, under, high), below_high = select(down, below, below_high);
  }
}

// How one re-weighting treats residual norms: the threshold h, or, when the median is no more than rounding noise (more
// than half of the points fit exactly), which norms count as exact.
template <class V> struct RobustRule {
  V h, exact;
  mask_of<V> all_or_nothing;
  bool tukey;

  // Huber: min(1, h / r). Tukey: max(0, 1 - (r / h)^2)^2.
  KT_HD V factor(V r) const {
    using T = scalar_of<V>;
    V f;
    if (tukey) {
      const V ratio = r / h, s = max(fma(-ratio, ratio, V(T(1))), V(T(0)));
      f = s * s;
    } else {
      f = h / max(r, h);
    }
    return select(all_or_nothing, select(r <= exact, V(T(1)), V(T(0))), f);
  }
};

// What re-weighting carries from step to step.
template <class V> struct RobustState {
  V rounding;  // residual norms up to here are rounding noise
  V median;  // of the last step
  mask_of<V> ended;  // per problem: a step would have left too few times, so the weights stay as they are
};

template <class V, int D, int K> KT_HD RobustState<V> begin_reweighting(const FitSolver<V, D, K>& s) {
  using T = scalar_of<V>;
  V spread{T(0)};
  for (int64_t t = 0; t < s.rows.frames; ++t) {
    const V w = s.rows.weight(t);
    s.rows.set_base_weight(t, w);
    for (int d = 0; d < D; ++d) spread = max(select(w > V(T(0)), abs(s.centred(t, d)), V(T(0))), spread);
  }
  // K + 1 points lie on their polynomial: nothing to re-weigh
  return {V(T(32) * limits<T>::epsilon) * spread, V(T(0)), s.count <= V(T(K + 1))};
}

template <class V, int D, int K>
KT_HD RobustRule<V> robust_rule(const FitSolver<V, D, K>& s, RobustState<V>& state, scalar_of<V> threshold,
                                bool tukey) {
  using T = scalar_of<V>;
  V low{infinity<T>()}, high{T(0)};
  for (int64_t t = 0; t < s.rows.frames; ++t) {
    const V w = s.rows.base_weight(t), r = select(w > V(T(0)), sqrt(s.squared_residual(t)), V(quiet_nan<T>()));
    s.rows.set_norm(t, r);
    low = min(r, low);
    high = max(r, high);
  }
  RobustRule<V> rule{V(threshold), state.rounding, mask_of<V>(false), tukey};
  if (threshold > T(0)) return rule;
  state.median = median_norm<V, D>(s.rows, s.count, low, high, state.median);
  rule.all_or_nothing = state.median <= state.rounding;
  rule.h = select(rule.all_or_nothing, V(T(1)), state.median * V(T(1.4826) * (tukey ? T(4.685) : T(1.345))));
  return rule;
}

// Whether the weights in the norms' place leave fewer than K + 1 distinct times.
template <class V, int D, int K> KT_HD mask_of<V> too_few_times(const FitRows<V, D>& rows) {
  using T = scalar_of<V>;
  V seen[K + 1], found{T(0)};
  for (int k = 0; k <= K; ++k) seen[k] = V(T(0));
  for (int64_t t = 0; t < rows.frames; ++t) {
    const V time = rows.time_at(t);
    mask_of<V> fresh = rows.norm(t) > V(T(0));
    for (int k = 0; k <= K; ++k) fresh = fresh & !((found > V(T(k))) & (time == seen[k]));
    for (int k = 0; k <= K; ++k) seen[k] = select(fresh & (found == V(T(k))), time, seen[k]);
    found = found + select(fresh, V(T(1)), V(T(0)));
  }
  return found < V(T(K + 1));
}

template <class V, int D, int K>
KT_HD void reweight(FitSolver<V, D, K>& s, RobustState<V>& state, scalar_of<V> threshold, bool tukey) {
  using T = scalar_of<V>;
  const V zero{T(0)};
  const RobustRule<V> rule = robust_rule<V, D, K>(s, state, threshold, tukey);
  V kept = zero, sum = zero;
  for (int64_t t = 0; t < s.rows.frames; ++t) {  // new weights, in the place of the norms
    const V base = s.rows.base_weight(t), w = select(base > zero, base * rule.factor(s.rows.norm(t)), zero);
    kept = select(w > zero, kept + V(T(1)), kept);
    s.rows.set_norm(t, w);
  }
  if (any(kept < s.count)) state.ended = state.ended | too_few_times<V, D, K>(s.rows);
  for (int64_t t = 0; t < s.rows.frames; ++t) {
    const V w = select(state.ended, s.rows.weight(t), s.rows.norm(t));
    s.rows.set_weight(t, w);
    sum = sum + w;
  }
  s.recentre(sum);
}

template <class V, int D, int K> struct FitSolution {
  V coefficients[K + 1][D], covariance[K + 1][K + 1];
};
template <class V> struct FitQuality {
  V residual_rms, r_squared, n_points, status;
};

// Derivatives j = 0..K of p_k at t = 0, by differentiating the recurrence j times; scaled from u to seconds.
template <class V, int D, int K> KT_HD void derivatives_at_zero(const FitSolver<V, D, K>& s, scalar_of<V> per_second,
                                                                V (*m)[K + 1]) {
  using T = scalar_of<V>;
  const V u = s.time_offset;
  for (int j = 0; j <= K; ++j)
    for (int k = 0; k <= K; ++k) m[j][k] = V(T(j == 0 && k == 0));
  for (int k = 1; k <= K; ++k)
    for (int j = 0; j <= k; ++j) {
      V v = (u - s.a[k - 1]) * m[j][k - 1];
      if (j > 0) v = fma(V(T(j)), m[j - 1][k - 1], v);
      if (k > 1) v = fma(-s.b[k - 1], m[j][k - 2], v);
      m[j][k] = v;
    }
  V power{T(1)};
  for (int j = 1; j <= K; ++j) {
    power = power * (s.time_scale * V(per_second));
    for (int k = j; k <= K; ++k) m[j][k] = m[j][k] * power;
  }
}

// What does not need the residuals; `largest`: pattern of the largest number among it.
template <class V, int D, int K>
KT_HD FitSolution<V, D, K> solution(const FitSolver<V, D, K>& s, scalar_of<V> per_second, V& largest) {
  using T = scalar_of<V>;
  FitSolution<V, D, K> r;
  V m[K + 1][K + 1];
  derivatives_at_zero<V, D, K>(s, per_second, m);
  for (int j = 0; j <= K; ++j)
    for (int d = 0; d < D; ++d) {
      V v = j == 0 ? s.c[0][d] : V(T(0));
      for (int k = j > 1 ? j : 1; k <= K; ++k) v = fma(s.c[k][d], m[j][k], v);
      if (j == 0) v = (v + s.shift[d]) + s.reference[d];
      r.coefficients[j][d] = v;
      largest = max_pattern(abs(v), largest);
    }
  for (int i = 0; i <= K; ++i)
    for (int j = i; j <= K; ++j) {
      V v{T(0)};
      for (int k = j; k <= K; ++k) v = fma(m[i][k] * s.inverse_norm2[k], m[j][k], v);
      v = v * s.weight_scale;
      r.covariance[i][j] = r.covariance[j][i] = v;
      largest = max_pattern(abs(v), largest);
    }
  return r;
}

template <class V, int D, int K> KT_HD FitQuality<V> quality(const FitSolver<V, D, K>& s, V largest) {
  using T = scalar_of<V>;
  FitQuality<V> r;
  V explained{T(0)};
  for (int k = 1; k <= K; ++k)
    for (int d = 0; d < D; ++d) explained = fma(s.c[k][d] * s.norm2[k], s.c[k][d], explained);
  const V total = explained + s.sse;
  largest = max_pattern(abs(s.sse), max_pattern(abs(explained), largest));
  r.residual_rms = sqrt(s.sse * s.inverse_norm2[0]);
  r.r_squared = V(T(1)) - s.sse / select(total > V(T(0)), total, V(T(1)));
  r.n_points = s.count;
  V status = select(is_finite(largest), V(T(kOk)), V(T(kNonFinite)));
  status = select(s.singular, V(T(kSingular)), status);
  status = select(s.count < V(T(K + 1)), V(T(kTooFewPoints)), status);
  status = select(s.non_finite, V(T(kNonFinite)), status);
  r.status = select(s.invalid_weight, V(T(kInvalidWeight)), status);
  const mask_of<V> failed = r.status != V(T(0));
  r.residual_rms = select(failed, V(quiet_nan<T>()), r.residual_rms);
  r.r_squared = select(failed, V(quiet_nan<T>()), r.r_squared);
  return r;
}

// One problem (or one per lane), from rows that `seen` has been through to results: out.solution(), then out.quality(),
// after which the solution is to be NaN where the status says so. In this order the processor can store, and wait for
// quotients, while it is busy with the residuals. summed: the first look has gathered `sums`.
template <class V, int D, int K, class Out>
KT_HD void fit_seen(const FitRows<V, D>& rows, const FitCentre<V, D>& seen, bool quick, bool summed,
                    FitSums<V, D, K> sums, Robust robust, scalar_of<V> threshold, int iterations,
                    scalar_of<V> per_second, const Out& out) {
  FitSolver<V, D, K> s(rows, seen);
  if (!summed) sums = s.sums();
  // Tukey's loss has local minima, so it starts from a Huber fit. One call of orthogonalize: it is inlined and large.
  const int rounds = robust == Robust::none ? 0 : robust == Robust::tukey ? 2 * iterations : iterations;
  RobustState<V> state;
  for (int round = 0;; ++round) {
    s.orthogonalize(sums);
    if (round == rounds) break;
    if (round == 0) state = begin_reweighting<V, D, K>(s);
    reweight<V, D, K>(s, state, threshold, robust == Robust::tukey && round >= iterations);
    sums = s.sums();
  }
  V largest{scalar_of<V>(0)};
  out.solution(solution<V, D, K>(s, per_second, largest));
  if constexpr (K == kQuickOrder) {
    if (quick) s.quick_residuals();
    else s.residuals();
  } else {
    s.residuals();
  }
  out.quality(quality<V, D, K>(s, largest));
}

// The same from loaded rows.
template <class V, int D, int K, class Out>
KT_HD void fit_rows(const FitRows<V, D>& rows, bool weighted, bool own_times, Robust robust, scalar_of<V> threshold,
                    int iterations, scalar_of<V> per_second, const Out& out) {
  const bool quick = K == kQuickOrder && !own_times;
  FitCentre<V, D> seen;
  seen.see(rows, weighted, own_times, quick);
  fit_seen<V, D, K>(rows, seen, quick, false, {}, robust, threshold, iterations, per_second, out);
}

KT_MATHS_END
