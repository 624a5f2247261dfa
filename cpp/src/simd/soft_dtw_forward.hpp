// soft_dtw on one instruction set, forward: local costs of four rows, then the recurrence over two rows at a time.
#pragma once
#include <kinetrace/alignment/local_cost.hpp>
#include <kinetrace/soft_dtw/recurrence.hpp>

#include "soft_dtw_group.hpp"

KT_MATHS_BEGIN

// Columns [first, last] that some lane of some of these rows has inside its band, and the lanes' own columns of each row.
template <class T> struct SoftSpan {
  using V = NativePack<T>;
  int64_t first, last;
  V low[kSoftTile], high[kSoftTile];

  SoftSpan(const SoftGroup<T>& g, int64_t row, int64_t count, bool banded) {
    first = banded ? g.columns : 0, last = banded ? -1 : g.columns - 1;
    if (!banded) return;
    for (int64_t r = 0; r < count; ++r) {
      T lowest[g.W], highest[g.W];
      for (int l = 0; l < g.W; ++l) {
        const bool inside = row + r < g.n[l];
        const int64_t from = inside ? first_column(g.band[l], row + r) : g.columns;
        const int64_t to = inside ? last_column(g.band[l], row + r) : -1;
        lowest[l] = T(from), highest[l] = T(to);
        first = from < first ? from : first, last = to > last ? to : last;
      }
      low[r] = load<V>(lowest), high[r] = load<V>(highest);
    }
    if (last < first) first = 0, last = -1;
  }
  KT_HD auto inside(int64_t r, int64_t column) const {
    const V c = V(T(column));
    return (c >= low[r]) & (c <= high[r]);
  }
};

// Local costs of rows [row, row + kSoftTile) and the columns of the span, (kSoftTile, columns, W); kExponents: what
// soft_exponent makes of them.
template <Metric kMetric, bool kExponents, class T> void sample_costs(const SoftDtwArgs<T>& a,
                                                                      const SoftLayout<T>& layout,
                                                                      const SoftSpan<T>& span, int64_t row,
                                                                      T* scratch) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width, R = kSoftTile, C = 4;
  const int64_t dims = a.dims, pitch = layout.columns * W;
  const T *x = scratch + layout.x + row * dims * W, *y = scratch + layout.y;
  T* to = scratch + layout.costs;
  const V rate = V(soft_rate<T>(a.gamma));
  for (int64_t j = span.first / C * C; j <= span.last; j += C) {
    V sum[R][C];
    unroll<R * C>([&](auto i) KT_INLINE { sum[i / C][i % C] = V(T(0)); });
    for (int64_t d = 0; d < dims; ++d) {
      V own[R];
      unroll<R>([&](auto r) KT_INLINE { own[r] = load<V>(x + (r * dims + d) * W); });
      unroll<C>([&](auto c) KT_INLINE {
        const V other = load<V>(y + ((j + c) * dims + d) * W);
        unroll<R>([&](auto r) KT_INLINE { sum[r][c] = add_coordinate<kMetric>(sum[r][c], own[r], other); });
      });
    }
    unroll<R * C>([&](auto i) KT_INLINE {
      constexpr int r = i / C, c = i % C;
      V norms = V(T(1));
      if constexpr (kMetric == Metric::cosine)
        norms = load<V>(scratch + layout.x_norms + (row + r) * W) * load<V>(scratch + layout.y_norms + (j + c) * W);
      const V cost = finish_cost<kMetric>(sum[r][c], norms);
      store(to + r * pitch + (j + c) * W, kExponents ? soft_exponent(cost, rate) : cost);
    });
  }
}

template <class T> void given_costs(const SoftDtwArgs<T>& a, const SoftLayout<T>& layout, const SoftGroup<T>& g,
                                    const SoftSpan<T>& span, int64_t row, T* scratch) {
  constexpr int W = SoftGroup<T>::W;
  const int64_t first = span.first, count = span.last + 1 - first;
  for (int64_t r = 0; r < kSoftTile && row + r < g.rows; ++r) {
    const T* from[W];
    int64_t length[W];
    for (int l = 0; l < W; ++l) {
      from[l] = a.cost.data + g.pair[l] * a.cost.stride[0] + (row + r) * a.cost.stride[1] + first * a.cost.stride[2];
      const int64_t here = row + r < g.n[l] ? g.m[l] - first : 0;
      length[l] = here < 0 ? 0 : here < count ? here : count;
    }
    gather_rows(from, length, a.cost.stride[2], count, scratch + layout.costs + (r * layout.columns + first) * W);
  }
}

// Costs as soft_exponent_signed takes them, in place. NaN in the lanes that have a cost inside rows, columns and band which
// has no meaning.
template <class T> NativePack<T> check_costs(const SoftDtwArgs<T>& a, const SoftLayout<T>& layout,
                                             const SoftGroup<T>& g, const SoftSpan<T>& span, int64_t row, T* scratch) {
  using V = NativePack<T>;
  constexpr int W = SoftGroup<T>::W;
  const V rate = V(soft_rate<T>(a.gamma));
  V odd = V(T(0));
  for (int64_t r = 0; r < kSoftTile && row + r < g.rows; ++r)
    for (int64_t j = span.first; j <= span.last; ++j) {
      T* at = scratch + layout.costs + (r * layout.columns + j) * W;
      const V cost = load<V>(at);
      V bad = select(soft_meaningless(cost, rate), V(quiet_nan<T>()), V(T(0)));
      if (a.window.limited) bad = select(span.inside(r, j), bad, V(T(0)));
      odd = odd + bad;
      store(at, soft_exponent_signed(cost, rate));
    }
  return odd;
}

// Plain costs of four rows.
template <class T> void local_costs(const SoftDtwArgs<T>& a, const SoftLayout<T>& layout, const SoftGroup<T>& g,
                                    const SoftSpan<T>& span, int64_t row, T* scratch) {
  switch (a.metric) {
    case Metric::given: return given_costs(a, layout, g, span, row, scratch);
    case Metric::cosine: return sample_costs<Metric::cosine, false>(a, layout, span, row, scratch);
    case Metric::dot: return sample_costs<Metric::dot, false>(a, layout, span, row, scratch);
    case Metric::euclidean: return sample_costs<Metric::euclidean, false>(a, layout, span, row, scratch);
    case Metric::l1: return sample_costs<Metric::l1, false>(a, layout, span, row, scratch);
    default: return sample_costs<Metric::sqeuclidean, false>(a, layout, span, row, scratch);
  }
}

// What the recurrence reads of four rows; returns NaN in the lanes with a cost that has no meaning.
template <class T> NativePack<T> exponents(const SoftDtwArgs<T>& a, const SoftLayout<T>& layout, const SoftGroup<T>& g,
                                           const SoftSpan<T>& span, int64_t row, T* scratch) {
  switch (a.metric) {
    case Metric::given:
    case Metric::cosine:
    case Metric::dot: local_costs(a, layout, g, span, row, scratch); break;
    case Metric::euclidean: sample_costs<Metric::euclidean, true>(a, layout, span, row, scratch); break;
    case Metric::l1: sample_costs<Metric::l1, true>(a, layout, span, row, scratch); break;
    default: sample_costs<Metric::sqeuclidean, true>(a, layout, span, row, scratch);
  }
  if (costs_need_checks(a.metric)) return check_costs(a, layout, g, span, row, scratch);
  return NativePack<T>(T(0));
}

template <class V> KT_HD Scaled<V> load_cell(const scalar_of<V>* p) {
  return {load<V>(p), load<V>(p + lanes<V>::width)};
}
template <class V> KT_HD void store_cell(scalar_of<V>* p, Scaled<V> z) {
  store(p, z.exponent), store(p + lanes<V>::width, z.mantissa);
}

// Upward and left weights; the sign of the former says that there is no diagonal one.
template <class V> KT_HD void store_weights(scalar_of<V>* p, const SoftWeights<V>& w) {
  store(p, select(w.diagonal_counts, w.up, -w.up)), store(p + lanes<V>::width, w.left);
}
template <class V> KT_HD SoftWeights<V> load_weights(const scalar_of<V>* p) {
  const V up = load<V>(p);
  return {abs(up), load<V>(p + lanes<V>::width), !negative(up)};
}
template <int k> using Constant = std::integral_constant<int, k>;

// R rows of the recurrence over the columns of the span, at least R of them; each row runs one column behind the one above,
// so that no register of cells waits for its left neighbour. `state` holds Z of the row above, columns -1, 0, 1, ..., and
// then that of the last row here; weights are written as store_weights has them, (rows, columns, 2, W).
template <bool kWeights, bool kBanded, int R, class T>
__attribute__((noinline)) void forward_rows(const SoftSpan<T>& span, int64_t r0, const T* costs, int64_t pitch,
                                            T* state, T* weights) {
  using V = NativePack<T>;
  constexpr int W = lanes<V>::width;
  const int64_t first = span.first, count = span.last + 1 - first;
  T* const above = state + 2 * (first + 1) * W;  // of the first column
  // Of each row: its last two cells, where the row below has its diagonal and upper neighbours.
  Scaled<V> last[R], before[R], corner = load_cell<V>(above - 2 * W);
  unroll<R>([&](auto r) KT_INLINE { last[r] = before[r] = absent<V>(); });
  store_cell(above - 2 * W, absent<V>());
  // Step t: of each row r in [from, to) the cell of column t - r.
  const auto step = [&](int64_t t, auto from, auto to) KT_INLINE {
    constexpr int kFrom = from, kTo = to;
    unroll<R>([&](auto i) KT_INLINE {
      constexpr int r = R - 1 - i;  // from below, since rows read what the last step left above them
      if constexpr (r >= kFrom && r < kTo) {
        const int64_t j = first + t - r;
        Scaled<V> diagonal = corner, up;
        if constexpr (r == 0) corner = up = load_cell<V>(above + t * 2 * W);
        else diagonal = before[r - 1], up = last[r - 1];
        SoftWeights<V> w;
        Scaled<V> z = soft_cell<kWeights>(load<V>(costs + r * pitch + j * W), diagonal, up, last[r], w);
        if constexpr (kBanded) z.exponent = select(span.inside(r0 + r, j), z.exponent, absent<V>().exponent);
        if constexpr (kWeights) store_weights(weights + 2 * (r * pitch + j * W), w);
        before[r] = last[r], last[r] = z;
        if constexpr (r == R - 1) store_cell(above + (t - r) * 2 * W, z);
      }
    });
  };
  unroll<R - 1>([&](auto t) KT_INLINE { step(t, Constant<0>{}, Constant<t + 1>{}); });
  for (int64_t t = R - 1; t < count; ++t) step(t, Constant<0>{}, Constant<R>{});
  unroll<R - 1>([&](auto t) KT_INLINE { step(count + t, Constant<t + 1>{}, Constant<R>{}); });
}

KT_MATHS_END
