// dtw on one instruction set: sequences of several pairs side by side in lanes, all ending in the last row or column.
//
// A shorter sequence is filled up at its start, with one huge number on both sides: where both are filled the cost is 0, where one
// is it exceeds every path through samples. So each pair's table begins where its samples do, and all end in the same
// corner, without a mask and without a change to any pair's bits.
#pragma once
#include <kinetrace/core/bits.hpp>

#include "dtw_gather.hpp"

KT_MATHS_BEGIN

// Samples may be this large at most; others take the general kernel. Squares: the filling's square is 2^34 (f32) times the
// largest square of a difference, more than any path has cells. Absolute values: more still.
template <class T> constexpr T kLargestSample = sizeof(T) == 4 ? T(0x1p44) : T(0x1p400);
template <class T> KT_HD T filling(bool squared) {
  if (sizeof(T) == 4) return squared ? T(0x1p62) : T(0x1p126);
  return squared ? T(0x1p500) : T(0x1p1000);
}

// One lane's sequence.
template <class T> struct LaneSeries {
  const T* first;
  int64_t count, stride;  // samples, elements between them
};

// The four (two) samples of one lane from padded position `at` on, zeros where there are none, into `out`.
template <class T> KT_HD void copy_samples(const LaneSeries<T>& s, int64_t at, T* out) {
  for (int c = 0; c < kQuarter<T>; ++c) {
    const int64_t i = at + c;
    out[c] = i >= 0 && i < s.count ? s.first[i * s.stride] : T(0);
  }
}

// The same of neighbouring samples: one load, which leaves what lies before the first sample alone. `at` >= -C at least.
template <class T> KT_HD void copy_neighbours(const LaneSeries<T>& s, int64_t at, T* out) {
#if defined(__AVX__)
  constexpr int C = kQuarter<T>;
  using Int = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  static constexpr Int kReal[2 * C] = {C == 4 ? 0 : 0, 0, C == 4 ? 0 : -1, C == 4 ? 0 : -1};
#else
  copy_samples(s, at, out);
#endif
}

// W sequences into out [length][lane], `length` at least the longest. Up to C - 1 rows before `out` are written too.
// start[lane]: where its samples begin. Returns per lane the largest absolute value, or something larger than any number.
template <class T, int W> KT_HD Pack<T, W> gather_lanes(const LaneSeries<T>* lanes, int64_t length, T fill, T* out,
                                                        T* start) {
  using V = Pack<T, W>;
  constexpr int C = kQuarter<T>;
  const T* p[W];  // of the sample at padded position 0, if there were one
  int64_t all_real = 0;  // from here on no lane is filled
  bool contiguous = true;
  for (int l = 0; l < W; ++l) {
    const int64_t pad = length - lanes[l].count;
    start[l] = T(pad);
    p[l] = lanes[l].first - pad;
    all_real = pad > all_real ? pad : all_real;
    contiguous = contiguous && lanes[l].stride == 1;
  }
  V largest(T(0));
  V r[C];
  int64_t at = length;
  if (contiguous)
    for (; at - C >= all_real; at -= C) {
      unroll<C>([&](auto k) KT_INLINE { r[k] = load_quarters<T, W>(p, k, at - C); });
      transpose_quarters<T, W>(r);
      unroll<C>([&](auto k) KT_INLINE {
        store(out + (at - C + k) * W, r[k]);
        largest = max_pattern(largest, abs(r[k]));
      });
    }
  const V first = load<V>(start);
  for (; at > 0; at -= C) {
    T copies[W][C];
    const T* q[W];
    for (int l = 0; l < W; ++l) {
      const int64_t from = at - C - (length - lanes[l].count);
      q[l] = lanes[l].first + from;
      if (from >= 0 && contiguous) continue;
      copy_samples(lanes[l], from, copies[l]);
      q[l] = copies[l];
    }
    unroll<C>([&](auto k) KT_INLINE { r[k] = load_quarters<T, W>(q, k, 0); });
    transpose_quarters<T, W>(r);
    unroll<C>([&](auto k) KT_INLINE {
      largest = max_pattern(largest, abs(r[k]));
      store(out + (at - C + k) * W, select(V(T(at - C + k)) < first, V(fill), r[k]));
    });
  }
  return largest;
}

KT_MATHS_END
