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
template <class T, int D>
KT_HD void load_problem(const FitSegmentsArgs<T>& a, const SegmentLayout& layout, int64_t b, SegmentLane lane) {
  using L = SegmentLayout;
  const int64_t pitch = lane.pitch, frames = a.frames, step = a.positions.stride[1], across = a.positions.stride[2];
  const T* position = a.positions.data + b * a.positions.stride[0];
  double *to = &lane[layout.position()], *frame = &lane[layout.frame()];
  int64_t n = 0;
  bool invalid_weight = false, even = true;
  const auto take = [&](int64_t t) {
    frame[n * pitch] = double(t);
    for (int d = 0; d < D; ++d) to[(n * D + d) * pitch] = double(position[t * step + d * across]);
    ++n;
  };
  if (!a.times.data && !a.weights.data && !a.visible.data) {
    for (int64_t t = 0; t < frames; ++t) take(t);
  } else {
    const T* time = a.times.data ? a.times.data + b * a.times.stride[0] : nullptr;
    const T* weight = a.weights.data ? a.weights.data + b * a.weights.stride[0] : nullptr;
    const uint8_t* visible = a.visible.data ? a.visible.data + b * a.visible.stride[0] : nullptr;
    double *times = &lane[layout.time()], *weights = &lane[layout.weight()];
    double first_weight = 1;
    int64_t first = 0;
    for (int64_t t = 0; t < frames; ++t) {
      if (visible && !visible[t * a.visible.stride[1]]) continue;
      if (weight) {
        const double w = double(weight[t * a.weights.stride[1]]);
        invalid_weight |= !(w >= 0 && is_finite(w));
        if (w == 0) continue;
        if (n == 0) first_weight = w;
        even &= w == first_weight;
        weights[n * pitch] = w;
      }
      if (n == 0) first = t;
      even &= t - first == n;
      if (time) times[n * pitch] = double(time[t * a.times.stride[1]]);
      take(t);
    }
  }
  lane[L::kCount] = double(n);
  lane[L::kStatus] = invalid_weight ? kInvalidWeight : kOk;
  lane[L::kRegular] = even && !a.times.data;
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
    const int64_t row =
        L::kPiece + (found - 1 - s) * layout.piece_rows();  // pieces were found from the last to the first
    if (s > 0) {
      a.boundaries[b * (segments - 1) + s - 1] = s < found ? int32_t(lane[row]) : -1;
      a.contact_times[b * (segments - 1) + s - 1] = s < found ? T(lane[row + 1]) : nan;
    }
    T* coefficients = a.coefficients + (b * segments + s) * values;
    for (int i = 0; i < values; ++i) coefficients[i] = s < found ? T(lane[row + 2 + i]) : nan;
  }
}

KT_MATHS_END
