// Alignment of two sequences: what hard and soft DTW share. Plain data, no code of any instruction set.
#pragma once
#include "../core/types.hpp"

namespace kinetrace {

// Local cost of two samples; alignment/local_cost.hpp has the arithmetic. euclidean of one coordinate is l1 (the binding
// says so already), so that tiny differences do not underflow in their squares.
enum class Metric : int32_t { sqeuclidean = 0, euclidean, l1, cosine, dot, user, given };

// A compiled callback of the caller: double f(const T* x, const T* y, int64_t dims[, void* data]). CPU only.
struct UserMetric {
  void* function = nullptr;
  void* data = nullptr;
  bool takes_data = false;
};

// How many samples of each sequence count; without an array all of them. Padding beyond is never read.
struct SequenceLengths {
  const int32_t* data32 = nullptr;  // (B,) or (1,); at most one of the two is given
  const int64_t* data64 = nullptr;
  int64_t stride = 0;  // in elements; 0 repeats
  int64_t extent = 0;  // N or M: the longest a sequence can be
};

// Slope-adjusted Sakoe-Chiba band; alignment/window.hpp has the rule.
struct Window {
  bool limited = false;
  bool relative = false;  // radius is a fraction of the shorter sequence
  double radius = 0;      // samples of the shorter sequence, or that fraction
};

}  // namespace kinetrace
