// Sums in fixed point: what many pixels add to one is the same in any order, on any number of threads.
#pragma once
#include "../core/math.hpp"

KT_MATHS_BEGIN

// Scale 2^e such that `terms` contributions of at most `largest` times 2^e fit into int64, rounding included.
KT_HD double fixed_scale(double largest, double terms) {
  if (!(largest > 0)) return 1;
  int size = 0, count = 0;
  KT_SCALAR(frexp)(largest, &size), KT_SCALAR(frexp)(terms, &count);
  const int e = 62 - size - count;
  return KT_SCALAR(ldexp)(1.0, e > 1000 ? 1000 : e);
}

KT_HD int64_t to_fixed(double x, double scale) { return int64_t(KT_SCALAR(rint)(x * scale)); }
KT_HD double from_fixed(int64_t sum, double scale) { return double(sum) / scale; }

KT_MATHS_END
