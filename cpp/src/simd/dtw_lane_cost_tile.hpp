// dtw on one instruction set: the costs of one pair of sequences of several coordinates, columns in lanes.
#pragma once
#include <kinetrace/alignment/local_cost.hpp>

#include "dtw_lane_costs.hpp"

KT_MATHS_BEGIN

// One sequence y with its samples side by side: [coordinate][sample], then (cosine) a row of norms. Samples beyond the last repeat it.
template <class T> struct SideBySide {
  T* data;
  int64_t pitch;
};

// Transposes `count` samples into out; returns the largest absolute coordinate, or something larger than any number.
template <class T, int W> KT_HD Pack<T, W> put_side_by_side(const T* y, int64_t count, int64_t stride, int64_t dims,
                                                            int64_t dim_stride, bool norms, SideBySide<T> out) {
  using V = Pack<T, W>;
  constexpr int C = kQuarter<T>;
  V largest(T(0));
  for (int64_t j = 0; j < count; j += W) {
    const T* p[W];
    for (int l = 0; l < W; ++l) p[l] = y + (j + l < count ? j + l : count - 1) * stride;
    V squares(T(0));
    const auto put = [&](int64_t d, V v) KT_INLINE {
      largest = max_pattern(largest, abs(v));
      squares = fma(v, v, squares);
      store(out.data + d * out.pitch + j, v);
    };
    int64_t d = 0;
    if (dim_stride == 1)
      for (; d + C <= dims; d += C) {
        V r[C];
        unroll<C>([&](auto k) KT_INLINE { r[k] = join_quarters<T, W>(p, k, d); });
        transpose_quarters<T, W>(r);
        unroll<C>([&](auto k) KT_INLINE { put(d + k, r[k]); });
      }
    for (; d < dims; ++d) {
      T x[W];
      for (int l = 0; l < W; ++l) x[l] = p[l][d * dim_stride];
      put(d, load<V>(x));
    }
    if (norms) store(out.data + dims * out.pitch + j, sqrt(squares));
  }
  return largest;
}

template <class T, int W> KT_HD bool finite_sample(const T* x, int64_t dims, int64_t stride) {
  using V = Pack<T, W>;
  V largest(T(0));
  int64_t d = 0;
  if (stride == 1)
    for (; d + W <= dims; d += W) largest = max_pattern(largest, abs(load<V>(x + d)));
  bool finite = all(is_finite(largest));
  for (; d < dims; ++d) finite = finite && is_finite(x[d * stride]);
  return finite;
}

// R samples of x against columns [begin, end) of y, whole registers: cost[r * pitch + column - begin].
template <Metric kMetric, int P, class T, int W>
KT_HD void cost_columns(const T* const* x, int64_t dims, int64_t dim_stride, const T* x_norms, SideBySide<T> y, int64_t j,
                        T* cost, int64_t pitch) {
  using V = Pack<T, W>;
  constexpr int R = kBlockRows;
  V sum[R][P];
  const T *x0 = x[0], *column = y.data + j;
  int64_t offset[R];
  for (int r = 0; r < R; ++r) offset[r] = x[r] - x0;
  for (int64_t d = 0; d < dims; ++d, x0 += dim_stride, column += y.pitch) {
    V b[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) b[p] = load<V>(column + p * W);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const V a(x0[offset[r]]);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) sum[r][p] = add_coordinate<kMetric>(sum[r][p], a, b[p]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      V norms(T(0));
      if constexpr (kMetric == Metric::cosine) norms = V(x_norms[r]) * load<V>(column + p * W);
      store(cost + r * pitch + p * W, finish_cost<kMetric>(sum[r][p], norms));
    }
}

template <Metric kMetric, class T, int W>
KT_HD void cost_rows(const T* const* x, int64_t dims, int64_t dim_stride, const T* x_norms, SideBySide<T> y, int64_t begin,
                     int64_t end, T* cost, int64_t pitch) {
  int64_t j = begin;
  for (; j + W < end; j += 2 * W)
    cost_columns<kMetric, 2, T, W>(x, dims, dim_stride, x_norms, y, j, cost + j - begin, pitch);
  for (; j < end; j += W) cost_columns<kMetric, 1, T, W>(x, dims, dim_stride, x_norms, y, j, cost + j - begin, pitch);
}

KT_MATHS_END
