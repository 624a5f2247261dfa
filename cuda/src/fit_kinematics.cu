// fit_kinematics on CUDA: one thread per problem over rows that its block loads together. Not yet run on a GPU.
//
// The rows of a block's problems lie side by side ([row][problem]) in shared memory, or in the workspace when the tracks
// are too long: reads are conflict-free or coalesced either way, and the maths is the header that the CPU lanes run.
#include "launch.cuh"

#include <kinetrace/backends.hpp>
#include <kinetrace/fit_kinematics/finish.hpp>

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr std::size_t kSharedForTwoBlocks = 96 * 1024, kSharedForOne = 200 * 1024;

// How a block lays out its problems: `pitch` elements from row to row, odd in shared memory against bank conflicts.
struct Layout {
  int threads = 64;
  int64_t pitch = 65;
  bool shared = true;
};

template <class T> std::size_t shared_bytes(const FitKinematicsArgs<T>& a, const Layout& l) {
  const int64_t table = a.times.data ? 0 : a.frames;
  return std::size_t((l.shared ? fit_kinematics_rows(a) * l.pitch : 0) + table) * sizeof(T);
}
template <class T> Layout layout_for(const FitKinematicsArgs<T>& a) {
  Layout l;
  if (shared_bytes(a, l) <= kSharedForTwoBlocks) return l;
  l.threads = 32, l.pitch = 33;
  if (shared_bytes(a, l) <= kSharedForOne) return l;
  l.threads = 64, l.pitch = 64, l.shared = false;
  return l;
}

// All threads of the block copy `count` elements of each of its problems: neighbouring threads take what lies next to
// each other in the caller's memory, be it the frames of one track or the tracks of one frame.
// 32-bit counts (the binding bounds frames): a 64-bit division is a call, and calls spill registers.
template <class Get> __device__ void load_block(uint32_t problems, uint32_t count, bool problem_fastest,
                                                const Get& get) {
  for (uint32_t i = threadIdx.x; i < problems * count; i += blockDim.x) {
    const uint32_t row = problem_fastest ? problems : count, outer = i / row, inner = i - outer * row;
    get(problem_fastest ? inner : outer, problem_fastest ? outer : inner);
  }
}
__device__ bool smaller(int64_t a, int64_t b) { return (a < 0 ? -a : a) < (b < 0 ? -b : b); }

template <class T, int D> struct LoadPosition {
  const FitKinematicsArgs<T>& a;
  T* rows;
  int64_t pitch, first;
  __device__ void operator()(uint32_t l, uint32_t j) const {
    const uint32_t t = j / D, d = j % D;
    const auto& p = a.positions;
    rows[int64_t(t * (D + 1) + d) * pitch + l] = p.data[(first + l) * p.stride[0] + t * p.stride[1] + d * p.stride[2]];
  }
};
template <class T, int D> struct LoadWeight {
  const FitKinematicsArgs<T>& a;
  T* rows;
  int64_t pitch, first;
  __device__ void operator()(uint32_t l, uint32_t t) const {
    const auto& w = a.weights;
    const auto& v = a.visible;
    T weight = w.data ? w.data[(first + l) * w.stride[0] + t * w.stride[1]] : T(1);
    if (v.data && !v.data[(first + l) * v.stride[0] + t * v.stride[1]]) weight = T(0);
    rows[int64_t(t * (D + 1) + D) * pitch + l] = weight;
  }
};
template <class T> struct LoadTime {
  const FitKinematicsArgs<T>& a;
  T* rows;
  int64_t pitch, first;
  __device__ void operator()(uint32_t l, uint32_t t) const {
    rows[t * pitch + l] = a.times.data[(first + l) * a.times.stride[0] + t * a.times.stride[1]];
  }
};

// Where the results of problem i go.
template <class T, int D, int K> struct FitOut {
  const FitKinematicsArgs<T>& a;
  int64_t i;

  __device__ void solution(const FitSolution<T, D, K>& r) const {
    for (int k = 0; k <= K; ++k) {
      for (int d = 0; d < D; ++d) a.coefficients[(i * (K + 1) + k) * D + d] = r.coefficients[k][d];
      for (int j = 0; j <= K; ++j) a.covariance[(i * (K + 1) + k) * (K + 1) + j] = r.covariance[k][j];
    }
  }
  __device__ void quality(const FitQuality<T>& r) const {
    a.residual_rms[i] = r.residual_rms;
    a.r_squared[i] = r.r_squared;
    a.n_points[i] = int32_t(r.n_points);
    a.status[i] = int32_t(r.status);
    if (int32_t(r.status) == kOk) return;
    for (int j = 0; j < (K + 1) * D; ++j) a.coefficients[i * (K + 1) * D + j] = quiet_nan<T>();
    for (int j = 0; j < (K + 1) * (K + 1); ++j) a.covariance[i * (K + 1) * (K + 1) + j] = quiet_nan<T>();
  }
};

template <class T, int D, int K> __global__ void __launch_bounds__(64, 1)
    fit_kernel(FitKinematicsArgs<T> a, Layout layout) {
  KT_DYN_SHARED(T, tile);
  const int64_t first = int64_t(blockIdx.x) * blockDim.x, left = a.problems - first;
  const uint32_t problems = uint32_t(left < int64_t(blockDim.x) ? left : int64_t(blockDim.x)),
                 frames = uint32_t(a.frames);
  const bool own_times = a.times.data != nullptr;
  const int64_t pitch = layout.pitch;
  T* table = tile;
  T* rows = layout.shared ? table + (own_times ? 0 : a.frames)
                          : a.workspace + int64_t(blockIdx.x) * fit_kinematics_rows(a) * pitch;
  T* times = rows + a.frames * (D + 1) * pitch;
  load_block(problems, frames * D, smaller(a.positions.stride[0], a.positions.stride[1]),
             LoadPosition<T, D>{a, rows, pitch, first});
  load_block(problems, frames, smaller(a.weights.stride[0], a.weights.stride[1]),
             LoadWeight<T, D>{a, rows, pitch, first});
  if (own_times)
    load_block(problems, frames, smaller(a.times.stride[0], a.times.stride[1]), LoadTime<T>{a, times, pitch, first});
  else
    for (uint32_t t = threadIdx.x; t < frames; t += blockDim.x) table[t] = T(t);
  __syncthreads();
  const uint32_t lane = threadIdx.x;
  if (lane >= problems) return;  // KT_MUTATE: bound
  T* extra = times + (own_times ? a.frames * pitch : 0);
  const FitRows<T, D> mine{rows + lane,           pitch,        own_times ? times + lane : table,
                           own_times ? pitch : 1, extra + lane, a.frames};
  const T per_second = own_times ? T(1) : T(1 / a.dt);
  fit_rows<T, D, K>(mine, a.weights.data != nullptr, own_times, a.robust, a.threshold, a.iterations, per_second,
                    FitOut<T, D, K>{a, first + lane});
}

template <class T, int D> cudaError_t launch(const FitKinematicsArgs<T>& a, const Layout& l, cudaStream_t stream) {
  const dim3 grid(unsigned((a.problems + l.threads - 1) / l.threads)), block { unsigned(l.threads) };
  const std::size_t bytes = shared_bytes(a, l);
  switch (a.order) {
    case 0: return KT_LAUNCH((fit_kernel<T, D, 0>), grid, block, bytes, stream, a, l);
    case 1: return KT_LAUNCH((fit_kernel<T, D, 1>), grid, block, bytes, stream, a, l);
    case 2: return KT_LAUNCH((fit_kernel<T, D, 2>), grid, block, bytes, stream, a, l);
    default: return KT_LAUNCH((fit_kernel<T, D, 3>), grid, block, bytes, stream, a, l);
  }
}

template <class T> Outcome run(const FitKinematicsArgs<T>& a, const Launch& where) {
  if (!a.problems) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), "fit_kinematics: device");
  const Layout l = layout_for(a);
  const auto stream = static_cast<cudaStream_t>(where.stream);
  const cudaError_t status = a.dims == 1   ? launch<T, 1>(a, l, stream)
                             : a.dims == 2 ? launch<T, 2>(a, l, stream)
                             : a.dims == 3 ? launch<T, 3>(a, l, stream)
                                           : launch<T, 4>(a, l, stream);
  return cuda::check(status, "fit_kinematics: launch");
}

template <class T> int64_t workspace(const FitKinematicsArgs<T>& a) {
  const Layout l = layout_for(a);
  return l.shared ? 0 : (a.problems + l.threads - 1) / l.threads * fit_kinematics_rows(a) * l.pitch;
}

}  // namespace

int64_t fit_kinematics_workspace(const FitKinematicsArgs<float>& a) { return workspace(a); }
int64_t fit_kinematics_workspace(const FitKinematicsArgs<double>& a) { return workspace(a); }
Outcome fit_kinematics(const FitKinematicsArgs<float>& a, const Launch& where) { return run(a, where); }
Outcome fit_kinematics(const FitKinematicsArgs<double>& a, const Launch& where) { return run(a, where); }

}  // namespace KT_BACKEND
}  // namespace kinetrace
