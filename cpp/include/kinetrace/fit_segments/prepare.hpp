// fit_segments, the maths: status of a problem, and its numbers scaled to about 1.
#pragma once
#include "rows.hpp"
#include "score.hpp"

KT_MATHS_BEGIN

// Where anything is wrong the problem goes on without points, so that no lane meets NaN.
template <class V, int D>
struct SegmentPreparation {
  using M = mask_of<V>;
  using L = SegmentLayout;

  SegmentRows<V> rows;
  SegmentOptions options;
  int64_t longest;
  V count, weight_sum{0.0}, weight_max{0.0}, first_time{0.0}, last_time{0.0}, size{0.0}, spread{0.0}, origin[D];
  M invalid_weight, finite{true}, increasing{true};

  KT_HD SegmentPreparation(const SegmentRows<V>& r, const SegmentOptions& o, int64_t longest_count)
      : rows(r),
        options(o),
        longest(longest_count),
        count(r.get(L::kCount)),
        invalid_weight(r.get(L::kStatus) != V(double(kOk))) {
    for (int d = 0; d < D; ++d) origin[d] = longest > 0 ? rows.get(rows.layout.position() + d) : V(0.0);
  }

  // Sums and extremes over the used points; positions become relative to the first.
  KT_HD void survey() {
    for (int64_t j = 0; j < longest; ++j) {
      const M used = V(double(j)) < count, unused = V(double(j)) >= count;
      const V time = rows.time(j), w = select(used, rows.weight(j), V(0.0));
      increasing = increasing & (unused | (j == 0) | (time > last_time));
      finite = finite & (unused | is_finite(time));
      first_time = j == 0 ? time : first_time;
      last_time = select(used, time, last_time);
      weight_sum = weight_sum + w;
      weight_max = max(w, weight_max);
      for (int d = 0; d < D; ++d) {
        const int64_t row = rows.layout.position() + j * D + d;
        const V x = rows.get(row), y = x - origin[d];
        finite = finite & (unused | is_finite(x));
        size = max(select(used, abs(x), V(0.0)), size);
        spread = max(select(used, abs(y), V(0.0)), spread);
        rows.set(row, y);
      }
    }
  }

  KT_HD V status() const {
    const V largest{options.largest}, ok{double(kOk)}, non_finite{double(kNonFinite)};
    const V total = weight_sum * V(double(D)) * spread * spread;
    const V reach = options.own_times ? last_time - first_time : last_time * V(options.dt);
    const M fits = (total <= largest) & (weight_sum <= largest) & is_finite(reach);
    V s = select(increasing, ok, V(double(kSingular)));
    s = select(fits, s, non_finite);
    s = select(count < V(double(options.least)), V(double(kTooFewPoints)), s);
    s = select(finite, s, non_finite);
    return select(invalid_weight, V(double(kInvalidWeight)), s);
  }

  // Scales positions by a power of two, weights by the largest, times to about one unit a gap.
  KT_HD void run() {
    survey();
    const V state = status();
    const M good = state == V(double(kOk));
    const V one{1.0}, zero{0.0};
    count = select(good, count, zero);
    spread = select(good, spread, zero), size = select(good, size, zero);
    weight_sum = select(good, weight_sum, one), weight_max = select(good, weight_max, one);
    const V span = select(good & (last_time > first_time), last_time - first_time, one), gaps = count - one;
    const V scale = power_of_two_below(spread), inverse = one / scale;
    const V rounding = V(options.epsilon) * size, misfit = fma(V(1e-5), spread, rounding) * inverse,
            tie = V(4.0) * rounding * inverse;
    const V values = weight_sum / weight_max * V(double(D));
    for (int64_t j = 0; j < longest; ++j) {
      const M used = V(double(j)) < count;
      rows.set(rows.layout.frame() + j, select(used, rows.frame(j), zero));
      if (rows.layout.weighted) rows.set(rows.layout.weight() + j, select(used, rows.weight(j) / weight_max, zero));
      if (options.own_times)
        rows.set(rows.layout.time() + j, select(used, (rows.time(j) - first_time) / span * gaps, zero));
      for (int d = 0; d < D; ++d) {
        const int64_t row = rows.layout.position() + j * D + d;
        rows.set(row, select(used, rows.get(row) * inverse, zero));
      }
    }
    rows.set(L::kCount, count), rows.set(L::kStatus, state);
    rows.set(L::kWeightSum, weight_sum), rows.set(L::kWeightMax, weight_max);
    rows.set(L::kTimeFirst, select(good, first_time, zero)), rows.set(L::kTimeSpan, span);
    rows.set(L::kScale, scale), rows.set(L::kFloor, values * (misfit * misfit)),
        rows.set(L::kTie, values * (tie * tie));
    for (int d = 0; d < D; ++d) rows.set(L::kOrigin + d, origin[d]);
  }
};

KT_MATHS_END
