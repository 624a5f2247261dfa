// fit_segments, the maths: one problem's used points into rows, and its results out. Scalar: every problem drops other frames.
#pragma once
#include "../core/math.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

// Lane l of the rows: data already points at the lane.
struct SegmentLane {
  double* data;
  int64_t pitch;
  KT_HD double& operator[](int64_t row) const { return data[row * pitch]; }
};

// Packs the used points of problem b to the front, relative to the first one, and finds its status.
template <class T> KT_HD void load_problem(const FitSegmentsArgs<T>& a, const SegmentLayout& layout, int64_t b, SegmentLane lane) {
  using L = SegmentLayout;
  const T* positions = a.positions.data + b * a.positions.stride[0];
  const T* times = a.times.data ? a.times.data + b * a.times.stride[0] : nullptr;
  const T* weights = a.weights.data ? a.weights.data + b * a.weights.stride[0] : nullptr;
  const uint8_t* visible = a.visible.data ? a.visible.data + b * a.visible.stride[0] : nullptr;
  const int64_t time_row = layout.time(), weight_row = layout.weight(), frame_row = layout.frame(), position_row = layout.position();
  bool invalid_weight = false, finite = true, increasing = true, even = true;
  double spread = 0, size = 0, weight_sum = 0, weight_max = 0, first = 0, previous = 0, first_weight = 1;
  double origin[4] = {0, 0, 0, 0};
  int64_t n = 0, first_frame = 0;
  for (int64_t t = 0; t < a.frames; ++t) {
    if (visible && !visible[t * a.visible.stride[1]]) continue;
    const double w = weights ? double(weights[t * a.weights.stride[1]]) : 1.0;
    invalid_weight |= !(w >= 0 && is_finite(w));
    if (w == 0) continue;
    const double time = times ? double(times[t * a.times.stride[1]]) : double(t);
    if (n == 0) first = time, first_frame = t, first_weight = w;
    else increasing &= time > previous;
    finite &= is_finite(time);
    previous = time;
    even &= w == first_weight && t - first_frame == n;
    weight_sum = weight_sum + w;
    weight_max = max(w, weight_max);
    for (int d = 0; d < a.dims; ++d) {
      const double x = double(positions[t * a.positions.stride[1] + d * a.positions.stride[2]]);
      if (n == 0) origin[d] = x;
      const double y = x - origin[d];
      finite &= is_finite(x);
      size = max(abs(x), size);
      spread = max(abs(y), spread);
      lane[position_row + n * a.dims + d] = y;
    }
    lane[time_row + n] = time - first;
    lane[weight_row + n] = w;
    lane[frame_row + n] = double(t);
    ++n;
  }
  const double span = previous - first, total = weight_sum * a.dims * spread * spread, limit = limits<T>::largest;
  const bool overflow = !(total <= limit && weight_sum <= limit && is_finite(span) && is_finite(times ? span : double(a.frames) * a.dt));
  const int status = invalid_weight ? kInvalidWeight : !finite ? kNonFinite : n < a.min_points ? kTooFewPoints : overflow ? kNonFinite : !increasing ? kSingular : kOk;
  const bool good = status == kOk;
  lane[L::kCount] = good ? double(n) : 0;
  lane[L::kStatus] = status;
  lane[L::kSpread] = good ? spread : 0;
  lane[L::kSize] = good ? size : 0;
  lane[L::kWeightSum] = good ? weight_sum : 1;
  lane[L::kWeightMax] = good ? weight_max : 1;
  lane[L::kTimeFirst] = good ? first : 0;
  lane[L::kTimeSpan] = good ? span : 1;
  lane[L::kFrameFirst] = double(first_frame);
  lane[L::kRegular] = even && !times && good;
  for (int d = 0; d < 4; ++d) lane[L::kOrigin + d] = good ? origin[d] : 0;
}

template <class T> KT_HD void write_problem(const FitSegmentsArgs<T>& a, const SegmentLayout& layout, int64_t b, SegmentLane lane) {
  using L = SegmentLayout;
  const int segments = a.max_segments, values = (a.order + 1) * a.dims, status = int(lane[L::kOutcome]);
  const int found = status == kOk ? int(lane[L::kPieces]) : 0;
  const T nan = quiet_nan<T>();
  a.n_segments[b] = found;
  a.status[b] = status;
  a.residual_rms[b] = found ? T(lane[L::kResidualRms]) : nan;
  for (int s = 0; s < segments; ++s) {
    const int64_t row = L::kPiece + (found - 1 - s) * layout.piece_rows();  // pieces were found from the last to the first
    if (s > 0) {
      a.boundaries[b * (segments - 1) + s - 1] = s < found ? int32_t(lane[row]) : -1;
      a.contact_times[b * (segments - 1) + s - 1] = s < found ? T(lane[row + 1]) : nan;
    }
    T* coefficients = a.coefficients + (b * segments + s) * values;
    for (int i = 0; i < values; ++i) coefficients[i] = s < found ? T(lane[row + 2 + i]) : nan;
  }
}

KT_MATHS_END
