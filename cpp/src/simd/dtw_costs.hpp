// dtw: one row of local costs for a group of pairs, one pair per lane.
#pragma once
#include <kinetrace/dtw/pair.hpp>

KT_MATHS_BEGIN

// The pairs of a group, their samples interleaved: [sample][coordinate][lane]. Lanes without a pair have n = m = 0.
template <class T, class V> struct DtwGroup {
  static constexpr int W = lanes<V>::width;
  const DtwArgs<T>* args = nullptr;
  DtwPair pair[W] = {};
  Band band[W] = {};
  bool bad[W] = {};          // a used number is not finite
  bool blank = false;        // every finite cost counts as 0: shows which ends can be reached at all
  int64_t rows = 0, columns = 0;  // of the longest pair
  T* y = nullptr;            // (columns, D, W)
  T* y_norms = nullptr;      // (columns, W), cosine only
  T* x = nullptr;            // (D, W): the row's sample
  T* cost = nullptr;         // (columns, W)
};

// Copies samples of one lane; returns whether all of them are finite.
template <class T> KT_HD bool interleave_sample(const T* source, int64_t stride, int64_t dims, T* target, int W) {
  bool finite = true;
  for (int64_t d = 0; d < dims; ++d) {
    const T value = source[d * stride];
    finite = finite & is_finite(value);
    target[d * W] = value;
  }
  return finite;
}

template <class T, class V> KT_HD void pack_y(DtwGroup<T, V>& g) {
  constexpr int W = DtwGroup<T, V>::W;
  const DtwArgs<T>& a = *g.args;
  const int64_t D = a.dims;
  for (int lane = 0; lane < W; ++lane) {
    const T* source = a.y.data + g.pair[lane].y_at * a.y.stride[0];
    bool finite = true;
    for (int64_t j = 0; j < g.pair[lane].m; ++j)
      finite = interleave_sample(source + j * a.y.stride[1], a.y.stride[2], D, g.y + j * D * W + lane, W) && finite;
    for (int64_t j = g.pair[lane].m; j < g.columns; ++j)
      for (int64_t d = 0; d < D; ++d) g.y[(j * D + d) * W + lane] = T(0);
    if (!finite) g.bad[lane] = true;
  }
  if (a.metric == Metric::cosine)
    for (int64_t j = 0; j < g.columns; ++j) store(g.y_norms + j * W, norm_of<V>(g.y + j * D * W, D, W));
}

template <class T, class V> KT_HD void pack_x(DtwGroup<T, V>& g, int64_t i) {
  constexpr int W = DtwGroup<T, V>::W;
  const DtwArgs<T>& a = *g.args;
  for (int lane = 0; lane < W; ++lane) {
    if (i >= g.pair[lane].n) {
      for (int64_t d = 0; d < a.dims; ++d) g.x[d * W + lane] = T(0);
      continue;
    }
    const T* source = a.x.data + g.pair[lane].x_at * a.x.stride[0] + i * a.x.stride[1];
    if (!interleave_sample(source, a.x.stride[2], a.dims, g.x + lane, W)) g.bad[lane] = true;
  }
}

// Costs of columns [first, last], four at a time, so that their sums overlap.
template <Metric kMetric, class T, class V> KT_HD void fused_costs(const DtwGroup<T, V>& g, int64_t first,
                                                                   int64_t last) {
  constexpr int W = DtwGroup<T, V>::W, kTogether = 4;
  const int64_t D = g.args->dims;
  V x_norm = V(T(0));
  if constexpr (kMetric == Metric::cosine) x_norm = norm_of<V>(g.x, D, W);
  const auto norms = [&](int64_t j) KT_INLINE {
    if constexpr (kMetric == Metric::cosine) return x_norm * load<V>(g.y_norms + j * W);
    else return V(T(0));
  };
  int64_t j = first;
  for (; j + kTogether - 1 <= last; j += kTogether) {
    V sum[kTogether];
    for (int t = 0; t < kTogether; ++t) sum[t] = V(T(0));
    for (int64_t d = 0; d < D; ++d) {
      const V x = load<V>(g.x + d * W);
      for (int t = 0; t < kTogether; ++t)
        sum[t] = add_coordinate<kMetric>(sum[t], x, load<V>(g.y + ((j + t) * D + d) * W));
    }
    for (int t = 0; t < kTogether; ++t) store(g.cost + (j + t) * W, finish_cost<kMetric>(sum[t], norms(j + t)));
  }
  for (; j <= last; ++j) store(g.cost + j * W, local_cost<kMetric, V>(g.x, W, g.y + j * D * W, W, D, norms(j)));
}

// sqeuclidean of one coordinate: the differences, which add_square takes.
template <class T, class V> KT_HD void differences(const DtwGroup<T, V>& g, int64_t first, int64_t last) {
  constexpr int W = DtwGroup<T, V>::W;
  const V x = load<V>(g.x);
  for (int64_t j = first; j <= last; ++j) store(g.cost + j * W, x - load<V>(g.y + j * W));
}

// The caller's costs. Adding 0 turns -0 into 0, so that no order of equal values can show.
template <class T, class V> KT_HD void given_costs(const DtwGroup<T, V>& g, int64_t i, int64_t first, int64_t last) {
  constexpr int W = DtwGroup<T, V>::W;
  const auto& cost = g.args->cost;
  for (int lane = 0; lane < W; ++lane) {
    const DtwPair& p = g.pair[lane];
    const T* row = cost.data + p.at * cost.stride[0] + i * cost.stride[1];
    const int64_t end = i >= p.n ? first : last < p.m ? last + 1 : p.m;
    int64_t j = first;
    for (; j < end; ++j) g.cost[j * W + lane] = row[j * cost.stride[2]] + T(0);
    for (; j <= last; ++j) g.cost[j * W + lane] = T(0);
  }
}

// The caller's function, called for one pair at a time (W = 1).
template <class T, class V> KT_HD void user_costs(const DtwGroup<T, V>& g, int64_t first, int64_t last) {
  static_assert(DtwGroup<T, V>::W == 1, "samples must be contiguous");
  const UserMetric& user = g.args->user;
  const int64_t D = g.args->dims;
  for (int64_t j = first; j <= last; ++j) {
    const T* y = g.y + j * D;
    const double cost =
        user.takes_data
            ? reinterpret_cast<double (*)(const T*, const T*, int64_t, void*)>(user.function)(g.x, y, D, user.data)
            : reinterpret_cast<double (*)(const T*, const T*, int64_t)>(user.function)(g.x, y, D);
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

template <class T, class V> KT_HD void fill_costs(DtwGroup<T, V>& g, int64_t i, int64_t first, int64_t last) {
  constexpr int W = DtwGroup<T, V>::W;
  const DtwArgs<T>& a = *g.args;
  if (a.metric == Metric::given) given_costs(g, i, first, last);
  else if (!g.blank) pack_x(g, i);
  if (g.blank) {
    for (int64_t j = first; j <= last; ++j) {
      const V cost = a.metric == Metric::given ? load<V>(g.cost + j * W) : V(T(0));
      store(g.cost + j * W, select(cost < V(infinity<T>()), V(T(0)), V(infinity<T>())));
    }
    return;
  }
  switch (a.metric) {
    case Metric::sqeuclidean:
      if (a.dims == 1) return differences(g, first, last);
      return fused_costs<Metric::sqeuclidean>(g, first, last);
    case Metric::euclidean: return fused_costs<Metric::euclidean>(g, first, last);
    case Metric::l1: return fused_costs<Metric::l1>(g, first, last);
    case Metric::cosine: return fused_costs<Metric::cosine>(g, first, last);
    case Metric::dot: return fused_costs<Metric::dot>(g, first, last);
    case Metric::user:
      if constexpr (W == 1) return user_costs(g, first, last);
      return;
    case Metric::given: return;
  }
}

KT_MATHS_END
