// dtw: arguments shared by every back end.
#pragma once
#include "../alignment/types.hpp"

namespace kinetrace {

constexpr int kMaxSteps = 16, kMaxReach = 8;  // steps of a pattern; rows or columns that one step may cover

// Steps as the kernels use them: sorted into groups of equal weight (groups and steps in the order of their first mention).
struct StepTable {
  int32_t count = 0, groups = 0;
  int32_t di[kMaxSteps] = {}, dj[kMaxSteps] = {};
  int32_t group_end[kMaxSteps] = {};  // steps [group_end[g - 1], group_end[g]) have weight[g]
  double weight[kMaxSteps] = {};
  int32_t max_di = 0, max_dj = 0;
};

enum class Normalize : int32_t { none = 0, x, y, sum, path };

// Which sequences make pair p: p and p (a batch of 1 repeats); all x with all y; or all x with all x, of which only the
// pairs i <= j are computed and mirrored.
enum class Pairing : int32_t { zipped = 0, all, upper };

template <class T> struct DtwArgs {
  int64_t x_count = 0, y_count = 0;  // sequences; zipped: pairs = the larger one
  int64_t pairs = 0;  // results: B, or x_count * y_count
  int64_t rows = 0, columns = 0, dims = 0;  // N, M, D
  Strided<const T, 3> x, y;  // (B, N, D), (B, M, D); batch stride 0 repeats
  Strided<const T, 3> cost;  // (B, N, M): Metric::given, in place of x and y
  SequenceLengths x_lengths, y_lengths;
  Metric metric = Metric::sqeuclidean;
  UserMetric user;
  StepTable steps;
  T weights[kMaxSteps] = {};  // of the groups of steps
  Window window;
  bool free_start = false, free_end = false;  // on the axis of y
  Normalize normalize = Normalize::none;
  Pairing pairing = Pairing::zipped;
  void* workspace = nullptr;  // device memory, dtw_workspace bytes
  int64_t direction_bytes = 0;  // host memory for the directions of one thread; above it they are computed in pieces
  T* distance = nullptr;  // (B,)
  int32_t* status = nullptr;  // (B,)
  T* curve = nullptr;  // (B, M) last row of the accumulated cost, +inf beyond the length
  T* rewards = nullptr;  // (B, N), 0 beyond the length
  int32_t* path = nullptr;  // (B, P, 2) cells from first to last, -1 beyond the path's length
  int32_t* path_lengths = nullptr;  // (B,)
  int64_t path_capacity = 0;  // P: no path of the pattern is longer
};

}  // namespace kinetrace
