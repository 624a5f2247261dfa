// group_advantages: sums that do not depend on the order of their terms, because nothing is rounded until the end.
//
// Adding and subtracting a power of two 2^s far above all terms cuts a term to a multiple of 2^(s-53); with
// 2^s >= (n + 2) max |x|, n such multiples add up without rounding in any order. What was cut off goes the same way into
// a second sum. Both together hold the terms to about 2 * (52 - log2 n) bits below the largest: far more than a double has.
#pragma once
#include "../core/bits.hpp"

KT_MATHS_BEGIN

template <class V> struct ExactSum {
  V high_unit, low_unit, high, low;

  // bound >= |x| for each of `count` terms (zeros beyond those are free).
  KT_HD ExactSum(V bound, V count) : high(0.0), low(0.0) {
    const V room = power_of_two(count + V(1.0)) * V(2.0);
    high_unit = power_of_two(max(bound, V(0x1p-900))) * V(2.0) * room;
    low_unit = high_unit * V(0x1p-53) * room;
  }
  KT_HD V high_part(V x) const { return (high_unit + x) - high_unit; }
  KT_HD V low_part(V rest) const { return (low_unit + rest) - low_unit; }
  KT_HD void add(V x) {
    const V q = high_part(x);
    high = high + q;
    low = low + low_part(x - q);
  }
  KT_HD V total() const { return high + low; }
};

KT_MATHS_END
