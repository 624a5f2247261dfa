// Bit patterns and rounding shared by scalars and packs.
#pragma once
#include <cstdint>
#include <cstring>

#include "math.hpp"
#if !defined(__CUDACC__)
#include "pack.hpp"
#endif

KT_MATHS_BEGIN

// Patterns of non-negative floats order like their values: halfway between two patterns, upwards. a < result <= b if a < b.
KT_HD float between_patterns(float a, float b) {
  uint32_t i, j;
  memcpy(&i, &a, sizeof i);
  memcpy(&j, &b, sizeof j);
  i += (j - i + 1) / 2;
  memcpy(&a, &i, sizeof i);
  return a;
}
KT_HD double between_patterns(double a, double b) {
  uint64_t i, j;
  memcpy(&i, &a, sizeof i);
  memcpy(&j, &b, sizeof j);
  i += (j - i + 1) / 2;
  memcpy(&a, &i, sizeof i);
  return a;
}
// The one with the larger pattern, read as an unsigned integer: of the non-negative finite numbers the largest; but any
// infinity, NaN, negative number or -0 is larger than those.
KT_HD float max_pattern(float a, float b) {
  uint32_t i, j;
  memcpy(&i, &a, sizeof i);
  memcpy(&j, &b, sizeof j);
  return i > j ? a : b;
}
KT_HD double max_pattern(double a, double b) {
  uint64_t i, j;
  memcpy(&i, &a, sizeof i);
  memcpy(&j, &b, sizeof j);
  return i > j ? a : b;
}
// The power of two at or below a normal x > 0.
KT_HD float power_of_two(float x) {
  uint32_t i;
  memcpy(&i, &x, sizeof i);
  i &= 0x7f800000u;
  memcpy(&x, &i, sizeof i);
  return x;
}
KT_HD double power_of_two(double x) {
  uint64_t i;
  memcpy(&i, &x, sizeof i);
  i &= 0x7ff0000000000000u;
  memcpy(&x, &i, sizeof i);
  return x;
}
KT_HD float floor_of(float x) { return floor(x); }
KT_HD double floor_of(double x) { return floor(x); }

#if !defined(__CUDACC__)
template <class T, int W> KT_HD Pack<T, W> between_patterns(Pack<T, W> a, Pack<T, W> b) {
  using I = typename Mask<T, W>::Vector;
  const I i = (I)a.v, j = (I)b.v;
  return Pack<T, W>((typename Pack<T, W>::Vector)(i + ((j - i + 1) >> 1)));
}
template <class T, int W> KT_HD Pack<T, W> max_pattern(Pack<T, W> a, Pack<T, W> b) {
  using V [[maybe_unused]] = typename Pack<T, W>::Vector;
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64 && sizeof(T) == 4) return Pack<T, W>((V)_mm512_max_epu32((__m512i)a.v, (__m512i)b.v));
  if constexpr (sizeof(V) == 64 && sizeof(T) == 8) return Pack<T, W>((V)_mm512_max_epu64((__m512i)a.v, (__m512i)b.v));
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(V) == 32 && sizeof(T) == 4) return Pack<T, W>((V)_mm256_max_epu32((__m256i)a.v, (__m256i)b.v));
#endif
  using I = typename Mask<T, W>::Vector;
  using Int = typename Mask<T, W>::Int;
  const I sign = I{} + (sizeof(T) == 4 ? Int(1) << 31 : Int(uint64_t(1) << 63)), i = (I)a.v ^ sign, j = (I)b.v ^ sign;
  return Pack<T, W>(i > j ? a.v : b.v);
}
template <class T, int W> KT_HD Pack<T, W> power_of_two(Pack<T, W> x) {
  using I = typename Mask<T, W>::Vector;
  using Int = typename Mask<T, W>::Int;
  const Int exponent = sizeof(T) == 4 ? Int(0x7f800000) : Int(0x7ff0000000000000);
  return Pack<T, W>((typename Pack<T, W>::Vector)((I)x.v & (I{} + exponent)));
}
template <class T, int W> KT_HD Pack<T, W> floor_of(Pack<T, W> x) {
  Pack<T, W> r;
  for (int i = 0; i < W; ++i) r.v[i] = floor(T(x.v[i]));
  return r;
}
#endif

KT_MATHS_END
