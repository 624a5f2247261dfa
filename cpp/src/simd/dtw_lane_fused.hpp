// dtw on one instruction set: costs of sequences of several coordinates, the columns of one pair in lanes.
#pragma once
#include <kinetrace/alignment/local_cost.hpp>

#include "dtw_lane_costs.hpp"

KT_MATHS_BEGIN

// One sequence y side by side: [coordinate][sample], then (cosine) a row of norms. Rows are W longer than the samples.
template <class T> struct SideBySide {
  T* data;
  int64_t pitch;
};

// The largest absolute coordinate of `count` samples, or something larger than any number.
template <class T, int W> KT_HD Pack<T, W> largest_of(const T* x, int64_t count, int64_t stride, int64_t dims,
                                                      int64_t dim_stride) {
  using V = Pack<T, W>;
  V largest(T(0));
  for (int64_t i = 0; i < count; ++i, x += stride) {
    int64_t d = 0;
    for (; dim_stride == 1 && d + W <= dims; d += W) largest = max_pattern(largest, abs(load<V>(x + d)));
    for (; d < dims; ++d) largest = max_pattern(largest, V(abs(x[d * dim_stride])));
  }
  return largest;
}

// sum and the coordinate *x of every lane's first sample, b of their second. On processors that split 512-bit registers a
// broadcast into a register costs as much as a sum, one inside an operation nothing.
template <Metric kMetric, class T, int W> KT_HD Pack<T, W> add_shared(Pack<T, W> sum, const T* x, Pack<T, W> b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) * W == 64) {
    if constexpr (kMetric == Metric::cosine || kMetric == Metric::dot) {
      if constexpr (sizeof(T) == 4) asm("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum.v) : "v"(b.v), "m"(*x));
      else asm("vfmadd231pd %2%{1to8%}, %1, %0" : "+v"(sum.v) : "v"(b.v), "m"(*x));
      return sum;
    } else {  // of the difference only the size matters
      Pack<T, W> d;
      if constexpr (sizeof(T) == 4) asm("vsubps %2%{1to16%}, %1, %0" : "=v"(d.v) : "v"(b.v), "m"(*x));
      else asm("vsubpd %2%{1to8%}, %1, %0" : "=v"(d.v) : "v"(b.v), "m"(*x));
      return kMetric == Metric::l1 ? sum + abs(d) : fma(d, d, sum);
    }
  }
#endif
  return add_coordinate<kMetric>(sum, Pack<T, W>(*x), b);
}

// W samples of y, of which the first `count` exist. Returns the largest absolute coordinate, or something larger than any
// number.
template <bool kNorms, class T, int W>
KT_HD Pack<T, W> put_side_by_side(const T* y, int count, int64_t stride, int64_t dims, int64_t dim_stride, T* out,
                                  int64_t pitch) {
  using V = Pack<T, W>;
  constexpr int C = kQuarter<T>;
  V largest(T(0)), squares(T(0));
  const auto put = [&](int64_t d, V v) KT_INLINE {
    largest = max_pattern(largest, abs(v));
    if (kNorms) squares = fma(v, v, squares);
    store(out + d * pitch, v);
  };
  int64_t d = 0;
  if (dim_stride == 1 && count == W) {
    if constexpr (kSquares<T, W>)
      for (; d + W <= dims; d += W) {
        V r[W];
        load_square<T, W>(y, stride, d, r);
        unroll<W>([&](auto k) KT_INLINE { put(d + k, r[k]); });
      }
    const RowBlock<const T, W> rows{y, stride};
    for (; d + C <= dims; d += C) {
      V r[C];
      rows.load_columns(d, r);
      unroll<C>([&](auto k) KT_INLINE { put(d + k, r[k]); });
    }
  }
  for (; d < dims; ++d) {
    T x[W];
    for (int l = 0; l < W; ++l) x[l] = y[(l < count ? l : count - 1) * stride + d * dim_stride];
    put(d, load<V>(x));
  }
  if (kNorms) store(out + dims * pitch, sqrt(squares));
  return largest;
}

// What the next pair needs, fetched line by line while this one is worked on.
template <class T> struct Ahead {
  static constexpr int64_t kLine = 64 / int64_t(sizeof(T));
  const T* at[2];
  int64_t left[2];  // elements
  const T* idle;    // when nothing is left

  // Where the next `lines` lines are.
  KT_HD const T* take(int64_t lines) {
    for (int k = 0; k < 2; ++k) {
      if (left[k] <= 0) continue;
      const T* here = at[k];
      at[k] += lines * kLine, left[k] -= lines * kLine;
      return here;
    }
    return idle;
  }
};

// N samples of x, `x_stride` apart, against P W samples of y. `dims` lines from `ahead` on are fetched.
template <Metric kMetric, bool kDifference, int N, int P, class T, int W>
KT_HD void cost_columns(const T* x, int64_t x_stride, int64_t dims, int64_t dim_stride, const T* x_norms, const T* y,
                        int64_t y_pitch, T* cost, int64_t pitch, const T* ahead) {
  using V = Pack<T, W>;
  V sum[N][P];
  for (int64_t d = 0; d < dims; ++d, x += dim_stride, y += y_pitch, ahead += Ahead<T>::kLine) {
    __builtin_prefetch(ahead, 0, 3);
    V b[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) b[p] = load<V>(y + p * W);
#pragma GCC unroll 16
    for (int r = 0; r < N; ++r) {
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p)
        sum[r][p] = kDifference ? V(x[r * x_stride]) - b[p] : add_shared<kMetric>(sum[r][p], x + r * x_stride, b[p]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < N; ++r)
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      V norms(T(0));
      if constexpr (kMetric == Metric::cosine) norms = V(x_norms[r]) * load<V>(y + p * W);
      store(cost + r * pitch + p * W, finish_cost<kMetric>(sum[r][p], norms));
    }
}

// kOne: one coordinate and sqeuclidean, whose squares join the sums unrounded: the tiles hold differences.
template <Metric kMetric, bool kOne, class T, int W> struct FusedCosts {
  static constexpr int R = kBlockRows;
  static constexpr bool kDifference = kOne, kNorms = kMetric == Metric::cosine;
  using Rows = std::conditional_t<kOne, DifferenceRows<Pack<T, W>, R>, CostRows<Pack<T, W>, R>>;
  static constexpr int64_t kTileColumns = 128;
  const LaneGroup<T, W>* group;
  SideBySide<T> y[W];
  T *x_norms, *few;  // [lane][row]; a copy of x where it has less than R samples
  Ahead<T> ahead;
  bool ready[W] = {}, finite[W];

  // once: every pair's costs are wanted in one go, so that one y at a time is enough and stays in the first cache.
  KT_HD FusedCosts(const LaneGroup<T, W>& g, bool once, Arena& arena) : group(&g) {
    const int64_t dims = g.args->dims, samples = (g.columns + 3 * W - 1) / W * W;
    for (int l = 0; l < W; ++l) {
      if (!once || l == 0) y[l] = {arena.take<T>(samples * (dims + kNorms)), samples};
      else y[l] = y[0];
      finite[l] = true;
    }
    x_norms = arena.take<T>(kNorms ? g.rows * W : 0);
    few = arena.take<T>(R * dims);
  }
  KT_HD const T* y_sample(int l, int64_t j) const {
    const auto& y_all = group->args->y;
    return y_all.data + group->pair[l].y_at * y_all.stride[0] + j * y_all.stride[1];
  }
  KT_HD const T* x_sample(int l, int64_t i) const {
    const auto& x = group->args->x;
    return x.data + group->pair[l].x_at * x.stride[0] + i * x.stride[1];
  }
  KT_HD bool prepare(int l, const DtwPair& p) {
    const DtwArgs<T>& a = *group->args;
    Pack<T, W> largest(T(0));
    for (int64_t j = 0; j < p.m; j += W) {
      if (j + W > p.m && p.m >= W) j = p.m - W;  // the last ones overlap
      const int count = int(p.m - j < W ? p.m - j : W);
      largest = max_pattern(largest, put_side_by_side<kNorms, T, W>(y_sample(l, j), count, a.y.stride[1], a.dims,
                                                                    a.y.stride[2], y[l].data + j, y[l].pitch));
    }
    largest = max_pattern(largest, largest_of<T, W>(x_sample(l, 0), p.n, a.x.stride[1], a.dims, a.x.stride[2]));
    for (int64_t i = 0; kNorms && i < p.n; ++i)
      x_norms[l * group->rows + i] = norm_of<T>(x_sample(l, i), a.dims, a.x.stride[2]);
    return all(is_finite(largest));
  }

  KT_HD bool put(int l, int64_t i, int64_t rows, int64_t j, int64_t columns, T* tile, int64_t pitch, T bound) {
    const DtwArgs<T>& a = *group->args;
    const DtwPair& p = group->pair[l];
    const auto size = [&](const Strided<const T, 3>& s, int64_t samples) {
      return s.stride[2] == 1 && s.stride[1] == a.dims ? samples * a.dims : 0;
    };
    ahead = {{x_sample(l + 1, i), y_sample(l + 1, 0)},
             {size(a.x, rows), ready[(l + 1) % W] && l + 1 < W ? 0 : size(a.y, group->pair[l + 1].m)},
             x_sample(l, i)};
    if (!ready[l]) finite[l] = prepare(l, p), ready[l] = true;
    const T *x = x_sample(l, 0), *norms = x_norms + l * group->rows;
    const int64_t x_stride = a.x.stride[1], dim_stride = a.x.stride[2];
    T few_norms[R];
    if (i + R > p.n) {  // a block must not read beyond the samples
      for (int64_t r = 0; r < R; ++r) {
        const int64_t own = i + r < p.n ? i + r : p.n - 1;
        for (int64_t d = 0; d < a.dims; ++d) few[r * a.dims + d] = x_sample(l, own)[d * dim_stride];
        few_norms[r] = kNorms ? norms[own] : T(0);
      }
      block(few, a.dims, 1, few_norms, l, j, columns, tile, pitch);
      return check(tile, rows, columns, pitch, bound) && finite[l];
    }
    for (int64_t r = 0; r < rows; r += R) {
      if (r && r + R > rows) r = rows - R;  // the last ones overlap; of fewer than R rows some are computed in vain
      block(x + (i + r) * x_stride, x_stride, dim_stride, norms + i + r, l, j, columns, tile + r * pitch, pitch);
    }
    return check(tile, rows, columns, pitch, bound) && finite[l];
  }
  // Of finite samples only some metrics give costs that need a look.
  KT_HD static bool check(const T* tile, int64_t rows, int64_t columns, int64_t pitch, T bound) {
    if (!costs_need_checks(kMetric)) return true;
    bool good = true;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) good = good & (bound <= tile[r * pitch + c]);
    return good;
  }
  KT_HD void block(const T* x, int64_t x_stride, int64_t dim_stride, const T* norms, int l, int64_t j, int64_t columns,
                   T* tile, int64_t pitch) {
    const int64_t dims = group->args->dims, y_pitch = y[l].pitch;
    const T* b = y[l].data + j;
    int64_t c = 0;
    for (; c + W < columns; c += 2 * W)
      cost_columns<kMetric, kOne, R, 2, T, W>(x, x_stride, dims, dim_stride, norms, b + c, y_pitch, tile + c, pitch,
                                              ahead.take(dims));
    for (; c < columns; c += W)
      cost_columns<kMetric, kOne, R, 1, T, W>(x, x_stride, dims, dim_stride, norms, b + c, y_pitch, tile + c, pitch,
                                              ahead.take(dims));
  }
};

KT_MATHS_END
