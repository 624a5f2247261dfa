// Sums over 32 lanes in an order that a warp can follow: the same bits on the CPU and on CUDA.
#pragma once
#include "math.hpp"

KT_MATHS_BEGIN

constexpr int kSumLanes = 32;

// Sums v[0..31] into v[0]: the halves onto each other, five times; what a warp does with shuffles.
KT_HD void tree_sum(double* v) {
  for (int half = kSumLanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) v[l] = v[l] + v[l + half];
}

KT_MATHS_END
