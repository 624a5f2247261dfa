// fit_segments: arguments shared by every back end, and where one group of problems keeps its numbers.
#pragma once
#include "../core/macros.hpp"
#include "../core/types.hpp"

namespace kinetrace {

constexpr int kMaxSegments = 4;

enum class Criterion : int32_t { bic = 0, fixed = 1 };

template <class T>
struct FitSegmentsArgs {
  int64_t problems = 0, frames = 0;
  int dims = 0, order = 0;            // 1..4, 0..3
  Strided<const T, 3> positions;      // (B, T, D) position units
  Strided<const T, 2> times;          // (B, T) seconds; none: frame index times dt
  Strided<const T, 2> weights;        // (B, T) 1 / variance; none: 1
  Strided<const uint8_t, 2> visible;  // (B, T); none: all
  double dt = 1;                      // seconds per frame
  int max_segments = 1;               // 1..4
  int64_t min_points = 1;             // used points of a segment, at least order + 1
  Criterion criterion = Criterion::bic;
  double noise = 0;               // position units, standard deviation at weight 1; 0: unknown
  int32_t* n_segments = nullptr;  // (B)
  int32_t* boundaries = nullptr;  // (B, max_segments - 1) frame indices, else -1
  T* contact_times = nullptr;     // (B, max_segments - 1) seconds, else NaN
  T* coefficients = nullptr;      // (B, max_segments, order + 1, D) derivatives at t = 0, else NaN
  T* residual_rms = nullptr;      // (B)
  int32_t* status = nullptr;      // (B)
  double* workspace = nullptr;    // CUDA: SegmentLayout::rows() of every problem in flight, and the step table
};

// Rows of doubles that one problem needs. Row r of lane l is at data[r * pitch + l]: lanes are problems side by side.
struct SegmentLayout {
  // A problem's status and units. Sums of squares are those of positions in units of kScale and weights in units of
  // kWeightMax: kFloor is what rounding may leave of an exact track, kTie what it may change in a sum.
  enum Head : int {
    kCount,
    kStatus,
    kRegular,
    kWeightSum,
    kWeightMax,
    kTimeFirst,
    kTimeSpan,
    kScale,
    kFloor,
    kTie,
    kOrigin
  };
  // What was found: kPieces segments with the sum of squares kLeast, then each piece from the last on: its first frame,
  // contact and coefficients.
  enum Result : int { kPieces = kOrigin + 4, kLeast, kResidualRms, kPiece };

  int64_t points;           // capacity: frames of a problem
  int dims, order, levels;  // levels: max_segments - 1
  bool weighted, own_times;

  KT_HD int64_t piece_rows() const { return 2 + (order + 1) * dims; }
  KT_HD int64_t frame() const { return kPiece + (levels + 1) * piece_rows(); }
  KT_HD int64_t time() const { return own_times ? frame() + points : frame(); }
  KT_HD int64_t weight() const { return time() + points; }
  KT_HD int64_t position() const { return weighted ? weight() + points : weight(); }
  KT_HD int64_t best() const { return position() + points * dims; }
  KT_HD int64_t rows() const { return best() + levels * (points + 1); }
};

// What the search needs of the arguments; it works in float64 and knows the caller's dtype by its limits only.
struct SegmentOptions {
  int64_t least;
  int levels;
  Criterion criterion;
  bool own_times;
  double noise, dt, epsilon, largest;
};

template <class T>
KT_HD SegmentOptions segment_options(const FitSegmentsArgs<T>& a) {
  constexpr bool kSingle = sizeof(T) == 4;
  return {a.min_points,
          a.max_segments - 1,
          a.criterion,
          a.times.data != nullptr,
          a.noise,
          a.dt,
          kSingle ? 1.1920928955078125e-07 : 2.220446049250313e-16,
          kSingle ? 3.40282346638528859812e+38 : 1.79769313486231570815e+308};
}
template <class T>
KT_HD SegmentLayout segment_layout(const FitSegmentsArgs<T>& a) {
  return {a.frames, a.dims, a.order, a.max_segments - 1, a.weights.data != nullptr, a.times.data != nullptr};
}

// Doubles per entry of the table of steps: w, x1..xK, s0..sK and the rows of r.
KT_HD constexpr int segment_step_size(int order) { return 2 + 2 * order + order * (order + 1) / 2; }

}  // namespace kinetrace
