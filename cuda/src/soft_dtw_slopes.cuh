// soft_dtw on CUDA: the samples of one pair, their costs, and their gradients from the expected alignment.
#pragma once
#include <kinetrace/alignment/window.hpp>
#include <kinetrace/backends.hpp>
#include <kinetrace/soft_dtw/gradient.hpp>
#include <kinetrace/soft_dtw/recurrence.hpp>

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

template <class T> struct SoftPair {
  const SoftDtwArgs<T>& a;
  int64_t p, n, m;
  const T *x, *y, *cost;
  T *x_norms, *y_norms;  // cosine only
  T rate;

  __device__ SoftPair(const SoftDtwArgs<T>& args, int64_t pair, T* norms_of_x, T* norms_of_y)
      : a(args),
        p(pair),
        n(length_of(args.x_lengths, pair)),
        m(length_of(args.y_lengths, pair)),
        x(args.x.data + pair * args.x.stride[0]),
        y(args.y.data + pair * args.y.stride[0]),
        cost(args.cost.data + pair * args.cost.stride[0]),
        x_norms(norms_of_x),
        y_norms(norms_of_y),
        rate(soft_rate<T>(args.gamma)) {
    if (n == 0 || m == 0) n = m = 0;
  }

  // Norms for cosine; whether a sample of this lane's is not finite. A warp barrier has to follow.
  __device__ bool load(int lane) const {
    if (a.metric == Metric::given) return false;
    const bool first = look(x, a.x, n, x_norms, lane), second = look(y, a.y, m, y_norms, lane);
    return first || second;
  }

  // Local cost of one of the five metrics.
  __device__ T cost_of(int64_t i, int64_t j) const {
    switch (a.metric) {
      case Metric::given: return cost[i * a.cost.stride[1] + j * a.cost.stride[2]];
      case Metric::euclidean: return sample_cost<Metric::euclidean>(i, j);
      case Metric::l1: return sample_cost<Metric::l1>(i, j);
      case Metric::cosine: return sample_cost<Metric::cosine>(i, j);
      case Metric::dot: return sample_cost<Metric::dot>(i, j);
      default: return sample_cost<Metric::sqeuclidean>(i, j);
    }
  }

  // What the recurrence takes; `meaningless`: see there.
  __device__ T exponent(int64_t i, int64_t j, bool& meaningless) const {
    const T c = cost_of(i, j);
    if (!costs_need_checks(a.metric)) return soft_exponent(c, rate);
    meaningless = soft_meaningless(c, rate);
    return soft_exponent_signed(c, rate);
  }

  // Minus the mean cost of each row.
  __device__ void write_rewards(T* e, bool solved, int lane) const {
    T* out = a.rewards + p * a.rows;
    for (int64_t i = lane; i < a.rows; i += kWarp) {
      MeanCost<T> mean;
      for (int64_t j = 0; solved && i < n && j < m; ++j) mean.add(at(e, i, j), cost_of(i, j));
      out[i] = !solved ? quiet_nan<T>() : i < n ? mean.reward() : T(0);
    }
  }

  // Both gradients of the pair; E becomes the factors of the gradients. All lanes of the warp take part.
  __device__ void write_slopes(T* e, bool solved, T failed, int lane) const {
    const int64_t x_count = a.rows * a.dims, y_count = a.columns * a.dims;
    T* of_x = a.x_gradient ? a.x_gradient + p * x_count : nullptr;
    T* of_y = a.y_gradient ? a.y_gradient + p * y_count : nullptr;
    if (!solved) {
      for (int64_t k = lane; of_x && k < x_count; k += kWarp) of_x[k] = k < n * a.dims ? failed : T(0);
      for (int64_t k = lane; of_y && k < y_count; k += kWarp) of_y[k] = k < m * a.dims ? failed : T(0);
      return;
    }
    __syncwarp(kAllLanes);  // the rewards have read E
    if (a.metric == Metric::cosine) {
      // The second terms come first: they need E itself.
      for (int64_t i = lane; of_x && i < n; i += kWarp) row_shares(e, i, of_x);
      for (int64_t j = lane; of_y && j < m; j += kWarp) column_shares(e, j, of_y);
      __syncwarp(kAllLanes);
    }
    for (int64_t k = lane; k < n * m; k += kWarp) to_factor(e, k / m, k % m);  // KT_MUTATE: k < n * m -> k <= n * m
    __syncwarp(kAllLanes);
    switch (slope_kind(a.metric)) {
      case SlopeKind::difference: return add_slopes<SlopeKind::difference>(e, of_x, of_y, lane);
      case SlopeKind::sign: return add_slopes<SlopeKind::sign>(e, of_x, of_y, lane);
      case SlopeKind::product: return add_slopes<SlopeKind::product>(e, of_x, of_y, lane);
    }
  }

 private:
  __device__ bool look(const T* samples, const Strided<const T, 3>& v, int64_t count, T* norms, int lane) const {
    bool odd = false;
    for (int64_t i = lane; i < count; i += kWarp) {
      const T* sample = samples + i * v.stride[1];
      for (int64_t d = 0; d < a.dims; ++d) odd = odd || !is_finite(sample[d * v.stride[2]]);
      if (a.metric == Metric::cosine) norms[i] = norm_of<T>(sample, a.dims, v.stride[2]);
    }
    return odd;
  }
  template <Metric kMetric> __device__ T sample_cost(int64_t i, int64_t j) const {
    const T norms = kMetric == Metric::cosine ? x_norms[i] * y_norms[j] : T(1);
    return local_cost<kMetric, T>(x + i * a.x.stride[1], a.x.stride[2], y + j * a.y.stride[1], a.y.stride[2], a.dims,
                                  norms);
  }

  __device__ T& at(T* e, int64_t i, int64_t j) const { return e[i * a.columns + j]; }
  __device__ void row_shares(T* e, int64_t i, T* of_x) const {
    T share = T(0);
    for (int64_t j = 0; j < m; ++j) share = fma(at(e, i, j), T(1) - cost_of(i, j), share);
    of_x[i * a.dims] = share;
  }
  __device__ void column_shares(T* e, int64_t j, T* of_y) const {
    T share = T(0);
    for (int64_t i = n - 1; i >= 0; --i) share = fma(at(e, i, j), T(1) - cost_of(i, j), share);
    of_y[j * a.dims] = share;
  }
  __device__ void to_factor(T* e, int64_t i, int64_t j) const {
    T& value = at(e, i, j);
    switch (a.metric) {
      case Metric::euclidean: value = slope_factor<Metric::euclidean>(value, cost_of(i, j), T(1)); return;
      case Metric::cosine: value = slope_factor<Metric::cosine>(value, T(0), x_norms[i] * y_norms[j]); return;
      case Metric::dot: value = slope_factor<Metric::dot>(value, T(0), T(1)); return;
      case Metric::sqeuclidean: value = slope_factor<Metric::sqeuclidean>(value, T(0), T(1)); return;
      default: return;
    }
  }

  // A lane takes whole samples: with cosine its first coordinate holds the share that all coordinates need.
  template <SlopeKind kKind> __device__ void add_slopes(T* e, T* of_x, T* of_y, int lane) const {
    for (int64_t i = lane; of_x && i < a.rows; i += kWarp) {
      const T share = of_x[i * a.dims];
      for (int64_t d = 0; d < a.dims; ++d) of_x[i * a.dims + d] = i < n ? x_slope<kKind>(e, i, d, share) : T(0);
    }
    for (int64_t j = lane; of_y && j < a.columns; j += kWarp) {
      const T share = of_y[j * a.dims];
      for (int64_t d = 0; d < a.dims; ++d) of_y[j * a.dims + d] = j < m ? y_slope<kKind>(e, j, d, share) : T(0);
    }
  }
  template <SlopeKind kKind> __device__ T x_slope(T* e, int64_t i, int64_t d, T share) const {
    const T own = x[i * a.x.stride[1] + d * a.x.stride[2]];
    T sum = T(0);
    for (int64_t j = 0; j < m; ++j)
      sum = fma(at(e, i, j), guarded_slope(at(e, i, j), slope_of<kKind>(own, y[j * a.y.stride[1] + d * a.y.stride[2]])),
                sum);
    return a.metric == Metric::cosine ? cosine_slope(sum, own, share, x_norms[i]) : sum;
  }
  template <SlopeKind kKind> __device__ T y_slope(T* e, int64_t j, int64_t d, T share) const {
    const T own = y[j * a.y.stride[1] + d * a.y.stride[2]];
    T sum = T(0);
    for (int64_t i = n - 1; i >= 0; --i) {
      const T other = x[i * a.x.stride[1] + d * a.x.stride[2]];
      sum = fma(at(e, i, j),
                kKind == SlopeKind::product ? other : -guarded_slope(at(e, i, j), slope_of<kKind>(other, own)), sum);
    }
    return a.metric == Metric::cosine ? cosine_slope(sum, own, share, y_norms[j]) : sum;
  }
};

}  // namespace
}  // namespace KT_BACKEND
}  // namespace kinetrace
