// fit_kinematics on one instruction set: one problem per lane. Compiled once per level with KT_ABI naming it.
#include "fit_kinematics.hpp"

#include <kinetrace/core/pack.hpp>
#include <kinetrace/fit_kinematics/finish.hpp>

#include "transpose.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

template <class T> constexpr int kWidth = KT_VECTOR_BYTES / int(sizeof(T));

// Copies W problems into rows: lane = problem. Problems past the end repeat the last one and are not written back.
template <class T, int D> void load_positions(const FitKinematicsArgs<T>& a, const int64_t* problem, T* rows) {
  constexpr int W = kWidth<T>;
  const auto& p = a.positions;
  const auto row_of = [](int64_t j) { return j / D * (D + 1) + j % D; };
  if (p.stride[2] == 1 && p.stride[1] == D) {
    const T* source[W];
    for (int l = 0; l < W; ++l) source[l] = p.data + problem[l] * p.stride[0];
    interleave<T, W>(source, a.frames * D, rows, row_of);
    return;
  }
  for (int64_t t = 0; t < a.frames; ++t)
    for (int d = 0; d < D; ++d) {
      const T* source = p.data + t * p.stride[1] + d * p.stride[2];
      T* row = rows + (t * (D + 1) + d) * W;
      for (int l = 0; l < W; ++l) row[l] = source[problem[l] * p.stride[0]];
    }
}

template <class T, class RowOf> void load_frames(const Strided<const T, 2>& s, int64_t frames, const int64_t* problem, T* rows, RowOf row_of) {
  constexpr int W = kWidth<T>;
  if (s.stride[1] == 1) {
    const T* source[W];
    for (int l = 0; l < W; ++l) source[l] = s.data + problem[l] * s.stride[0];
    interleave<T, W>(source, frames, rows, row_of);
    return;
  }
  for (int64_t t = 0; t < frames; ++t)
    for (int l = 0; l < W; ++l) rows[row_of(t) * W + l] = s.data[problem[l] * s.stride[0] + t * s.stride[1]];
}

template <class T, int D> void load_weights(const FitKinematicsArgs<T>& a, const int64_t* problem, T* rows) {
  constexpr int W = kWidth<T>;
  const auto row_of = [](int64_t t) { return t * (D + 1) + D; };
  if (a.weights.data) load_frames(a.weights, a.frames, problem, rows, row_of);
  const auto& v = a.visible;
  for (int64_t t = 0; t < a.frames; ++t) {
    T* row = rows + row_of(t) * W;
    if (!a.weights.data)
      for (int l = 0; l < W; ++l) row[l] = T(1);
    if (v.data)
      for (int l = 0; l < W; ++l) row[l] = v.data[problem[l] * v.stride[0] + t * v.stride[1]] ? row[l] : T(0);
  }
}

template <class T, int D, int K> void write(const FitKinematicsArgs<T>& a, const int64_t* problem, int lanes_used, const FitResult<NativePack<T>, D, K>& r) {
  for (int l = 0; l < lanes_used; ++l) {
    const int64_t i = problem[l];
    T* coefficients = a.coefficients + i * (K + 1) * D;
    T* covariance = a.covariance + i * (K + 1) * (K + 1);
    for (int k = 0; k <= K; ++k) {
      for (int d = 0; d < D; ++d) coefficients[k * D + d] = r.coefficients[k][d][l];
      for (int j = 0; j <= K; ++j) covariance[k * (K + 1) + j] = r.covariance[k][j][l];
    }
    a.residual_rms[i] = r.residual_rms[l];
    a.r_squared[i] = r.r_squared[l];
    a.n_points[i] = int32_t(r.n_points[l]);
    a.status[i] = int32_t(r.status[l]);
  }
}

template <class T, int D, int K> void run(const FitKinematicsArgs<T>& a, int64_t begin, int64_t end, T* scratch) {
  using V = NativePack<T>;
  constexpr int W = kWidth<T>;
  const bool own_times = a.times.data;
  T* rows = scratch;
  T* times = rows + a.frames * (D + 1) * W;
  T* extra = times + a.frames * W;
  if (!own_times)
    for (int64_t t = 0; t < a.frames; ++t) store(times + t * W, V(T(t)));
  for (int64_t i = begin; i < end; i += W) {
    const int used = int(end - i < W ? end - i : W);
    int64_t problem[W];
    for (int l = 0; l < W; ++l) problem[l] = i + (l < used ? l : used - 1);
    load_positions<T, D>(a, problem, rows);
    load_weights<T, D>(a, problem, rows);
    if (own_times) load_frames(a.times, a.frames, problem, times, [](int64_t t) { return t; });
    const FitRows<V, D> group{rows, W, times, W, extra, a.frames};
    const T per_second = own_times ? T(1) : T(1 / a.dt);
    write<T, D, K>(a, problem, used, fit_rows<V, D, K>(group, a.weights.data, own_times, a.robust, a.threshold, a.iterations, per_second));
  }
}

template <class T, int D> void select_order(const FitKinematicsArgs<T>& a, int64_t begin, int64_t end, T* scratch) {
  switch (a.order) {
    case 0: return run<T, D, 0>(a, begin, end, scratch);
    case 1: return run<T, D, 1>(a, begin, end, scratch);
    case 2: return run<T, D, 2>(a, begin, end, scratch);
    default: return run<T, D, 3>(a, begin, end, scratch);
  }
}
template <class T> void select_dims(const FitKinematicsArgs<T>& a, int64_t begin, int64_t end, T* scratch) {
  switch (a.dims) {
    case 1: return select_order<T, 1>(a, begin, end, scratch);
    case 2: return select_order<T, 2>(a, begin, end, scratch);
    case 3: return select_order<T, 3>(a, begin, end, scratch);
    default: return select_order<T, 4>(a, begin, end, scratch);
  }
}

}  // namespace

void fit_kinematics(const FitKinematicsArgs<float>& a, int64_t begin, int64_t end, float* scratch) { select_dims(a, begin, end, scratch); }
void fit_kinematics(const FitKinematicsArgs<double>& a, int64_t begin, int64_t end, double* scratch) { select_dims(a, begin, end, scratch); }

}  // namespace KT_ABI
}  // namespace kinetrace
