// Positive numbers far outside the range of their type: mantissa 2^exponent, the exponent a whole number kept as a float.
// What sums of exponentials need: no logarithm, no overflow, and rounding errors that do not grow with the exponent.
#pragma once
#include <cstdint>
#include <cstring>

#include "math.hpp"
#if !defined(__CUDACC__)
#include "pack.hpp"
#endif

KT_MATHS_BEGIN

template <class V> struct Scaled {
  V exponent, mantissa;  // mantissa in [1, 2) where a function below made it
};

// Where exponents end: absent() stands for 0; a number whose exponent is below kAbsentBelow counts as 0. As many absent
// numbers as memory can hold still multiply without overflow.
template <class T> struct ScaledLimits;
template <> struct ScaledLimits<float> {
  using Bits = uint32_t;
  static constexpr float largest = 1.2676506002282294e30f, absent_below = -6.338253001141147e29f;  // 2^100, -2^99
  static constexpr int mantissa_bits = 23, bias = 127;
  static constexpr float whole = 12582912.0f;  // 1.5 2^23: adding it puts a whole number into the low bits
  static constexpr float shrink_to = -62;  // smallest power of two that shrink() keeps
  static constexpr float tiny = 8.673617379884035e-19f;  // 2^-60: products of two numbers above it are normal
};
template <> struct ScaledLimits<double> {
  using Bits = uint64_t;
  static constexpr double largest = 8.452712498170644e270, absent_below = -4.226356249085322e270;  // 2^900, -2^899
  static constexpr int mantissa_bits = 52, bias = 1023;
  static constexpr double whole = 6755399441055744.0;  // 1.5 2^52
  static constexpr double shrink_to = -510;
  static constexpr double tiny = 2.9833362924800827e-154;  // 2^-510
};

// a + b and a - b; kFused: by the units that multiply, for where those that add are short (one shrink() occupies them twice).
// The same bits.
template <bool kFused, class V> KT_HD V sum_of(V a, V b) {
#if defined(__AVX512F__) && !defined(__CUDACC__)
  if constexpr (kFused && sizeof(V) == 64) return fma(a, V(scalar_of<V>(1)), b);
#endif
  return a + b;
}
template <bool kFused, class V> KT_HD V difference_of(V a, V b) {
#if defined(__AVX512F__) && !defined(__CUDACC__)
  if constexpr (kFused && sizeof(V) == 64) return fma(b, V(scalar_of<V>(-1)), a);
#endif
  return a - b;
}

// Nearest whole number, ties to even.
#if defined(__CUDACC__)
KT_HD float round_even(float x) { return ::rintf(x); }
KT_HD double round_even(double x) { return ::rint(x); }
#else
KT_HD float round_even(float x) { return __builtin_rintf(x); }
KT_HD double round_even(double x) { return __builtin_rint(x); }
#endif

KT_HD uint32_t bits_of(float x) {
  uint32_t b;
  memcpy(&b, &x, sizeof b);
  return b;
}
KT_HD uint64_t bits_of(double x) {
  uint64_t b;
  memcpy(&b, &x, sizeof b);
  return b;
}
KT_HD float from_bits(uint32_t b) {
  float x;
  memcpy(&x, &b, sizeof x);
  return x;
}
KT_HD double from_bits(uint64_t b) {
  double x;
  memcpy(&x, &b, sizeof x);
  return x;
}

// mantissa 2^shift for a whole shift <= 0. Below ScaledLimits::shrink_to it is some positive number or 0 that is lost in any
// sum with a mantissa that was not shrunk; counts() tells which.
template <class T> KT_HD T shrink(T mantissa, T shift) {
  using L = ScaledLimits<T>;
  const T kept = shift < L::shrink_to ? L::shrink_to : shift;
  return mantissa * from_bits(typename L::Bits(typename L::Bits(int64_t(kept) + L::bias) << L::mantissa_bits));
}
template <class V> KT_HD mask_of<V> counts(V shift) { return shift >= V(ScaledLimits<scalar_of<V>>::shrink_to); }

// The same number with its mantissa in [1, 2); the mantissa must be positive and normal.
template <class T> KT_HD Scaled<T> normalized(T exponent, T mantissa) {
  using L = ScaledLimits<T>;
  using B = typename L::Bits;
  const B bits = bits_of(mantissa), field = bits >> L::mantissa_bits;
  return {exponent + T(int64_t(field) - L::bias),
          from_bits(B(bits - (field << L::mantissa_bits) + (B(L::bias) << L::mantissa_bits)))};
}

// x, but at least low; low for NaN. The compiler makes two instructions of max() with a constant.
template <class T> KT_HD T at_least(T x, T low) { return x > low ? x : low; }

#if !defined(__CUDACC__)
template <class T, int W> KT_HD Pack<T, W> at_least(Pack<T, W> x, Pack<T, W> low) {
  using Vector [[maybe_unused]] = typename Pack<T, W>::Vector;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) * W == 64 && sizeof(T) == 4)
    return Pack<T, W>((Vector)_mm512_max_ps((__m512)x.v, (__m512)low.v));
  if constexpr (sizeof(T) * W == 64 && sizeof(T) == 8)
    return Pack<T, W>((Vector)_mm512_max_pd((__m512d)x.v, (__m512d)low.v));
#endif
#if defined(__AVX__)
  if constexpr (sizeof(T) * W == 32 && sizeof(T) == 4)
    return Pack<T, W>((Vector)_mm256_max_ps((__m256)x.v, (__m256)low.v));
  if constexpr (sizeof(T) * W == 32 && sizeof(T) == 8)
    return Pack<T, W>((Vector)_mm256_max_pd((__m256d)x.v, (__m256d)low.v));
#endif
  return max(x, low);
}
// Whether the sign is set, that of a zero too.
template <class T, int W> KT_HD Mask<T, W> negative(Pack<T, W> x) {
  using I = typename Mask<T, W>::Vector;
  return Mask<T, W>((I)x.v < I{});
}
template <class T, int W> KT_HD Pack<T, W> round_even(Pack<T, W> x) {
  using Vector [[maybe_unused]] = typename Pack<T, W>::Vector;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) * W == 64 && sizeof(T) == 4) return Pack<T, W>((Vector)_mm512_roundscale_ps((__m512)x.v, 8));
  if constexpr (sizeof(T) * W == 64 && sizeof(T) == 8) return Pack<T, W>((Vector)_mm512_roundscale_pd((__m512d)x.v, 8));
#endif
#if defined(__AVX__)
  if constexpr (sizeof(T) * W == 32 && sizeof(T) == 4) return Pack<T, W>((Vector)_mm256_round_ps((__m256)x.v, 8));
  if constexpr (sizeof(T) * W == 32 && sizeof(T) == 8) return Pack<T, W>((Vector)_mm256_round_pd((__m256d)x.v, 8));
#endif
  Pack<T, W> r;
  for (int i = 0; i < W; ++i) r.v[i] = round_even(T(x.v[i]));
  return r;
}
template <class T, int W> KT_HD Pack<T, W> shrink(Pack<T, W> mantissa, Pack<T, W> shift) {
  using Vector = typename Pack<T, W>::Vector;
  using L = ScaledLimits<T>;
#if defined(__AVX512F__) && !defined(KT_NO_SCALEF)
  if constexpr (sizeof(T) * W == 64 && sizeof(T) == 4)
    return Pack<T, W>((Vector)_mm512_scalef_ps((__m512)mantissa.v, (__m512)shift.v));
  if constexpr (sizeof(T) * W == 64 && sizeof(T) == 8)
    return Pack<T, W>((Vector)_mm512_scalef_pd((__m512d)mantissa.v, (__m512d)shift.v));
#endif
  // The sum with `whole` ends in the shift's two's complement, of which the move to the exponent field keeps enough.
  using I = typename Mask<T, W>::Vector;
  const auto kept = at_least(shift, Pack<T, W>(L::shrink_to));
  const I moved = (I)(kept + Pack<T, W>(L::whole)).v << L::mantissa_bits;
  return Pack<T, W>((Vector)((I)mantissa.v + moved));
}
template <class T, int W> KT_HD Scaled<Pack<T, W>> normalized(Pack<T, W> exponent, Pack<T, W> mantissa) {
  using P = Pack<T, W>;
  using Vector = typename P::Vector;
  using L = ScaledLimits<T>;
#if defined(__AVX512F__) && !defined(KT_NO_GETEXP)
  if constexpr (sizeof(T) * W == 64 && sizeof(T) == 4)
    return {exponent + P((Vector)_mm512_getexp_ps((__m512)mantissa.v)),
            P((Vector)_mm512_getmant_ps((__m512)mantissa.v, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src))};
  if constexpr (sizeof(T) * W == 64 && sizeof(T) == 8)
    return {exponent + P((Vector)_mm512_getexp_pd((__m512d)mantissa.v)),
            P((Vector)_mm512_getmant_pd((__m512d)mantissa.v, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src))};
#endif
  using I = typename Mask<T, W>::Vector;
  using Int = typename Mask<T, W>::Int;
  // The exponent field as a whole number: its bits under those of `whole`, which are then subtracted with the bias.
  const I one = I{} + Int(Int(L::bias) << L::mantissa_bits), bits = (I)mantissa.v;
  const I field = (bits - one) >> L::mantissa_bits;  // arithmetic: the unbiased exponent
  const P whole = P((Vector)(field + (I)P(L::whole).v)) - P(L::whole);
  return {exponent + whole, P((Vector)(bits - (field << L::mantissa_bits)))};
}
#endif

// 2^x - its fraction in [-1/2, 1/2] by a polynomial near the minimax one: relative error below 8e-8 for float (degree 6,
// one rounding of the result) and 1.2e-16 for double (degree 11); 2^0 is 1.
KT_HD float exp2_coefficient(float, int i) {
  constexpr float c[] = {1.0f,
                         6.93147206702832586e-01f,
                         2.40226509222887574e-01f,
                         5.55032722667030201e-02f,
                         9.61805667852463908e-03f,
                         1.34004281776159287e-03f,
                         1.54614446985687091e-04f};
  return c[i];
}
KT_HD double exp2_coefficient(double, int i) {
  constexpr double c[] = {1.0,
                          6.93147180559945286e-01,
                          2.40226506959101610e-01,
                          5.55041086648216178e-02,
                          9.61812910758714536e-03,
                          1.33335581464066226e-03,
                          1.54035304638282792e-04,
                          1.52527338423740602e-05,
                          1.32154324944867382e-06,
                          1.01780564596669076e-07,
                          7.07420022093065096e-09,
                          4.45594403811009126e-10};
  return c[i];
}
// The mantissa is in [0.7, 1.42] here. x may not exceed ScaledLimits::largest in magnitude.
template <class V> KT_HD Scaled<V> exp2_scaled(V x) {
  using T = scalar_of<V>;
  const V whole = round_even(x), f = x - whole;
  constexpr int kDegree = sizeof(T) == 4 ? 6 : 11;
  V p = V(exp2_coefficient(T(0), kDegree));
#if defined(__CUDACC__)
#pragma unroll
#else
#pragma GCC unroll 12
#endif
  for (int i = kDegree - 1; i >= 0; --i) p = fma(p, f, V(exp2_coefficient(T(0), i)));
  return {whole, p};
}

KT_MATHS_END
