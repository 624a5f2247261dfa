// dtw: one row of local costs for a group of pairs, one pair per lane.
#pragma once
#include <kinetrace/dtw/pair.hpp>

#include "dtw_gather.hpp"

KT_MATHS_BEGIN

// The pairs of a group, their samples interleaved: [sample][coordinate][lane]. Lanes without a pair have n = m = 0 and repeat
// the first pair's arrays; what lies beyond a lane's own length is arbitrary and reaches no cell that counts.
template <class T, class V> struct DtwGroup {
  static constexpr int W = lanes<V>::width;
  const DtwArgs<T>* args = nullptr;
  DtwPair pair[W] = {};
  Band band[W] = {};
  bool bad[W] = {};          // a used number is not finite
  bool blank = false;        // every finite cost counts as 0: shows which ends can be reached at all
  bool whole_x = false;      // x holds all rows, not only the current one
  int64_t rows = 0, columns = 0;  // of the longest pair
  T* y = nullptr;            // (columns, D, W)
  T* y_norms = nullptr;      // (columns, W), cosine only
  T* x = nullptr;            // (rows or 1, D, W)
  T* cost = nullptr;         // (columns, W)
};

// Samples [first, end) of one side to out. Lanes in which one of them is not finite and counts are marked.
template <class T, class V> KT_HD void interleave(DtwGroup<T, V>& g, bool of_x, int64_t first, int64_t end, T* out) {
  constexpr int W = DtwGroup<T, V>::W;
  const Strided<const T, 3>& s = of_x ? g.args->x : g.args->y;
  const int64_t D = g.args->dims, step = s.stride[1], apart = s.stride[2];
  const T* sample[W];
  for (int lane = 0; lane < W; ++lane)
    sample[lane] = s.data + (of_x ? g.pair[lane].x_at : g.pair[lane].y_at) * s.stride[0];
  mask_of<V> wild = mask_of<V>(false);
  const auto look = [&](V v) KT_INLINE {
    wild = wild | !is_finite(v);
    return v;
  };
  if (D == 1 || (apart == 1 && step == D)) {
    gather_rows<V>(sample, D == 1 ? step : 1, first * D, end * D, s.extent[1] * D, out - first * D * W, look);
  } else {
    for (int lane = 0; lane < W; ++lane) sample[lane] += first * step;
    for (int64_t i = first; i < end; ++i) {
      gather_rows<V>(sample, apart, 0, D, D, out + (i - first) * D * W, look);
      for (int lane = 0; lane < W; ++lane) sample[lane] += step;
    }
  }
  if (!any(wild)) return;
  for (int lane = 0; lane < W; ++lane) {
    const int64_t length = of_x ? g.pair[lane].n : g.pair[lane].m, last = end < length ? end : length;
    for (int64_t e = 0; e < (last - first) * D; ++e)
      if (!is_finite(out[e * W + lane])) g.bad[lane] = true;
  }
}

template <class T, class V> KT_HD void pack_samples(DtwGroup<T, V>& g) {
  constexpr int W = DtwGroup<T, V>::W;
  const int64_t D = g.args->dims;
  interleave(g, false, 0, g.columns, g.y);
  if (g.whole_x) interleave(g, true, 0, g.rows, g.x);
  if (g.args->metric == Metric::cosine)
    for (int64_t j = 0; j < g.columns; ++j) store(g.y_norms + j * W, norm_of<V>(g.y + j * D * W, D, W));
}

// The samples of row i.
template <class T, class V> KT_HD const T* x_of_row(DtwGroup<T, V>& g, int64_t i) {
  if (g.whole_x) return g.x + i * g.args->dims * DtwGroup<T, V>::W;
  interleave(g, true, i, i + 1, g.x);
  return g.x;
}

// Costs of columns [first, last], four at a time, so that their sums overlap.
template <Metric kMetric, class T, class V> KT_HD void fused_costs(const DtwGroup<T, V>& g, const T* row, int64_t first,
                                                                   int64_t last) {
  constexpr int W = DtwGroup<T, V>::W, kTogether = 4;
  const int64_t D = g.args->dims;
  V x_norm = V(T(0));
  if constexpr (kMetric == Metric::cosine) x_norm = norm_of<V>(row, D, W);
  const auto norms = [&](int64_t j) KT_INLINE {
    if constexpr (kMetric == Metric::cosine) return x_norm * load<V>(g.y_norms + j * W);
    else return V(T(0));
  };
  int64_t j = first;
  for (; j + kTogether - 1 <= last; j += kTogether) {
    V sum[kTogether];
    for (int t = 0; t < kTogether; ++t) sum[t] = V(T(0));
    for (int64_t d = 0; d < D; ++d) {
      const V x = load<V>(row + d * W);
      for (int t = 0; t < kTogether; ++t)
        sum[t] = add_coordinate<kMetric>(sum[t], x, load<V>(g.y + ((j + t) * D + d) * W));
    }
    for (int t = 0; t < kTogether; ++t) store(g.cost + (j + t) * W, finish_cost<kMetric>(sum[t], norms(j + t)));
  }
  for (; j <= last; ++j) store(g.cost + j * W, local_cost<kMetric, V>(row, W, g.y + j * D * W, W, D, norms(j)));
}

// sqeuclidean of one coordinate: the differences, which add_square takes.
template <class T, class V> KT_HD void differences(const DtwGroup<T, V>& g, const T* row, int64_t first, int64_t last) {
  constexpr int W = DtwGroup<T, V>::W;
  const V x = load<V>(row);
  for (int64_t j = first; j <= last; ++j) store(g.cost + j * W, x - load<V>(g.y + j * W));
}

// The caller's costs. Adding 0 turns -0 into 0, so that no order of equal values can show.
template <class T, class V> KT_HD void given_costs(const DtwGroup<T, V>& g, int64_t i, int64_t first, int64_t last) {
  constexpr int W = DtwGroup<T, V>::W;
  const Strided<const T, 3>& cost = g.args->cost;
  const T* row[W];
  for (int lane = 0; lane < W; ++lane) row[lane] = cost.data + g.pair[lane].at * cost.stride[0] + i * cost.stride[1];
  gather_rows<V>(row, cost.stride[2], first, last + 1, g.args->columns, g.cost,
                 [](V v) KT_INLINE { return v + V(T(0)); });
}

// The caller's function, called for one pair at a time (W = 1).
template <class T, class V> KT_HD void user_costs(const DtwGroup<T, V>& g, const T* x, int64_t first, int64_t last) {
  static_assert(DtwGroup<T, V>::W == 1, "samples must be contiguous");
  const UserMetric& user = g.args->user;
  const int64_t D = g.args->dims;
  for (int64_t j = first; j <= last; ++j) {
    const T* y = g.y + j * D;
    const double cost =
        user.takes_data
            ? reinterpret_cast<double (*)(const T*, const T*, int64_t, void*)>(user.function)(x, y, D, user.data)
            : reinterpret_cast<double (*)(const T*, const T*, int64_t)>(user.function)(x, y, D);
    g.cost[j] = T(cost) + T(0);
  }
}

// Finds NaN and -inf among the costs inside each lane's columns [low, high].
template <class T, class V> KT_HD void check_costs(DtwGroup<T, V>& g, int64_t first, int64_t last, const int64_t* low,
                                                   const int64_t* high) {
  constexpr int W = DtwGroup<T, V>::W;
  mask_of<V> bad = mask_of<V>(false);
  for (int64_t j = first; j <= last; ++j) bad = bad | !(load<V>(g.cost + j * W) >= V(-limits<T>::largest));
  if (!any(bad)) return;
  for (int lane = 0; lane < W; ++lane)
    for (int64_t j = low[lane]; j <= high[lane]; ++j)
      if (!(g.cost[j * W + lane] >= -limits<T>::largest)) g.bad[lane] = true;
}

template <class T, class V> KT_HD void blank_costs(const DtwGroup<T, V>& g, int64_t first, int64_t last) {
  constexpr int W = DtwGroup<T, V>::W;
  for (int64_t j = first; j <= last; ++j) {
    const V cost = g.args->metric == Metric::given ? load<V>(g.cost + j * W) : V(T(0));
    store(g.cost + j * W, select(cost < V(infinity<T>()), V(T(0)), V(infinity<T>())));
  }
}

template <class T, class V> KT_HD void fill_costs(DtwGroup<T, V>& g, int64_t i, int64_t first, int64_t last) {
  const DtwArgs<T>& a = *g.args;
  if (a.metric == Metric::given) given_costs(g, i, first, last);
  if (g.blank) return blank_costs(g, first, last);
  if (a.metric == Metric::given) return;
  const T* x = x_of_row(g, i);
  switch (a.metric) {
    case Metric::sqeuclidean:
      if (a.dims == 1) return differences(g, x, first, last);
      return fused_costs<Metric::sqeuclidean>(g, x, first, last);
    case Metric::euclidean: return fused_costs<Metric::euclidean>(g, x, first, last);
    case Metric::l1: return fused_costs<Metric::l1>(g, x, first, last);
    case Metric::cosine: return fused_costs<Metric::cosine>(g, x, first, last);
    case Metric::dot: return fused_costs<Metric::dot>(g, x, first, last);
    default:
      if constexpr (DtwGroup<T, V>::W == 1) user_costs(g, x, first, last);
  }
}

KT_MATHS_END
