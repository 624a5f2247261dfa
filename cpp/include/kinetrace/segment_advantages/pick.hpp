// segment_advantages: what a token gets.
#pragma once
#include "../core/math.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

// Place of a segment id in the table {0, columns 0 .. K-1, NaN}: -1 is no segment, any other id out of range is an error.
KT_HD uint32_t place_of(int32_t segment, uint32_t columns) {
  const uint32_t place = uint32_t(segment) + 1u;
  return place <= columns ? place : columns + 1u;
}
KT_HD uint64_t place_of(int64_t segment, uint64_t columns) {
  const uint64_t place = uint64_t(segment) + 1u;
  return place <= columns ? place : columns + 1u;
}

KT_MATHS_END
