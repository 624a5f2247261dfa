// masks: what is computed from counts and distances, and the order of the sums of distances.
//
// Counts and coordinates are whole numbers, so their sums are exact in any order. Distances are square roots of whole
// numbers, rounded once; they are added in double: pixel x of a row to lane x mod 32, ascending, then tree_sum; row y to
// lane y mod 32, ascending, then tree_sum. Pixels that are not asked for, and those at distance 0, add nothing.
#pragma once
#include "../core/math.hpp"
#include "../core/tree_sum.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

// Distances along a column from here on mean that the column holds no pixel. Larger than any within an image, and a count
// that starts here does not overflow 16 bits within one.
constexpr int kMaskFar = 32768;

// The distance along a column to the last pixel passed, one row on.
KT_HD int next_column_distance(bool set, int before) { return set ? 0 : before + 1; }

// Squared distance through the pixel that is dx columns and g rows away.
KT_HD int32_t squared_distance(int32_t dx, int32_t g) { return dx * dx + g * g; }

// Squared distance from pixel x of a row to the nearest pixel, given the distances g along all columns at that row: outwards
// until nothing nearer can follow. The largest int32 if there is no pixel.
KT_HD int32_t nearest_squared(const uint16_t* g, int32_t x, int32_t width) {
  int32_t best = g[x] < kMaskFar ? squared_distance(0, g[x]) : 2147483647;
  for (int32_t dx = 1; dx * dx < best && (dx <= x || x + dx < width); ++dx) {
    const int32_t left = dx <= x ? g[x - dx] : kMaskFar, right = x + dx < width ? g[x + dx] : kMaskFar;
    const int32_t nearer = left < right ? left : right;
    if (nearer >= kMaskFar) continue;
    const int32_t squared = squared_distance(dx, nearer);
    best = squared < best ? squared : best;
  }
  return best;
}

KT_HD double pixel_distance(int32_t squared) { return sqrt(double(squared)); }

// NaN for an empty mask.
KT_HD double centroid_of(int64_t sum, int64_t count) {
  return count ? double(sum) / double(count) : quiet_nan<double>();
}

// Two empty masks are equal.
KT_HD double iou_of(int64_t intersection, int64_t joint) { return joint ? double(intersection) / double(joint) : 1.0; }

// The sum of both directions' means; NaN when either mask is empty.
KT_HD double chamfer_of(double sum_a, int64_t count_a, double sum_b, int64_t count_b) {
  return count_a && count_b ? sum_a / double(count_a) + sum_b / double(count_b) : quiet_nan<double>();
}

KT_MATHS_END
