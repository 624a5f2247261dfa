// Between the caller's rows (one problem each) and packs (one problem per lane), in registers.
//
// A register is taken as quarters of 16 bytes, C elements each. Quarter q of register k holds C neighbouring columns of
// row C q + k, so transposing C x C blocks inside the quarters puts row r into lane r: loads insert quarters straight
// from memory, and only shuffles inside quarters remain, the cheap ones.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>

#include <kinetrace/core/pack.hpp>

KT_MATHS_BEGIN

template <class T> constexpr int kQuarter = 16 / int(sizeof(T));  // C

// a and b interleaved element by element inside each quarter, from its low or its high half.
template <bool kHigh, class T, int W, std::size_t... I> KT_HD Pack<T, W> zip(Pack<T, W> a, Pack<T, W> b, std::index_sequence<I...>) {
  constexpr int C = kQuarter<T>;
  return Pack<T, W>(__builtin_shufflevector(a.v, b.v, (int(I) / C * C + int(I) % C / 2 + (kHigh ? C / 2 : 0) + (I % 2 ? W : 0))...));
}

// Transposes the C x C blocks in the quarters of r[0..C).
template <class T, int W> KT_HD void transpose_quarters(Pack<T, W>* r) {
  constexpr std::make_index_sequence<W> all{};
  if constexpr (kQuarter<T> == 2) {
    const Pack<T, W> a = zip<false>(r[0], r[1], all), b = zip<true>(r[0], r[1], all);
    r[0] = a, r[1] = b;
  } else {
    const Pack<T, W> a = zip<false>(r[0], r[2], all), b = zip<true>(r[0], r[2], all);
    const Pack<T, W> c = zip<false>(r[1], r[3], all), d = zip<true>(r[1], r[3], all);
    r[0] = zip<false>(a, c, all), r[1] = zip<true>(a, c, all), r[2] = zip<false>(b, d, all), r[3] = zip<true>(b, d, all);
  }
}

// C elements from each of the rows k, C + k, 2 C + k, ...: one quarter each.
template <class T, int W> KT_HD Pack<T, W> load_quarters(const T* const* rows, int k, int64_t at) {
  constexpr int C = kQuarter<T>;
  if constexpr (W == C) {
    return load<Pack<T, W>>(rows[k] + at);
  } else {
    using Quarter = Pack<T, C>;
    const auto quarter = [&](int q) { return load<Quarter>(rows[C * q + k] + at).v; };
#if defined(__AVX512F__)
    if constexpr (W == 4 * C) {
      auto v = _mm512_castps128_ps512((__m128)quarter(0));
      v = _mm512_insertf32x4(v, (__m128)quarter(1), 1);
      v = _mm512_insertf32x4(v, (__m128)quarter(2), 2);
      return Pack<T, W>((typename Pack<T, W>::Vector)_mm512_insertf32x4(v, (__m128)quarter(3), 3));
    }
#endif
#if defined(__AVX__)
    if constexpr (W == 2 * C)
      return Pack<T, W>((typename Pack<T, W>::Vector)_mm256_insertf128_ps(_mm256_castps128_ps256((__m128)quarter(0)), (__m128)quarter(1), 1));
#endif
  }
}

// The way back: C neighbouring elements to each of the rows k, C + k, ...
template <class T, int W> KT_HD void store_quarters(T* const* rows, int k, int64_t at, Pack<T, W> x) {
  constexpr int C = kQuarter<T>;
  T memory[W];
  store(memory, x);
  for (int q = 0; q < W / C; ++q) store(rows[C * q + k] + at, load<Pack<T, C>>(memory + C * q));
}

// Calls sink(base, c, pack) for the columns base + c = 0, 1, ... n - 1 of W rows, in this order, once each. They come in steps
// of L, a multiple of C; c < L is a constant to the compiler. n and every base are multiples of any divisor of L that n has.
template <int L, class T, int W, class Sink> KT_HD void for_each_column(const T* const* rows, int64_t n, Sink&& sink) {
  constexpr int C = kQuarter<T>;
  using V = Pack<T, W>;
  const auto block = [&](int64_t at, V* r) {
#pragma GCC unroll 8
    for (int q = 0; q < L / C; ++q) {
#pragma GCC unroll 4
      for (int k = 0; k < C; ++k) r[q * C + k] = load_quarters<T, W>(rows, k, at + q * C);
      transpose_quarters<T, W>(r + q * C);
    }
  };
  V r[L];
  int64_t j = 0;
  for (; j + L <= n; j += L) {
    block(j, r);
#pragma GCC unroll 16
    for (int c = 0; c < L; ++c) sink(j, c, r[c]);
  }
  if (j == n) return;
  const int64_t at = n < L ? 0 : n - L;  // the last block overlaps what is done instead of leaving a tail
  if (n >= L) {
    block(at, r);
  } else {
    for (int c = 0; c < int(n); ++c)
      for (int l = 0; l < W; ++l) r[c].v[l] = rows[l][c];
  }
#pragma GCC unroll 16
  for (int c = 0; c < L; ++c)
    if (at + c >= j && at + c < n) sink(at, c, r[c]);
}

KT_MATHS_END
