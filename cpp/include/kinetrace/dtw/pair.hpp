// dtw: one pair of sequences, and what becomes of its result. Scalar; shared by every schedule.
#pragma once
#include "../alignment/local_cost.hpp"
#include "../alignment/window.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

// Which sequences a result belongs to, and how long they are. x_at and y_at count sequences, `at` results.
struct DtwPair {
  int64_t at, x_at, y_at, n, m;
};

template <class T> KT_HD DtwPair pair_of(const DtwArgs<T>& a, int64_t at) {
  DtwPair p{at, at, at, 0, 0};
  if (a.pairing != Pairing::zipped) p.x_at = at / a.y_count, p.y_at = at - p.x_at * a.y_count;
  p.n = length_of(a.x_lengths, p.x_at), p.m = length_of(a.y_lengths, p.y_at);
  return p;
}

// A cell's cost from the caller's arrays, for the few cells of a path.
template <Metric kMetric, class T> KT_HD T cell_cost(const DtwArgs<T>& a, const T* x, const T* y) {
  T norms = T(0);
  if constexpr (kMetric == Metric::cosine)
    norms = norm_of<T>(x, a.dims, a.x.stride[2]) * norm_of<T>(y, a.dims, a.y.stride[2]);
  return local_cost<kMetric, T>(x, a.x.stride[2], y, a.y.stride[2], a.dims, norms);
}
template <class T> KT_HD T cell_cost(const DtwArgs<T>& a, const DtwPair& p, int64_t i, int64_t j) {
  if (a.metric == Metric::given)
    return a.cost.data[p.at * a.cost.stride[0] + i * a.cost.stride[1] + j * a.cost.stride[2]] + T(0);
  const T* x = a.x.data + p.x_at * a.x.stride[0] + i * a.x.stride[1];
  const T* y = a.y.data + p.y_at * a.y.stride[0] + j * a.y.stride[1];
  switch (a.metric) {
    case Metric::euclidean: return cell_cost<Metric::euclidean>(a, x, y);
    case Metric::l1: return cell_cost<Metric::l1>(a, x, y);
    case Metric::cosine: return cell_cost<Metric::cosine>(a, x, y);
    case Metric::dot: return cell_cost<Metric::dot>(a, x, y);
    default: return cell_cost<Metric::sqeuclidean>(a, x, y);
  }
}

template <class T> KT_HD bool wants_path(const DtwArgs<T>& a) {
  return a.path || a.rewards || a.normalize == Normalize::path;
}

template <class T> KT_HD T normalized(const DtwArgs<T>& a, const DtwPair& p, T value, int64_t path_length) {
  switch (a.normalize) {
    case Normalize::x: return value / T(p.n);
    case Normalize::y: return value / T(p.m);
    case Normalize::sum: return value / T(p.n + p.m);
    case Normalize::path: return value / T(path_length);
    default: return value;
  }
}

// What a raw accumulated value says about its pair. `bad`: a used number is not finite. An infinite value is infeasible,
// unless the path exists and only its sum is infinite: the caller finds that out (see reaches_end in the schedules).
template <class T> KT_HD int32_t status_of(const DtwPair& p, T value, bool bad) {
  if (p.n == 0 || p.m == 0) return kEmpty;
  if (bad || !(value >= -limits<T>::largest)) return kNonFinite;
  return value > limits<T>::largest ? kInfeasible : kOk;
}

// Writes a pair's distance and status; the two halves of a symmetric matrix at once.
template <class T> KT_HD void write_distance(const DtwArgs<T>& a, const DtwPair& p, int32_t status, T value,
                                             int64_t path_length) {
  T result = status == kInfeasible ? infinity<T>() : quiet_nan<T>();
  if (status == kOk) result = normalized(a, p, value, path_length);
  const int64_t mirrored = a.pairing == Pairing::upper ? p.y_at * a.y_count + p.x_at : p.at;
  if (a.distance) a.distance[p.at] = a.distance[mirrored] = result;
  if (a.status) a.status[p.at] = a.status[mirrored] = status;
}

// Puts the cells of a path (collected from its end) into order, fills up with -1, and adds up the rewards.
template <class T> KT_HD void write_path(const DtwArgs<T>& a, const DtwPair& p, int32_t* cells, int64_t length) {
  for (int64_t k = 0; 2 * k + 1 < length; ++k)
    for (int c = 0; c < 2; ++c) {
      const int32_t swapped = cells[2 * k + c];
      cells[2 * k + c] = cells[2 * (length - 1 - k) + c];
      cells[2 * (length - 1 - k) + c] = swapped;
    }
  if (a.path_lengths) a.path_lengths[p.at] = int32_t(length);
  if (a.path)
    for (int64_t k = 2 * length; k < 2 * a.path_capacity; ++k) cells[k] = -1;
}

template <class T> KT_HD void write_rewards(const DtwArgs<T>& a, const DtwPair& p, int32_t status, const int32_t* cells,
                                            int64_t length) {
  T* rewards = a.rewards + p.at * a.rows;
  int64_t k = 0;
  for (int64_t i = 0; i < a.rows; ++i) {
    T sum = T(0);
    const int64_t first = k;
    for (; k < length && cells[2 * k] == i; ++k) sum = sum + cell_cost(a, p, i, cells[2 * k + 1]);
    if (status != kOk) rewards[i] = quiet_nan<T>();
    else if (i >= p.n) rewards[i] = T(0);
    else rewards[i] = k > first ? T(0) - sum / T(k - first) : quiet_nan<T>();
  }
}

KT_MATHS_END
