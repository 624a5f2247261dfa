// Alignment: the local cost of two samples. One order of additions (over the coordinates, ascending, one accumulator, every
// product in an explicit fma), so that every back end and every schedule gets the same bits.
//
//   sqeuclidean  sum fma(d, d, sum) with d = x - y, from 0
//   euclidean    the square root of that; of one coordinate |d| (Metric::l1)
//   l1           sum + |d|
//   cosine       max(0, 1 - sum fma(x, y, sum) / (|x| |y|)); 1 where |x| |y| is 0, NaN where it is not finite
//   dot          0 - sum fma(x, y, sum)
//
// A cost enters an accumulated value in one way only, add_cost: fma(weight, cost, before), which for weight 1 is before + cost.
// The one exception: sqeuclidean of ONE coordinate never rounds the square, fma(weight * d, d, before). Kernels that handle it
// call add_square with the difference d in place of the cost. Both are monotone in `before`, so of steps with one weight the
// smallest predecessor may be taken first: the same bits.
#pragma once
#include "../core/math.hpp"
#if !defined(__CUDACC__)
#include "../core/pack.hpp"
#endif
#include "types.hpp"

KT_MATHS_BEGIN

template <Metric kMetric, class V> KT_HD V add_coordinate(V sum, V x, V y) {
  if constexpr (kMetric == Metric::cosine || kMetric == Metric::dot) return fma(x, y, sum);
  const V d = x - y;
  if constexpr (kMetric == Metric::l1) return sum + abs(d);
  return fma(d, d, sum);
}

// From the sum over the coordinates to the cost; `norms` is |x| |y| (norm_of both), used by cosine alone.
template <Metric kMetric, class V> KT_HD V finish_cost(V sum, V norms) {
  using T = scalar_of<V>;
  if constexpr (kMetric == Metric::euclidean) return sqrt(sum);
  if constexpr (kMetric == Metric::dot) return V(T(0)) - sum;
  if constexpr (kMetric == Metric::cosine) {
    const V cost = V(T(1)) - sum / norms;
    const V clamped = select(cost < V(T(0)), V(T(0)), cost);
    const V regular = select(norms <= V(limits<T>::largest), clamped, V(quiet_nan<T>()));
    return select(norms == V(T(0)), V(T(1)), regular);
  }
  return sum;
}

// |x| of one sample whose coordinates lie `stride` elements apart.
template <class V> KT_HD V norm_of(const scalar_of<V>* x, int64_t dims, int64_t stride) {
  V sum = V(scalar_of<V>(0));
  for (int64_t d = 0; d < dims; ++d) {
    const V value = load<V>(x + d * stride);
    sum = fma(value, value, sum);
  }
  return sqrt(sum);
}

// Whole cost of two samples; V's lanes lie side by side, coordinates `x_stride` and `y_stride` elements apart.
template <Metric kMetric, class V> KT_HD V local_cost(const scalar_of<V>* x, int64_t x_stride, const scalar_of<V>* y,
                                                      int64_t y_stride, int64_t dims, V norms) {
  V sum = V(scalar_of<V>(0));
  for (int64_t d = 0; d < dims; ++d)
    sum = add_coordinate<kMetric>(sum, load<V>(x + d * x_stride), load<V>(y + d * y_stride));
  return finish_cost<kMetric>(sum, norms);
}

// The accumulated value after a cell of this cost, entered with this weight.
template <class V> KT_HD V add_cost(V before, V weight, V cost) { return fma(weight, cost, before); }
template <class V> KT_HD V add_square(V before, V weight, V difference) {
  return fma(weight * difference, difference, before);
}

// Whether costs of this metric on finite samples can be NaN or negative (then cells have to be looked at one by one).
KT_HD bool costs_need_checks(Metric metric) {
  return metric == Metric::cosine || metric == Metric::dot || metric == Metric::user || metric == Metric::given;
}

KT_MATHS_END
