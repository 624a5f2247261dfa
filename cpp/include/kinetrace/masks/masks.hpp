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
