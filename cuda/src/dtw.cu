// dtw on CUDA: any pattern, window, metric and free end; one thread per pair. Not yet run on a GPU.
//
// The rows that steps look back to, and the directions of a path, lie in the workspace, those of neighbouring threads side by
// side, so that pairs of similar shape read and write whole lines.
#include "launch.cuh"

#include <kinetrace/backends.hpp>
#include <kinetrace/dtw/thread.hpp>

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr int kThreads = 64;
constexpr int64_t kMostThreads = int64_t(1) << 18;
constexpr int64_t kWorkspaceBytes = int64_t(2) << 30;  // then fewer threads take several pairs each

// Where a thread's parts of the workspace begin, in bytes: rows, directions, and a path that the caller does not get.
struct Layout {
  int64_t threads, directions, cells, bytes;
};
template <class T> Layout layout_of(const DtwArgs<T>& a) {
  const DtwSpace<T> space = space_of(a);
  const int64_t own_cells = wants_path(a) && !a.path ? 2 * a.path_capacity : 0;
  const int64_t each = space.ring * int64_t(sizeof(T)) + (space.directions + own_cells) * 4;
  int64_t threads = kWorkspaceBytes / (each > 0 ? each : 1);
  threads = threads < a.pairs ? threads : a.pairs;
  threads = threads < 1 ? 1 : threads > kMostThreads ? kMostThreads : threads;
  Layout layout;
  layout.threads = threads;
  layout.directions = (threads * space.ring * int64_t(sizeof(T)) + 15) / 16 * 16;
  layout.cells = layout.directions + threads * space.directions * 4;
  layout.bytes = layout.cells + threads * own_cells * 4;
  return layout;
}

template <class T> __global__ void __launch_bounds__(kThreads, 1) dtw_kernel(DtwArgs<T> a, Layout layout) {
  const int64_t t = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (t >= layout.threads) return;
  auto* memory = static_cast<unsigned char*>(a.workspace);
  T* ring = reinterpret_cast<T*>(memory) + t;
  uint32_t* directions = wants_path(a) ? reinterpret_cast<uint32_t*>(memory + layout.directions) + t : nullptr;
  int32_t* own_cells = reinterpret_cast<int32_t*>(memory + layout.cells) + t * 2 * a.path_capacity;
  for (int64_t at = t; at < a.pairs; at += layout.threads) {
    if (a.pairing == Pairing::upper && at / a.y_count > at % a.y_count) continue;
    DtwThread<T> thread(a, ring, directions, layout.threads, at);
    thread.solve(a.path ? a.path + at * 2 * a.path_capacity : own_cells);
  }
}

template <class T> Outcome run(const DtwArgs<T>& a, const Launch& where) {
  if (a.pairs <= 0) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), "dtw: device");
  const Layout layout = layout_of(a);
  const dim3 grid(unsigned((layout.threads + kThreads - 1) / kThreads)), block(kThreads);
  return cuda::check(KT_LAUNCH((dtw_kernel<T>), grid, block, 0, static_cast<cudaStream_t>(where.stream), a, layout),
                     "dtw: launch");
}

template <class T> int64_t workspace(const DtwArgs<T>& a) { return a.pairs > 0 ? layout_of(a).bytes + 16 : 0; }

}  // namespace

int64_t dtw_workspace(const DtwArgs<float>& a) { return workspace(a); }
int64_t dtw_workspace(const DtwArgs<double>& a) { return workspace(a); }
Outcome dtw(const DtwArgs<float>& a, const Launch& launch) { return run(a, launch); }
Outcome dtw(const DtwArgs<double>& a, const Launch& launch) { return run(a, launch); }

}  // namespace KT_BACKEND
}  // namespace kinetrace
