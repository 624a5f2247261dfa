// track_residual: the arithmetic, all of it in double whatever the positions are, and the order of every sum.
//
// Per track and coordinate over frames, ascending; then over coordinates, ascending; then over the 32 tracks of a group by
// tree_sum. Of the groups, lane l adds groups l, l + 32, ... ascending; then tree_sum again. Tracks and groups beyond the
// last are 0. So no bit depends on register width, threads, strides, or tracks appended unseen.
#pragma once
#include "../core/math.hpp"
#include "../core/tree_sum.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

static_assert(kTrackLanes == kSumLanes, "a group is what tree_sum adds up");

template <class T> KT_HD int64_t groups_of(const TrackResidualArgs<T>& a) {
  return (a.tracks + kTrackLanes - 1) / kTrackLanes;
}
template <class T> KT_HD int sums_of(const TrackResidualArgs<T>& a) {
  return a.norm == ResidualNorm::signed_ ? a.dims : 1;
}

// p3 - 3 p2 + 3 p1 - p0, from differences of neighbours: positions of float32 make it exact but for the last rounding.
template <class V> KT_HD V third_difference(V p0, V p1, V p2, V p3) { return fma(V(-3.0), p2 - p1, p3 - p0); }

// What one residual adds to the sum of its track and coordinate.
template <class V> KT_HD V accumulate(ResidualNorm norm, V r, V sum) {
  if (norm == ResidualNorm::squared) return fma(r, r, sum);
  return sum + (norm == ResidualNorm::absolute ? abs(r) : r);
}

// Derivative of accumulate by r, times c; that of |r| at 0 is 0. The 2 of the square is in c.
template <class V> KT_HD V slope(ResidualNorm norm, V r, V c) {
  if (norm == ResidualNorm::squared) return c * r;
  if (norm == ResidualNorm::signed_) return c;
  return select(r > V(0.0), c, select(r < V(0.0), -c, c * (r - r)));  // NaN stays
}

// The third difference transposed: gradient at frame t from the q = dL/dr of residuals t, t-1, t-2, t-3 (0 beyond the ends).
template <class V> KT_HD V spread(V q0, V q1, V q2, V q3) { return fma(V(3.0), q1 - q2, q3 - q0); }

// The power of dt that a norm divides by, applied to a sum, a field value or an upstream gradient.
KT_HD double per_frame(ResidualNorm norm, double dt, double x) {
  const double y = x / dt;
  return norm == ResidualNorm::squared ? y / dt : y;
}

// x / N of a reduction; 0 where nothing counts.
template <class T> KT_HD double normalized(const TrackResidualArgs<T>& a, double x, double count) {
  if (a.reduction == ResidualReduction::sum || a.reduction == ResidualReduction::none) return x;
  if (!(count > 0)) return 0;
  return x / (a.reduction == ResidualReduction::mean_elements ? count * a.dims : count);
}

template <class T> KT_HD T value_of(const TrackResidualArgs<T>& a, double sum, double count) {
  return T(per_frame(a.norm, a.dt, normalized(a, sum, count)));
}

// c of slope() for an upstream gradient.
template <class T> KT_HD double slope_factor(const TrackResidualArgs<T>& a, T upstream, double count) {
  const double c = per_frame(a.norm, a.dt, normalized(a, double(upstream), count));
  return a.norm == ResidualNorm::squared ? 2 * c : c;
}

KT_MATHS_END
