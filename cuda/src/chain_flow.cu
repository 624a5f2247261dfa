// chain_flow on CUDA: one thread carries one point through all frames, in one launch. Not yet run on a GPU.
//
// A step waits for eight loads whose places follow from the step before; the threads of many points hide that. Neighbouring
// threads write neighbouring points.
#include "launch.cuh"

#include <kinetrace/backends.hpp>
#include <kinetrace/chain_flow/step.hpp>

namespace kinetrace {
namespace KT_BACKEND {
namespace {

// Small blocks: a few thousand points should reach every multiprocessor.
constexpr int kThreads = 64;

template <class T> struct alignas(2 * sizeof(T)) Pair {
  T x, y;
};

template <class T, bool kBack> __device__ void put(const ChainFlowArgs<T>& a, int64_t at, const ChainPoint<T>& s) {
  reinterpret_cast<Pair<T>*>(a.positions)[at] = Pair<T>{s.x, s.y};
  a.visible[at] = s.visible;
  if (kBack) a.cycle_error[at] = s.cycle_error;
}

template <class T, bool kBack> __global__ void __launch_bounds__(kThreads) chain_kernel(ChainFlowArgs<T> a) {
  const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= a.problems * a.points) return;  // KT_MUTATE: i >= a.problems * a.points -> false
  const int64_t problem = i / a.points, n = i - problem * a.points;
  const int64_t first = start_of(a, problem, n);
  int64_t at = problem * (a.steps + 1) * a.points + n;
  Grid grid;
  grid.last_x = int32_t(a.width - 1), grid.last_y = int32_t(a.height - 1);
  ChainPoint<T> s = absent<T>();
  for (int64_t frame = 0; frame <= a.steps; ++frame, at += a.points) {
    if (frame == first) {
      s = begin_point(a, grid, problem, n);
    } else if (s.visible) {
      const ChainPoint<T> before = s;
      s = follow(before, flow_at(a, a.flow, problem, frame - 1));
      if (kBack) check_cycle(a, before, flow_at(a, a.backward_flow, problem, frame - 1), s);
    } else {
      s = absent<T>();
    }
    put<T, kBack>(a, at, s);
  }
}

template <class T> Outcome run(const ChainFlowArgs<T>& a, const Launch& where) {
  const int64_t count = a.problems * a.points;
  if (!count) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), "chain_flow: device");
  const dim3 grid(unsigned((count + kThreads - 1) / kThreads)), block(kThreads);
  const auto stream = static_cast<cudaStream_t>(where.stream);
  const cudaError_t status = a.backward_flow.data ? KT_LAUNCH((chain_kernel<T, true>), grid, block, 0, stream, a)
                                                  : KT_LAUNCH((chain_kernel<T, false>), grid, block, 0, stream, a);
  return cuda::check(status, "chain_flow: launch");
}

}  // namespace

Outcome chain_flow(const ChainFlowArgs<float>& a, const Launch& launch) { return run(a, launch); }
Outcome chain_flow(const ChainFlowArgs<double>& a, const Launch& launch) { return run(a, launch); }

}  // namespace KT_BACKEND
}  // namespace kinetrace
