// Between the caller's rows (one problem each) and packs (one problem per lane), in registers.
//
// A register is taken as quarters of 16 bytes, C elements each. Quarter q of register k holds C neighbouring columns of
// row C q + k, so transposing C x C blocks inside the quarters puts row r into lane r: loads insert quarters straight
// from memory, and only shuffles inside quarters remain, the cheap ones.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <kinetrace/core/pack.hpp>

KT_MATHS_BEGIN

template <class T> constexpr int kQuarter = 16 / int(sizeof(T));  // C

// f(0), f(1), ... f(N - 1) with integral constants: unlike a loop, registers may be indexed by them.
template <class F, int... I> KT_HD void unroll_over(F&& f, std::integer_sequence<int, I...>) {
  (f(std::integral_constant<int, I>{}), ...);
}
template <int N, class F> KT_HD void unroll(F&& f) { unroll_over(f, std::make_integer_sequence<int, N>{}); }

// a and b interleaved element by element inside each quarter, from its low or its high half.
template <bool kHigh, class T, int W, std::size_t... I> KT_HD Pack<T, W> zip(Pack<T, W> a, Pack<T, W> b,
                                                                             std::index_sequence<I...>) {
  constexpr int C = kQuarter<T>;
  return Pack<T, W>(
      __builtin_shufflevector(a.v, b.v, (int(I) / C * C + int(I) % C / 2 + (kHigh ? C / 2 : 0) + (I % 2 ? W : 0))...));
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
    r[0] = zip<false>(a, c, all), r[1] = zip<true>(a, c, all), r[2] = zip<false>(b, d, all),
    r[3] = zip<true>(b, d, all);
  }
}

// W rows that lie `stride` elements apart.
template <class Element, int W> struct RowBlock {
  using T = std::remove_const_t<Element>;
  static constexpr int C = kQuarter<T>;
  Element* first;
  int64_t stride;

  // Where rows C q, C q + 1, ... C q + C - 1 have column `at`. The compiler is kept from turning W rows into W pointers that
  // it then has no registers for.
  KT_HD Element* quarter_rows(int q, int64_t at) const {
    Element* p = first + int64_t(C * q) * stride + at;
    asm("" : "+r"(p));
    return p;
  }

  // Columns at, at + 1, ... at + C - 1, one pack each.
  KT_HD void load_columns(int64_t at, Pack<T, W>* r) const {
    if constexpr (W == C) {
      const T* p = quarter_rows(0, at);
      unroll<C>([&](auto k) KT_INLINE { r[k] = load<Pack<T, W>>(p + k * stride); });
    } else {
      const T* p[W / C];
      unroll<W / C>([&](auto q) KT_INLINE { p[q] = quarter_rows(q, at); });
      unroll<C>([&](auto k) KT_INLINE { r[k] = join(p, k * stride, std::make_index_sequence<W / C>{}); });
    }
    transpose_quarters<T, W>(r);
  }
  // Columns at, at + 1, ... at + 2 C - 1: from memory come 2 C columns at once, half as many loads for one more shuffle.
  // For those with registers to hold them.
  KT_HD void load_wide_columns(int64_t at, Pack<T, W>* r) const {
    static_assert(W == 4 * C);
    constexpr std::make_index_sequence<W> all{};
    const T* p[W / C];
    unroll<W / C>([&](auto q) KT_INLINE { p[q] = quarter_rows(q, at); });
    unroll<C>([&](auto k) KT_INLINE {
      r[k] = halves(p[0] + k * stride, p[1] + k * stride);
      r[C + k] = halves(p[2] + k * stride, p[3] + k * stride);
    });
    // Transposed, every other quarter of a register holds column k, and the others column C + k.
    transpose_quarters<T, W>(r);
    transpose_quarters<T, W>(r + C);
    unroll<C>([&](auto k) KT_INLINE {
      const Pack<T, W> a = r[k], b = r[C + k];
      r[k] = every_other_quarter<0>(a, b, all);
      r[C + k] = every_other_quarter<1>(a, b, all);
    });
  }
  // The way back.
  KT_HD void store_columns(int64_t at, Pack<T, W>* r) const {
    transpose_quarters<T, W>(r);
    unroll<W / C>([&](auto q) KT_INLINE {
      T* p = quarter_rows(q, at);
      unroll<C>([&](auto k) KT_INLINE { store(p + k * stride, part<q>(r[k], std::make_index_sequence<C>{})); });
    });
  }

 private:
  template <int kFirst, std::size_t... I>
  static KT_HD Pack<T, W> every_other_quarter(Pack<T, W> a, Pack<T, W> b, std::index_sequence<I...>) {
    return Pack<T, W>(__builtin_shufflevector(a.v, b.v, ((int(I) / C * 2 + kFirst) * C + int(I) % C)...));
  }
  // W / 2 elements at p, then W / 2 at q.
  static KT_HD Pack<T, W> halves([[maybe_unused]] const T* p, [[maybe_unused]] const T* q) {
#if defined(__AVX512F__)
    const __m512d low = _mm512_castpd256_pd512(_mm256_loadu_pd(reinterpret_cast<const double*>(p)));
    return Pack<T, W>(
        (typename Pack<T, W>::Vector)_mm512_insertf64x4(low, _mm256_loadu_pd(reinterpret_cast<const double*>(q)), 1));
#else
    return {};
#endif
  }
  template <int q, std::size_t... I> static KT_HD Pack<T, C> part(Pack<T, W> x, std::index_sequence<I...>) {
    using Quarter [[maybe_unused]] = typename Pack<T, C>::Vector;
#if defined(__AVX512F__)
    if constexpr (W == 4 * C) return Pack<T, C>((Quarter)_mm512_extractf32x4_ps((__m512)x.v, q));
#endif
#if defined(__AVX__)
    if constexpr (W == 2 * C) return Pack<T, C>((Quarter)_mm256_extractf128_ps((__m256)x.v, q));
#endif
    return Pack<T, C>(__builtin_shufflevector(x.v, x.v, (q * C + int(I))...));
  }
  template <std::size_t... Q> static KT_HD Pack<T, W> join(const T* const* p, int64_t offset,
                                                           std::index_sequence<Q...>) {
    // Broadcasting loads and blends instead of inserts: those compete with the transposition for the shuffle units.
#if defined(__AVX512DQ__)
    if constexpr (W == 4 * C) {
      __m512 v = _mm512_castps128_ps512(quarter(p[0] + offset));
      v = _mm512_mask_broadcast_f32x4(v, 0x00f0, quarter(p[1] + offset));
      v = _mm512_mask_broadcast_f32x4(v, 0x0f00, quarter(p[2] + offset));
      return Pack<T, W>((typename Pack<T, W>::Vector)_mm512_mask_broadcast_f32x4(v, 0xf000, quarter(p[3] + offset)));
    }
#endif
#if defined(__AVX__)
    if constexpr (W == 2 * C) {
      const __m256 high = _mm256_broadcast_ps(reinterpret_cast<const __m128*>(p[1] + offset));
      return Pack<T, W>(
          (typename Pack<T, W>::Vector)_mm256_blend_ps(_mm256_castps128_ps256(quarter(p[0] + offset)), high, 0xf0));
    }
#endif
  }
#if defined(__x86_64__)
  static KT_HD __m128 quarter(const T* p) { return _mm_loadu_ps(reinterpret_cast<const float*>(p)); }
#endif
};

// Calls sink(i, r) for i = 0, 1, ... n / D - 1, in this order, once each: r[0..D) are the columns i D, i D + 1, ... n is a
// multiple of D.
template <int D, class T, int W, class Sink> KT_HD void for_each_columns(RowBlock<const T, W> rows, int64_t n,
                                                                         Sink&& sink) {
  constexpr int C = kQuarter<T>, L = C % D ? C * D : C;  // columns of a step, a multiple of C and D
  constexpr int kWide = W == 4 * C && 2 * C % D == 0 ? 2 * C : 0;
  Pack<T, W> r[kWide > L ? kWide : L];
  int64_t j = 0;
  if constexpr (kWide > 0) {
    for (; j + kWide <= n; j += kWide) {
      rows.load_wide_columns(j, r);
      unroll<kWide / D>([&](auto i) KT_INLINE { sink(j / D + i, r + i * D); });
    }
  } else {
    for (; j + L <= n; j += L) {
      unroll<L / C>([&](auto q) KT_INLINE { rows.load_columns(j + q * C, r + q * C); });
      unroll<L / D>([&](auto i) KT_INLINE { sink(j / D + i, r + i * D); });
    }
  }
  for (; j < n; j += L) {
    const int64_t at = n < L       ? 0
                       : n - L < j ? n - L
                                   : j;  // the last step overlaps what is done instead of leaving a tail
    if (n >= L) {
      unroll<L / C>([&](auto q) KT_INLINE { rows.load_columns(at + q * C, r + q * C); });
    } else {
      unroll<L>([&](auto c) KT_INLINE {
        T x[W];
        for (int l = 0; l < W; ++l) x[l] = c < n ? rows.first[l * rows.stride + c] : T(0);
        r[c] = load<Pack<T, W>>(x);
      });
    }
    unroll<L / D>([&](auto i) KT_INLINE {
      if (at + i * D >= j && at + i * D < n) sink(at / D + i, r + i * D);
    });
  }
}

KT_MATHS_END
