// dtw on one instruction set: the recurrence on a block of rows, one pair per lane, the block's cells in registers.
//
// Row r of the block is at column t - r in step t, so the R cells of a step do not depend on each other. Between the steps a
// row keeps its last cell, v, and the smaller of its last two, m: what the row below needs.
#pragma once
#include <kinetrace/core/bits.hpp>

#include "transpose.hpp"

KT_MATHS_BEGIN

// The smaller one. kPatterns: by bit patterns, which is right for numbers that are not negative, and twice as fast where the
// processor compares integers in more units than floats.
template <bool kPatterns, class T, int W> KT_HD Pack<T, W> least(Pack<T, W> a, Pack<T, W> b) {
  using V [[maybe_unused]] = typename Pack<T, W>::Vector;
#if defined(__AVX512F__)
  if constexpr (kPatterns && sizeof(V) == 64 && sizeof(T) == 4)
    return Pack<T, W>((V)_mm512_min_epu32((__m512i)a.v, (__m512i)b.v));
  if constexpr (sizeof(V) == 64 && sizeof(T) == 4) return Pack<T, W>((V)_mm512_min_ps((__m512)a.v, (__m512)b.v));
  if constexpr (sizeof(V) == 64 && sizeof(T) == 8) return Pack<T, W>((V)_mm512_min_pd((__m512d)a.v, (__m512d)b.v));
#endif
#if defined(__AVX2__)
  if constexpr (kPatterns && sizeof(V) == 32 && sizeof(T) == 4)
    return Pack<T, W>((V)_mm256_min_epu32((__m256i)a.v, (__m256i)b.v));
  if constexpr (sizeof(V) == 32 && sizeof(T) == 4) return Pack<T, W>((V)_mm256_min_ps((__m256)a.v, (__m256)b.v));
  if constexpr (sizeof(V) == 32 && sizeof(T) == 8) return Pack<T, W>((V)_mm256_min_pd((__m256d)a.v, (__m256d)b.v));
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(V) == 16 && sizeof(T) == 4) return Pack<T, W>((V)_mm_min_ps((__m128)a.v, (__m128)b.v));
  if constexpr (sizeof(V) == 16 && sizeof(T) == 8) return Pack<T, W>((V)_mm_min_pd((__m128d)a.v, (__m128d)b.v));
#endif
  return min(a, b);
}

// The compiler may not connect what v was and what it is from here on. Costs no instruction.
template <class V> KT_HD void keep_apart(V& v) {
#if defined(__AVX512F__)
  asm volatile("" : "+v"(v.v));
#elif defined(__SSE2__)
  asm volatile("" : "+x"(v.v));
#else
  asm volatile("" : "+m"(v.v));
#endif
}

// One bit per lane.
template <int W> using LaneBits = std::conditional_t<W == 16, uint16_t, uint8_t>;
template <class T, int W> KT_HD LaneBits<W> lanes_not_above(Pack<T, W> a, Pack<T, W> b) {
  using V [[maybe_unused]] = typename Pack<T, W>::Vector;
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64 && sizeof(T) == 4) return _mm512_cmp_ps_mask((__m512)a.v, (__m512)b.v, _CMP_LE_OQ);
  if constexpr (sizeof(V) == 64 && sizeof(T) == 8) return _mm512_cmp_pd_mask((__m512d)a.v, (__m512d)b.v, _CMP_LE_OQ);
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(V) == 32 && sizeof(T) == 4)
    return LaneBits<W>(_mm256_movemask_ps(_mm256_cmp_ps((__m256)a.v, (__m256)b.v, _CMP_LE_OQ)));
  if constexpr (sizeof(V) == 32 && sizeof(T) == 8)
    return LaneBits<W>(_mm256_movemask_pd(_mm256_cmp_pd((__m256d)a.v, (__m256d)b.v, _CMP_LE_OQ)));
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(V) == 16 && sizeof(T) == 4)
    return LaneBits<W>(_mm_movemask_ps(_mm_cmple_ps((__m128)a.v, (__m128)b.v)));
  if constexpr (sizeof(V) == 16 && sizeof(T) == 8)
    return LaneBits<W>(_mm_movemask_pd(_mm_cmple_pd((__m128d)a.v, (__m128d)b.v)));
#endif
  LaneBits<W> bits = 0;
  for (int l = 0; l < W; ++l) bits |= LaneBits<W>(a[l] <= b[l]) << l;
  return bits;
}

// Where the choices of a block go: for step t and row r two words, [0] "the diagonal is not above up", [1] "the smaller of
// those is not above left". A block has columns + R - 1 steps.
template <int W, int R> struct Moves {
  LaneBits<W>* words;
  KT_HD LaneBits<W>* at(int64_t t, int r) const { return words + (t * R + r) * 2; }
};
struct NoMoves {};

// Samples of one coordinate. kShared: every lane has the same rows, [row] instead of [row][lane].
template <class V, int R, bool kSquared, bool kShared> struct Differences {
  using T = scalar_of<V>;
  V x[R];
  const T* y;  // [column][lane]
  KT_HD Differences(const T* rows, const T* columns) : y(columns) {
    unroll<R>([&](auto r) KT_INLINE { x[r] = kShared ? V(rows[r]) : load<V>(rows + r * lanes<V>::width); });
  }
  KT_HD V add(V best, int r, int64_t j) const {
    const V d = x[r] - load<V>(y + j * lanes<V>::width);
    return kSquared ? fma(d, d, best) : best + abs(d);
  }
};

// Costs that lie in memory.
template <class V, int R> struct CostRows {
  using T = scalar_of<V>;
  const T* cost;  // [row][column][lane]
  int64_t stride;
  KT_HD V add(V best, int r, int64_t j) const { return best + load<V>(cost + r * stride + j * lanes<V>::width); }
};

// Differences that lie in memory, to be squared.
template <class V, int R> struct DifferenceRows {
  using T = scalar_of<V>;
  const T* difference;  // [row][column][lane]
  int64_t stride;
  KT_HD V add(V best, int r, int64_t j) const {
    const V d = load<V>(difference + r * stride + j * lanes<V>::width);
    return fma(d, d, best);
  }
};

// Rows kFirst to kLast of the block in step t. v[r]: the last cell of row r. m[r]: the smaller of its last two. above: the cell
// over row 0, one column back.
template <bool kPatterns, int R, int kFirst, int kLast, class V, class Cost, class Out>
KT_HD void dtw_step(V* v, V* m, V& above, const Cost& cost, const scalar_of<V>* top, int64_t t, Out out) {
  constexpr bool kMoves = !std::is_same_v<Out, NoMoves>;
  V over = above;
  if constexpr (kFirst == 0) {
    const V up = load<V>(top + t * lanes<V>::width);
    if constexpr (kMoves) out.at(t, 0)[0] = lanes_not_above(above, up);
    over = least<kPatterns>(up, above);
    above = up;
  }
#pragma GCC unroll 16
  for (int r = kLast; r >= kFirst; --r) {
    const V before = v[r], best = r ? m[r ? r - 1 : 0] : over;
    if constexpr (kMoves) out.at(t, r)[1] = lanes_not_above(best, before);
    v[r] = cost.add(least<kPatterns>(best, before), r, t - r);
    m[r] = least<kPatterns>(v[r], before);
    if constexpr (kMoves)
      if (r + 1 < R) out.at(t + 1, r + 1)[0] = lanes_not_above(before, v[r]);
  }
}

// With 32 registers a block of 8 rows stays in them. With 16 a block of 6 does, and R + 1 steps at once: every step the cells move on by one register.
constexpr int kBlockRows = KT_VECTOR_BYTES == 64 ? 8 : 6;
template <int R> constexpr int kStepsAtOnce = KT_VECTOR_BYTES == 64 ? 1 : R + 1;

// R rows and `columns` >= R - 1 columns. top [column][lane]: the row above in, the last row out. left [row][lane]: the column
// before in, the last column out. corner: the cell above that column.
template <bool kPatterns, int R, class V, class Cost, class Out>
KT_HD void dtw_block(const Cost& cost, scalar_of<V>* top, scalar_of<V>* left, V above, int64_t columns, Out out) {
  constexpr int W = lanes<V>::width;
  V v[R], m[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) v[r] = m[r] = load<V>(left + r * W);
  unroll<R - 1>([&](auto t) KT_INLINE { dtw_step<kPatterns, R, 0, t>(v, m, above, cost, top, t, out); });
  int64_t t = R - 1;
  constexpr int U = kStepsAtOnce<R>;
  for (; t + U <= columns; t += U)
    unroll<U>([&](auto u) KT_INLINE {
      dtw_step<kPatterns, R, 0, R - 1>(v, m, above, cost, top, t + u, out);
      store(top + (t + u - R + 1) * W, v[R - 1]);
    });
  for (; U > 1 && t < columns; ++t) {
    dtw_step<kPatterns, R, 0, R - 1>(v, m, above, cost, top, t, out);
    store(top + (t - R + 1) * W, v[R - 1]);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R;
       ++r) {  // g++ would otherwise keep copies for what follows in memory, and write them in the loop
    keep_apart(v[r]);
    keep_apart(m[r]);
  }
  store(left, v[0]);
  unroll<R - 1>([&](auto k) KT_INLINE {
    dtw_step<kPatterns, R, k + 1, R - 1>(v, m, above, cost, top, columns + k, out);
    store(left + (k + 1) * W, v[k + 1]);
    store(top + (columns + k - R + 1) * W, v[R - 1]);
  });
}

KT_MATHS_END
