// Bit patterns and rounding shared by scalars and packs.
#pragma once
#include <cstdint>
#include <cstring>

#include "math.hpp"
#if !defined(__CUDACC__)
#include "pack.hpp"
#endif

KT_MATHS_BEGIN

// x >= 0 with one more bit of its pattern set: patterns of non-negative floats order like their values.
KT_HD float with_bit(float x, int bit) {
  uint32_t i;
  memcpy(&i, &x, sizeof i);
  i |= uint32_t(1) << bit;
  memcpy(&x, &i, sizeof i);
  return x;
}
KT_HD double with_bit(double x, int bit) {
  uint64_t i;
  memcpy(&i, &x, sizeof i);
  i |= uint64_t(1) << bit;
  memcpy(&x, &i, sizeof i);
  return x;
}
KT_HD float floor_of(float x) { return floor(x); }
KT_HD double floor_of(double x) { return floor(x); }

#if !defined(__CUDACC__)
template <class T, int W> KT_HD Pack<T, W> with_bit(Pack<T, W> x, int bit) {
  using I = typename Mask<T, W>::Vector;
  using Int = typename Mask<T, W>::Int;
  return Pack<T, W>((typename Pack<T, W>::Vector)((I)x.v | (I{} + (Int(1) << bit))));
}
template <class T, int W> KT_HD Pack<T, W> floor_of(Pack<T, W> x) {
  Pack<T, W> r;
  for (int i = 0; i < W; ++i) r.v[i] = floor(T(x.v[i]));
  return r;
}
#endif

KT_MATHS_END
