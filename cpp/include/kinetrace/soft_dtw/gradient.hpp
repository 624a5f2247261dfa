// soft-DTW: from the expected alignment E = d value / d cost to gradients with respect to the samples.
//
//   d value / d x[i] = sum_j E[i][j] d c(x[i], y[j]) / d x[i], in ascending j; for y[j] in descending i.
//   sqeuclidean 2 E (x - y) · l1 E sign(x - y) · euclidean E (x - y) / c, 0 where c is 0 · dot -E y
//   cosine      with s = 1 - c: -E y / (|x| |y|) + E s x / |x|^2; 0 where |x| |y| is 0
// A cell's E is turned into a factor once; then each coordinate is one fma with x - y, its sign, or the other sample.
#pragma once
#include "../alignment/local_cost.hpp"

KT_MATHS_BEGIN

enum class SlopeKind { difference, sign, product };
KT_HD constexpr SlopeKind slope_kind(Metric metric) {
  return metric == Metric::l1                                ? SlopeKind::sign
         : metric == Metric::dot || metric == Metric::cosine ? SlopeKind::product
                                                             : SlopeKind::difference;
}

// The factor of a cell: what its E becomes. `norms` is |x| |y|, used by cosine alone; cost by cosine and euclidean.
template <Metric kMetric, class V> KT_HD V slope_factor(V e, V cost, V norms) {
  const V zero = V(scalar_of<V>(0));
  if constexpr (kMetric == Metric::sqeuclidean) return e + e;
  if constexpr (kMetric == Metric::euclidean) return select(cost > zero, e / cost, zero);
  if constexpr (kMetric == Metric::dot) return zero - e;
  if constexpr (kMetric == Metric::cosine) return select(norms > zero, zero - e / norms, zero);
  return e;
}

// What the other sample's coordinate contributes per unit of the factor.
template <SlopeKind kKind, class V> KT_HD V slope_of(V own, V other) {
  using T = scalar_of<V>;
  if constexpr (kKind == SlopeKind::product) return other;
  const V d = own - other;
  if constexpr (kKind == SlopeKind::sign) return select(d > V(T(0)), V(T(1)), select(d < V(T(0)), V(T(-1)), V(T(0))));
  return d;
}

// A difference that overflows belongs to an infinite cost, whose cell no path enters: it must not meet its factor 0.
template <class V> KT_HD V guarded_slope(V factor, V slope) {
  const V zero = V(scalar_of<V>(0));
  return select(factor == zero, zero, slope);
}

// Cosine's second term: coordinate + own * (sum of E s) / norm^2.
template <class V> KT_HD V cosine_slope(V gradient, V own, V share, V norm) {
  using T = scalar_of<V>;
  const V factor = select(norm > V(T(0)), share / norm / norm, V(T(0)));
  return fma(own, factor, gradient);
}

// A row's mean cost under E, column after column: an infinite cost has E = 0 and counts as nothing.
template <class V> struct MeanCost {
  V sum = V(scalar_of<V>(0)), weight = V(scalar_of<V>(0));
  KT_HD void add(V e, V cost) {
    const V zero = V(scalar_of<V>(0));
    sum = fma(e, select(e == zero, zero, cost), sum);
    weight = weight + e;
  }
  KT_HD V reward() const { return V(scalar_of<V>(0)) - sum / weight; }
};

KT_MATHS_END
