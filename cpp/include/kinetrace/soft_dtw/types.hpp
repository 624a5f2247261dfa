// soft_dtw: arguments shared by every back end.
#pragma once
#include "../alignment/types.hpp"

namespace kinetrace {

// Bytes of softmin weights that one thread keeps between the two directions; beyond, the forward direction is done again
// in pieces of rows (see soft_dtw.cpp), which costs about half as much time again, but less than main memory would.
constexpr int64_t kSoftKeptBytes = int64_t(16) << 20;

template <class T> struct SoftDtwArgs {
  int64_t pairs = 0, rows = 0, columns = 0, dims = 0;  // B, N, M, D
  Strided<const T, 3> x, y;                            // (B, N, D), (B, M, D); batch stride 0 repeats
  Strided<const T, 3> cost;                            // (B, N, M): Metric::given, in place of x and y
  SequenceLengths x_lengths, y_lengths;
  Metric metric = Metric::sqeuclidean;
  Window window;
  double gamma = 1;
  int64_t kept_bytes = kSoftKeptBytes;
  void* workspace = nullptr;  // device memory, soft_dtw_workspace bytes

  T* value = nullptr;         // (B,)
  int32_t* status = nullptr;  // (B,)
  // What is not wanted is nullptr. All are 0 beyond the lengths; alignment excludes the two gradients.
  T* x_gradient = nullptr;  // (B, N, D): d value[b] / d x[b]
  T* y_gradient = nullptr;  // (B, M, D): d value[b] / d y[b], before any sum over a batch that y repeats
  T* alignment = nullptr;   // (B, N, M): d value[b] / d cost[b], the expected alignment
  T* rewards = nullptr;  // (B, N): minus the mean cost of row i under the alignment; NaN for a pair without a value
};

}  // namespace kinetrace
