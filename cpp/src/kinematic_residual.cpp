// kinematic_residual on the CPU: blocks of pixels over threads, strips summed in a fixed order.
#include <memory>

#include <kinetrace/backends.hpp>
#include <kinetrace/kinematic_residual/pixel.hpp>

#include "simd/kinematic_residual.hpp"
#include "thread_pool.hpp"

namespace kinetrace {
namespace cpu {
namespace {

// Blocks per chunk: about 50 us of work.
template <class T> int64_t grain(const KinematicResidualArgs<T>& a) {
  const int64_t ns = 1 + a.frames * kResidualBlock * int64_t(sizeof(T)) / (a.masked() ? 10 : 20);
  return 1 + 50000 / ns;
}

// Strips to the problem's values: strip s is added by lane s mod 32 in ascending order, then the lanes' tree.
template <class T> void finish_problem(const KinematicResidualArgs<T>& a, int64_t problem) {
  const double* strips = static_cast<const double*>(a.workspace) + problem * a.strips() * kResidualSums;
  double total[kResidualSums];
  for (int i = 0; i < kResidualSums; ++i) {
    double lane[kResidualLanes] = {};
    for (int64_t s = 0; s < a.strips(); ++s) lane[s % kResidualLanes] += strips[s * kResidualSums + i];
    total[i] = residual_tree(lane);
  }
  if (!a.weighted()) total[2] = double(a.frames - 2) * double(a.pixels());
  a.total_weight[problem] = total[2];
  const int channels = a.norm == ResidualNorm::signed_ ? 2 : 1;
  for (int c = 0; c < channels; ++c)
    a.value[problem * channels + c] = T(residual_value(a.norm, a.reduction, a.dt, total[c], total[2]));
}

template <class T> Outcome forward(const KinematicResidualArgs<T>& a, const Launch& launch) {
  parallel_for(a.problems * residual_blocks(a), grain(a), launch.num_threads, [&](int64_t begin, int64_t end) {
    void* scratch = thread_scratch(std::size_t(residual_scratch_bytes<T>()));
    KT_SIMD_CALL(kinematic_residual_forward, a, begin, end, scratch);
  });
  if (a.reduction != ResidualReduction::none)
    for (int64_t i = 0; i < a.problems; ++i) finish_problem(a, i);
  return {};
}

// Frame by frame: bounds of what every residual map spreads, then every frame's gradient.
template <class T> Outcome advected_backward(const KinematicResidualArgs<T>& a, const Launch& launch) {
  const int64_t frames = a.problems * a.frames, ns = 1 + a.pixels() * 50, per_chunk = 1 + 50000 / ns;
  parallel_for(frames, per_chunk, launch.num_threads,
               [&](int64_t begin, int64_t end) { KT_SIMD_CALL(kinematic_residual_bounds, a, begin, end); });
  parallel_for(frames, per_chunk, launch.num_threads, [&](int64_t begin, int64_t end) {
    const std::unique_ptr<int64_t[]> sums(new int64_t[std::size_t(2 * a.pixels())]);  // too large to keep per thread
    KT_SIMD_CALL(kinematic_residual_advected, a, begin, end, sums.get());
  });
  return {};
}

template <class T> Outcome backward(const KinematicResidualArgs<T>& a, const Launch& launch) {
  if (a.advected) return advected_backward(a, launch);
  parallel_for(a.problems * residual_blocks(a), grain(a), launch.num_threads, [&](int64_t begin, int64_t end) {
    void* scratch = thread_scratch(std::size_t(residual_scratch_bytes<T>()));
    KT_SIMD_CALL(kinematic_residual_backward, a, begin, end, scratch);
  });
  return {};
}

template <class T> int64_t workspace(const KinematicResidualArgs<T>& a) {
  if (a.gradient) return a.advected ? a.problems * a.frames * kSpreadBounds : 0;
  return a.reduction == ResidualReduction::none ? 0 : a.problems * a.strips() * kResidualSums;
}

}  // namespace

int64_t kinematic_residual_workspace(const KinematicResidualArgs<float>& a) { return workspace(a); }
int64_t kinematic_residual_workspace(const KinematicResidualArgs<double>& a) { return workspace(a); }
Outcome kinematic_residual(const KinematicResidualArgs<float>& a, const Launch& launch) { return forward(a, launch); }
Outcome kinematic_residual(const KinematicResidualArgs<double>& a, const Launch& launch) { return forward(a, launch); }
Outcome kinematic_residual_backward(const KinematicResidualArgs<float>& a, const Launch& launch) {
  return backward(a, launch);
}
Outcome kinematic_residual_backward(const KinematicResidualArgs<double>& a, const Launch& launch) {
  return backward(a, launch);
}

}  // namespace cpu
}  // namespace kinetrace
