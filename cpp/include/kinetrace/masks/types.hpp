// masks: arguments of centroids, intersection over union and Chamfer distance, shared by every back end. One stem for three
// functions: they read the same rows of bytes, are told the same, and are asked for together.
#pragma once
#include "../core/macros.hpp"
#include "../core/types.hpp"

namespace kinetrace {

// Sides up to this keep squared distances below 2^31 and distances along a column below kMaskFar.
constexpr int64_t kLargestMaskSide = 32767;

struct MasksArgs {
  int64_t problems = 0, frames = 0;  // B, T
  int64_t height = 0, width = 0;
  Strided<const uint8_t, 4> a, b;  // (B, T, H, W): a pixel is set unless it is 0; no b for centroids
  double* value = nullptr;  // (B, T), of centroids (B, T, 2) as x, y
  void* workspace = nullptr;  // CUDA only

  KT_HD int64_t images() const { return problems * frames; }
};

}  // namespace kinetrace
