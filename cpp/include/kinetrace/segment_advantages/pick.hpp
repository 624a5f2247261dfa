// segment_advantages: what a token gets.
#pragma once
#include <type_traits>

#include "../core/math.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

// Place of a segment id in the table {0, columns 0 .. K-1, NaN}: -1 is no segment, any other id out of range is an error.
// Narrow ids are widened first: 255 of an unsigned one is a number like any other, not -1.
template <class I> KT_HD auto place_of(I segment, int64_t columns) {
  using U = std::conditional_t<sizeof(I) == 8, uint64_t, uint32_t>;
  const U place = U(std::make_signed_t<U>(segment)) + 1u;
  return place <= U(columns) ? place : U(columns) + 1u;
}

KT_MATHS_END
