// soft_dtw on one instruction set: the pairs of one group, one in each lane, and how their data comes in and goes out.
#pragma once
#include <kinetrace/alignment/window.hpp>
#include <kinetrace/core/pack.hpp>

#include "soft_dtw.hpp"
#include "transpose.hpp"

KT_MATHS_BEGIN

// Lanes beyond the last pair repeat the first one; nothing is written for them.
template <class T> struct SoftGroup {
  using V = NativePack<T>;
  static constexpr int W = lanes<V>::width;
  int used = 0;
  int64_t pair[W];
  int64_t n[W], m[W];         // lengths
  Band band[W];
  int64_t rows = 0, columns = 0;  // the longest
  T final_exponent[W], final_mantissa[W];
  V suspect = V(T(0));  // NaN in the lanes that read a value which is not finite
  V largest = V(T(0));  // of the magnitudes of the samples

  SoftGroup(const SoftDtwArgs<T>& a, const int64_t* order, int64_t begin, int64_t end) {
    used = int(end - begin < W ? end - begin : W);
    for (int l = 0; l < W; ++l) {
      const int64_t at = begin + (l < used ? l : 0), p = order ? order[at] : at;
      pair[l] = p, n[l] = length_of(a.x_lengths, p), m[l] = length_of(a.y_lengths, p);
      if (n[l] == 0 || m[l] == 0) n[l] = m[l] = 0;
      band[l] = band_of(a.window, n[l], m[l]);
      rows = rows < n[l] ? n[l] : rows, columns = columns < m[l] ? m[l] : columns;
      final_exponent[l] = -ScaledLimits<T>::largest, final_mantissa[l] = 1;
    }
  }

  bool ends_at(int64_t row) const {  // whether a pair's last row is this one
    bool any = false;
    for (int l = 0; l < W; ++l) any |= n[l] == row + 1;
    return any;
  }
  Status status(int l) const {
    if (n[l] == 0) return kEmpty;
    if (suspect[l] != suspect[l]) return kNonFinite;
    return soft_feasible(final_exponent[l]) ? kOk : kInfeasible;
  }
};

// to[c W + l] = from[l][c step] for c < length[l], 0 up to `total`. Whole lines of each row are moved at once, through a block
// that stays in the first cache: rows that lie a power of two apart would evict each other.
template <class T> void gather_rows(const T* const* from, const int64_t* length, int64_t step, int64_t total, T* to) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width, C = kQuarter<T>;
  int64_t shortest = total, c = 0;
  for (int l = 0; l < W; ++l) shortest = length[l] < shortest ? length[l] : shortest;
  if (step == 1) {
    alignas(64) T lines[W * W];
    for (; c + W <= shortest; c += W) {
      for (int l = 0; l < W; ++l) store(lines + l * W, load<V>(from[l] + c));
      unroll<W / C>([&](auto q) KT_INLINE {
        V r[C];
        RowBlock<const T, W>{lines, W}.load_columns(q * C, r);
        unroll<C>([&](auto k) KT_INLINE { store(to + (c + q * C + k) * W, r[k]); });
      });
    }
  }
  for (; c < total; ++c)
    for (int l = 0; l < W; ++l) to[c * W + l] = c < length[l] ? from[l][c * step] : T(0);
}

// The way back, to[l][c] for c < total: 0 from length[l] on.
template <class T> void scatter_rows(const T* from, const int64_t* length, int used, int64_t total, T* const* to) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width, C = kQuarter<T>;
  int64_t shortest = total, c = 0;
  for (int l = 0; l < used; ++l) shortest = length[l] < shortest ? length[l] : shortest;
  alignas(64) T lines[W * W];
  for (; c + W <= shortest; c += W) {
    unroll<W / C>([&](auto q) KT_INLINE {
      V r[C];
      unroll<C>([&](auto k) KT_INLINE { r[k] = load<V>(from + (c + q * C + k) * W); });
      RowBlock<T, W>{lines, W}.store_columns(q * C, r);
    });
    for (int l = 0; l < used; ++l) store(to[l] + c, load<V>(lines + l * W));
  }
  for (int l = 0; l < used; ++l)
    for (int64_t k = c; k < total; ++k) to[l][k] = k < length[l] ? from[k * W + l] : T(0);
}

// Samples of all lanes, (extent, D, W); rows beyond a lane's length are 0. Keeps account of what is not finite or large.
template <class T> void load_samples(const Strided<const T, 3>& x, const int64_t* length, int64_t extent,
                                     int64_t rounded, int64_t dims, SoftGroup<T>& g, T* to) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width;
  const T* from[W];
  int64_t count[W];
  for (int l = 0; l < W; ++l) from[l] = x.data + g.pair[l] * x.stride[0], count[l] = length[l] * dims;
  if (dims == 1 || (x.stride[2] == 1 && x.stride[1] == dims)) {
    gather_rows(from, count, dims == 1 ? x.stride[1] : 1, extent * dims, to);
  } else {
    for (int64_t i = 0; i < extent; ++i) {
      for (int l = 0; l < W; ++l)
        from[l] = x.data + g.pair[l] * x.stride[0] + i * x.stride[1], count[l] = i < length[l] ? dims : 0;
      gather_rows(from, count, x.stride[2], dims, to + i * dims * W);
    }
  }
  V odd[4] = {V(T(0)), V(T(0)), V(T(0)), V(T(0))};
  for (int64_t i = extent * dims; i < rounded * dims; ++i) store(to + i * W, V(T(0)));
  for (int64_t i = 0; i < extent * dims; ++i) {
    const V value = load<V>(to + i * W);
    odd[i & 3] += value - value;
    g.largest = max(g.largest, abs(value));
  }
  g.suspect += (odd[0] + odd[1]) + (odd[2] + odd[3]);
}

KT_MATHS_END
