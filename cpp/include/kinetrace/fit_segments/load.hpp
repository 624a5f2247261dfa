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

// Packs the used points of problem b to the front, as they are; whether their numbers are good is found out with lanes.
template <class T>
KT_HD void load_problem(const FitSegmentsArgs<T>& a, const SegmentLayout& layout, int64_t b, SegmentLane lane) {
  using L = SegmentLayout;
  const T* positions = a.positions.data + b * a.positions.stride[0];
  const T* times = a.times.data ? a.times.data + b * a.times.stride[0] : nullptr;
  const T* weights = a.weights.data ? a.weights.data + b * a.weights.stride[0] : nullptr;
  const uint8_t* visible = a.visible.data ? a.visible.data + b * a.visible.stride[0] : nullptr;
  bool invalid_weight = false, even = true;
  double first_weight = 1;
  int64_t n = 0, first = 0;
  for (int64_t t = 0; t < a.frames; ++t) {
    if (visible && !visible[t * a.visible.stride[1]]) continue;
    double w = 1;
    if (weights) {
      w = double(weights[t * a.weights.stride[1]]);
      invalid_weight |= !(w >= 0 && is_finite(w));
      if (w == 0) continue;
      lane[layout.weight() + n] = w;
    }
    if (n == 0) first = t, first_weight = w;
    even &= w == first_weight && t - first == n;
    lane[layout.frame() + n] = double(t);
    if (times) lane[layout.time() + n] = double(times[t * a.times.stride[1]]);
    for (int d = 0; d < a.dims; ++d) lane[layout.position() + n * a.dims + d] = double(positions[t * a.positions.stride[1] + d * a.positions.stride[2]]);
    ++n;
  }
  lane[L::kCount] = double(n);
  lane[L::kStatus] = invalid_weight ? kInvalidWeight : kOk;
  lane[L::kRegular] = even && !times;
}

template <class T>
KT_HD void write_problem(const FitSegmentsArgs<T>& a, const SegmentLayout& layout, int64_t b, SegmentLane lane) {
  using L = SegmentLayout;
  const int segments = a.max_segments, values = (a.order + 1) * a.dims, status = int(lane[L::kStatus]);
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
