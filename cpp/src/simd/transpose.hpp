// W rows of problems to one row per element with the problems side by side, in registers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>

#include <kinetrace/core/pack.hpp>

KT_MATHS_BEGIN

// zip of (a, b): a0 b0 a1 b1 ... from the low or the high halves. log2(W) rounds of it transpose a W x W block.
template <bool kHigh, class T, int W, std::size_t... I> KT_HD Pack<T, W> zip(Pack<T, W> a, Pack<T, W> b, std::index_sequence<I...>) {
  return Pack<T, W>(__builtin_shufflevector(a.v, b.v, (int(I) / 2 + (kHigh ? W / 2 : 0) + (I % 2 ? W : 0))...));
}

template <class T, int W> KT_HD void transpose(Pack<T, W>* r) {
  constexpr std::make_index_sequence<W> all{};
#pragma GCC unroll 4
  for (int round = 1; round < W; round *= 2) {
    Pack<T, W> s[W];
#pragma GCC unroll 8
    for (int i = 0; i < W / 2; ++i) {
      s[2 * i] = zip<false>(r[i], r[i + W / 2], all);
      s[2 * i + 1] = zip<true>(r[i], r[i + W / 2], all);
    }
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) r[i] = s[i];
  }
}

// Writes element j of each of the W rows to dst[row_of(j) * W + lane], for j in [0, n).
template <class T, int W, class RowOf> KT_HD void interleave(const T* const* rows, int64_t n, T* dst, RowOf row_of) {
  if (n < W) {
    for (int64_t j = 0; j < n; ++j)
      for (int l = 0; l < W; ++l) dst[row_of(j) * W + l] = rows[l][j];
    return;
  }
  for (int64_t j = 0; j < n; j += W) {
    const int64_t at = j + W <= n ? j : n - W;  // the last block overlaps instead of leaving a tail
    Pack<T, W> r[W];
#pragma GCC unroll 16
    for (int l = 0; l < W; ++l) r[l] = load<Pack<T, W>>(rows[l] + at);
    transpose(r);
#pragma GCC unroll 16
    for (int l = 0; l < W; ++l) store(dst + row_of(at + l) * W, r[l]);
  }
}

KT_MATHS_END
