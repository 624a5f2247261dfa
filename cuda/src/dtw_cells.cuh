// dtw on CUDA: what one lane knows of its columns, and how it gets from three neighbours to a cell. SeriesCells: symmetric1 on
// one coordinate, y in registers. AnyCells: every metric, given costs and all patterns of single steps.
#pragma once
#include "dtw_plan.cuh"

namespace kinetrace {
namespace KT_BACKEND {
namespace {

// The smallest of three values that are neither negative nor NaN: their bit patterns order like they do, and one integer
// instruction (VIMNMX3 from sm_90 on) takes all three.
template <class T> __device__ __forceinline__ T smallest(T a, T b, T c) { return min(c, min(b, a)); }
#ifndef KT_CUEMU
__device__ __forceinline__ float smallest(float a, float b, float c) {
  return __int_as_float(__vimin3_s32(__float_as_int(a), __float_as_int(b), __float_as_int(c)));
}
#endif

// Which rows of each column are inside the window: the band's rule with the axes exchanged.
template <int C, bool kBand> struct ColumnRows {
  int low[C];
  unsigned span[C];

  __device__ void load(const Band& band, int first) {
    const Band mirrored{band.m, band.n, band.slack};
#pragma unroll
    for (int k = 0; k < C; ++k) {
      const bool used = first + k < band.m;
      low[k] = used ? int(first_column(mirrored, first + k)) : 0x7fffffff;
      span[k] = used ? unsigned(last_column(mirrored, first + k)) - unsigned(low[k]) : 0;
    }
  }
  __device__ __forceinline__ bool has(int k, int i) const { return unsigned(i - low[k]) <= span[k]; }
};
template <int C> struct ColumnRows<C, false> {
  __device__ void load(const Band&, int) {}
  __device__ __forceinline__ bool has(int, int) const { return true; }
};

template <class T, int C, bool kSquare, bool kBand> struct SeriesCells {
  static constexpr bool kNonNegative = true;  // costs
  const DtwArgs<T>& a;
  const DtwPair& p;
  ColumnRows<C, kBand> inside;
  T y[C], x, ahead;
  const T* x_next;

  __device__ SeriesCells(const DtwArgs<T>& args, const DtwPair& pair, bool) : a(args), p(pair) {}

  __device__ void load_columns(const Band& band, int first, int row) {
    inside.load(band, first);
    const T* from = a.y.data + p.y_at * a.y.stride[0] + first * a.y.stride[1];
#pragma unroll
    for (int k = 0; k < C; ++k) y[k] = first + k < p.m ? from[k * a.y.stride[1]] : T(0);
    x_next = a.x.data + p.x_at * a.x.stride[0] + row * a.x.stride[1];
    ahead = row < p.n ? *x_next : T(0);
  }
  // The next row's sample is on its way while this row is computed.
  __device__ __forceinline__ void start_row(int, bool more) {
    x = ahead, x_next += a.x.stride[1];
    if (more) ahead = *x_next;  // KT_MUTATE: bound
  }
  template <bool kChoice>
  __device__ __forceinline__ T cell(int k, int i, T diagonal, T up, T left, uint32_t& number) const {
    const T difference = x - y[k];
    T nearest;
    if constexpr (kChoice) {
      number = up < diagonal ? 1u : 0u, nearest = min(up, diagonal);
      number = left < nearest ? 2u : number, nearest = min(left, nearest);
    } else {
      nearest = smallest(diagonal, up, left);
    }
    const T value = kSquare ? add_square(nearest, T(1), difference) : nearest + abs(difference);
    return inside.has(k, i) ? value : infinity<T>();
  }
  __device__ bool bad() const { return false; }
};

template <class T, int C> struct AnyCells {
  static constexpr bool kNonNegative = false;
  const DtwArgs<T>& a;
  const DtwPair& p;
  ColumnRows<C, true> inside;
  int first_;
  bool square, blank, odd;
  T cost[C], y_norm[C];

  __device__ AnyCells(const DtwArgs<T>& args, const DtwPair& pair, bool without_costs)
      : a(args),
        p(pair),
        first_(0),
        square(args.metric == Metric::sqeuclidean && args.dims == 1),
        blank(without_costs),
        odd(false) {}

  // Columns beyond the end read the last one; nothing comes of it.
  __device__ int64_t y_at(int k) const {
    const int64_t j = first_ + k < p.m ? first_ + k : p.m - 1;
    return p.y_at * a.y.stride[0] + j * a.y.stride[1];
  }
  __device__ void load_columns(const Band& band, int first, int row) {
    inside.load(band, first);
    first_ = first;
    if (a.metric != Metric::cosine || row >= p.n) return;
#pragma unroll
    for (int k = 0; k < C; ++k) y_norm[k] = norm_of<T>(a.y.data + y_at(k), a.dims, a.y.stride[2]);
  }

  template <Metric kMetric> __device__ void row_costs(int i) {
    const T *x = a.x.data + p.x_at * a.x.stride[0] + i * a.x.stride[1], *y[C];
    T x_square = T(0);
#pragma unroll
    for (int k = 0; k < C; ++k) y[k] = a.y.data + y_at(k), cost[k] = T(0);
    for (int64_t d = 0; d < a.dims; ++d) {
      const T value = x[d * a.x.stride[2]];
      if constexpr (kMetric == Metric::cosine) x_square = fma(value, value, x_square);
#pragma unroll
      for (int k = 0; k < C; ++k) cost[k] = add_coordinate<kMetric>(cost[k], value, y[k][d * a.y.stride[2]]);
    }
    const T x_norm = kMetric == Metric::cosine ? sqrt(x_square) : T(0);
#pragma unroll
    for (int k = 0; k < C; ++k) {
      const T norms = kMetric == Metric::cosine ? x_norm * y_norm[k] : T(0);
      cost[k] = finish_cost<kMetric>(cost[k], norms);
    }
  }
  __device__ void given_costs(int i) {
    const T* row = a.cost.data + p.at * a.cost.stride[0] + i * a.cost.stride[1];
#pragma unroll
    for (int k = 0; k < C; ++k) {
      cost[k] = inside.has(k, i) ? row[(first_ + k) * a.cost.stride[2]] + T(0) : T(0);
      if (!(cost[k] >= -limits<T>::largest)) odd = true;
      if (blank) cost[k] = cost[k] < infinity<T>() ? T(0) : infinity<T>();
    }
  }
  __device__ void start_row(int i, bool) {
    if (a.metric == Metric::given) return given_costs(i);
    if (blank || square) {
      const T x = blank ? T(0) : a.x.data[p.x_at * a.x.stride[0] + i * a.x.stride[1]];
#pragma unroll
      for (int k = 0; k < C; ++k) cost[k] = blank ? T(0) : x - a.y.data[y_at(k)];
      return;
    }
    switch (a.metric) {
      case Metric::euclidean: row_costs<Metric::euclidean>(i); break;
      case Metric::l1: row_costs<Metric::l1>(i); break;
      case Metric::cosine: row_costs<Metric::cosine>(i); break;
      case Metric::dot: row_costs<Metric::dot>(i); break;
      default: row_costs<Metric::sqeuclidean>(i); break;
    }
    if (!costs_need_checks(a.metric)) return;
#pragma unroll
    for (int k = 0; k < C; ++k) odd = odd || (inside.has(k, i) && !(cost[k] >= -limits<T>::largest));
  }
  template <bool kChoice> __device__ T cell(int k, int i, T diagonal, T up, T left, uint32_t& number) const {
    if (!inside.has(k, i)) return infinity<T>();
    if (i == 0 && (a.free_start || first_ + k == 0)) return square ? add_square(T(0), T(1), cost[k]) : cost[k];
    const auto before = [&](int s) { return a.steps.di[s] ? a.steps.dj[s] ? diagonal : up : left; };
    Choice<T> choice;
    const T value = square ? enter_cell<true, kChoice, T>(a.steps, a.weights, before, cost[k], 0, choice)
                           : enter_cell<false, kChoice, T>(a.steps, a.weights, before, cost[k], 0, choice);
    number = uint32_t(choice.number);
    return value;
  }
  __device__ bool bad() const { return odd; }
};

}  // namespace
}  // namespace KT_BACKEND
}  // namespace kinetrace
