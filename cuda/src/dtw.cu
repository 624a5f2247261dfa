// dtw on CUDA: any pattern, window, metric and free end. Not yet run on a GPU.
//
// Patterns of single steps: a team of lanes, a warp or several warps per pair, whose rows stay in registers (dtw_team.cuh).
// Others: one thread per pair; the rows that steps look back to, and the directions of a path, lie in the workspace, those of
// neighbouring threads side by side, so that pairs of similar shape read and write whole lines.
#include "launch.cuh"

#include "dtw_stripes.cuh"

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr int kPairThreads = 64;

template <class T> __global__ void __launch_bounds__(kPairThreads, 1) dtw_kernel(DtwArgs<T> a, Layout layout) {
  const int64_t t = int64_t(blockIdx.x) * kPairThreads + threadIdx.x;
  if (t >= layout.teams) return;  // KT_MUTATE: t >= layout.teams -> false
  auto* memory = static_cast<unsigned char*>(a.workspace);
  T* ring = reinterpret_cast<T*>(memory) + t;
  uint32_t* directions = wants_path(a) ? reinterpret_cast<uint32_t*>(memory + layout.directions) + t : nullptr;
  int32_t* own_cells = reinterpret_cast<int32_t*>(memory + layout.cells) + t * 2 * a.path_capacity;
  for (int64_t at = t; at < a.pairs; at += layout.teams) {  // KT_MUTATE: at < a.pairs -> at <= a.pairs
    if (a.pairing == Pairing::upper && at / a.y_count > at % a.y_count) continue;
    DtwThread<T> thread(a, ring, directions, layout.teams, at);
    thread.solve(a.path ? a.path + at * 2 * a.path_capacity : own_cells);
  }
}

template <class T, class Lane, int C, bool kPaths = true>
cudaError_t launch_team(const DtwArgs<T>& a, const Plan& plan, void* stream) {
  const Layout layout = layout_of(a, plan);
  const bool alone = plan.warps == 1;
  const int64_t in_block = alone ? kThreads / plan.group : 1;
  const dim3 grid(unsigned((layout.teams + in_block - 1) / in_block)), block(alone ? kThreads : plan.warps * kWarp);
  const auto where = static_cast<cudaStream_t>(stream);
  if constexpr (kPaths)
    if (wants_path(a)) return KT_LAUNCH((dtw_team_kernel<T, Lane, C, true>), grid, block, 0, where, a, plan, layout);
  return KT_LAUNCH((dtw_team_kernel<T, Lane, C, false>), grid, block, 0, where, a, plan, layout);
}
template <class T, bool kSquare, int C> cudaError_t launch_series(const DtwArgs<T>& a, const Plan& plan, void* stream) {
  constexpr bool kPaths = C < 16 || kWideBandPaths<T>;
  if (a.window.limited) return launch_team<T, SeriesCells<T, C, kSquare, true>, C, kPaths>(a, plan, stream);
  return launch_team<T, SeriesCells<T, C, kSquare, false>, C>(a, plan, stream);
}
template <class T, bool kSquare> cudaError_t launch_series(const DtwArgs<T>& a, const Plan& plan, void* stream) {
  if (plan.columns == 16) return launch_series<T, kSquare, 16>(a, plan, stream);
  return launch_series<T, kSquare, 4>(a, plan, stream);
}

template <class T> cudaError_t launch(const DtwArgs<T>& a, const Plan& plan, void* stream) {
  if (plan.columns) {
    const Cells cells = cells_of(a);
    if (cells == Cells::square) return launch_series<T, true>(a, plan, stream);
    if (cells == Cells::distance) return launch_series<T, false>(a, plan, stream);
    return launch_team<T, AnyCells<T, 4>, 4>(a, plan, stream);
  }
  const Layout layout = layout_of(a, plan);
  const dim3 grid(unsigned((layout.teams + kPairThreads - 1) / kPairThreads)), block(kPairThreads);
  return KT_LAUNCH((dtw_kernel<T>), grid, block, 0, static_cast<cudaStream_t>(stream), a, layout);
}

template <class T> Outcome run(const DtwArgs<T>& a, const Launch& where) {
  if (a.pairs <= 0) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), "dtw: device");
  return cuda::check(launch(a, plan_of(a), where.stream), "dtw: launch");
}

template <class T> int64_t workspace(const DtwArgs<T>& a) {
  return a.pairs > 0 ? layout_of(a, plan_of(a)).bytes + 16 : 0;
}

}  // namespace

int64_t dtw_workspace(const DtwArgs<float>& a) { return workspace(a); }
int64_t dtw_workspace(const DtwArgs<double>& a) { return workspace(a); }
Outcome dtw(const DtwArgs<float>& a, const Launch& launch) { return run(a, launch); }
Outcome dtw(const DtwArgs<double>& a, const Launch& launch) { return run(a, launch); }

}  // namespace KT_BACKEND
}  // namespace kinetrace
