// kinematic_residual on CUDA: a warp per strip and its sums, a thread per pixel for fields and gradients. Not yet run on
// a GPU.
#include "launch.cuh"

#include <kinetrace/backends.hpp>
#include <kinetrace/kinematic_residual/pixel.hpp>

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr unsigned kAll = 0xffffffffu;
constexpr int kThreads = 128;
constexpr int64_t kSumBytes = int64_t(256) << 20;  // fixed-point sums of the advected gradient that are held at once

// y and x of a pixel; the binding keeps images below 2^31 pixels, and a 64-bit division would be a call.
struct Place {
  int64_t y, x;
};
__device__ __forceinline__ Place place_of(int64_t pixel, int64_t width) {
  const uint32_t p = uint32_t(pixel), w = uint32_t(width), y = p / w;
  return {int64_t(y), int64_t(p - y * w)};
}

// One residual along the motion, and its weight, 0 where a point leaves the image.
template <class T> __device__ __forceinline__ void advected_at(const KinematicResidualArgs<T>& a, int64_t b, int64_t t,
                                                               const Place& at, T& x, T& y, T& w) {
  const FlowField<T> before = flow_field(a, b, t - 1), here = flow_field(a, b, t);
  const int64_t i = at.y * here.row + at.x * here.column, j = i + here.channel;
  const AdvectedResidual<T> r = advected_residual(before, flow_field(a, b, t + 1), T(at.x), T(at.y), before.data[i],
                                                  before.data[j], here.data[i], here.data[j], a.iterations);
  x = r.x, y = r.y;
  w = r.valid ? residual_weight(a, b, t, at.y, at.x) : T(0);
}

// The pixels of a lane in one strip, walked through time: flow t and its difference from flow t - 1 stay in registers.
template <class T> struct Lane {
  static constexpr int kPixels = kResidualStrip / kResidualLanes;
  T flow[kPixels][2], difference[kPixels][2];
};

template <class T> __device__ __forceinline__ void begin_lane(const KinematicResidualArgs<T>& a, int64_t b,
                                                              int64_t first, Lane<T>& lane) {
  const FlowField<T> f = flow_field(a, b, 0);
#pragma unroll
  for (int j = 0; j < Lane<T>::kPixels; ++j) {
    const int64_t pixel = first + j * kResidualLanes;
    if (pixel >= a.pixels()) break;  // KT_MUTATE: pixel >= a.pixels() -> false
    const Place at = place_of(pixel, a.width);
    const T* p = f.data + at.y * f.row + at.x * f.column;
#pragma unroll
    for (int c = 0; c < 2; ++c) {
      const T now = p[c * f.channel + a.flow.stride[1]];
      lane.flow[j][c] = now, lane.difference[j][c] = now - p[c * f.channel];
    }
  }
}

// Adds residuals t0 .. t0 + kResidualFrames - 1 of the lane's pixels, in the order that types.hpp fixes.
template <class T, ResidualNorm N, bool kWeighted>
__device__ __forceinline__ void add_frames(const KinematicResidualArgs<T>& a, int64_t b, int64_t t0, int64_t first,
                                           Lane<T>& lane, ResidualSums<N, T>& sum) {
#pragma unroll
  for (int j = 0; j < Lane<T>::kPixels; ++j) {
    const int64_t pixel = first + j * kResidualLanes;
    if (pixel >= a.pixels()) break;  // KT_MUTATE: pixel >= a.pixels() -> false
    const Place at = place_of(pixel, a.width);
    const FlowField<T> f = flow_field(a, b, t0 + 1);
    const T* p = f.data + at.y * f.row + at.x * f.column;
#pragma unroll
    for (int u = 0; u < kResidualFrames; ++u, p += a.flow.stride[1]) {
      if (t0 + u > a.frames - 2) break;  // KT_MUTATE: a.frames - 2 -> a.frames - 1
      const T nx = p[0], ny = p[f.channel], ex = nx - lane.flow[j][0], ey = ny - lane.flow[j][1];
      const T rx = ex - lane.difference[j][0], ry = ey - lane.difference[j][1];
      if constexpr (kWeighted) sum.add(rx, ry, residual_weight(a, b, t0 + u, at.y, at.x));
      else sum.add(rx, ry);
      lane.flow[j][0] = nx, lane.flow[j][1] = ny, lane.difference[j][0] = ex, lane.difference[j][1] = ey;
    }
  }
}
template <class T, ResidualNorm N>
__device__ __forceinline__ void add_advected(const KinematicResidualArgs<T>& a, int64_t b, int64_t t0, int64_t first,
                                             ResidualSums<N, T>& sum) {
  for (int64_t pixel = first; pixel < first + kResidualStrip; pixel += kResidualLanes) {
    if (pixel >= a.pixels()) break;  // KT_MUTATE: pixel >= a.pixels() -> false
    const Place at = place_of(pixel, a.width);
    for (int64_t t = t0; t < t0 + kResidualFrames && t < a.frames - 1; ++t) {
      T x, y, w;
      advected_at(a, b, t, at, x, y, w);
      sum.add(x, y, w);
    }
  }
}

// residual_tree over the lanes of a warp; the first lane has the result.
__device__ __forceinline__ double warp_tree(double x) {
#pragma unroll
  for (int half = kResidualLanes / 2; half > 0; half /= 2) x = x + __shfl_down_sync(kAll, x, half);
  return x;
}

// Sums of one strip per warp to the workspace.
template <class T, ResidualNorm N, bool kWeighted, bool kAdvected> __global__ void __launch_bounds__(kThreads, 1)
    sum_kernel(KinematicResidualArgs<T> a) {
  const int l = int(threadIdx.x) % kResidualLanes;
  const int64_t strip = (int64_t(blockIdx.x) * kThreads + threadIdx.x) / kResidualLanes;
  if (strip >= a.strips()) return;  // KT_MUTATE: strip >= a.strips() -> false
  const int64_t first = strip * kResidualStrip + l;
  for (int64_t b = blockIdx.y; b < a.problems; b += gridDim.y) {
    double total[kResidualSums] = {};
    Lane<T> lane;
    if constexpr (!kAdvected) begin_lane(a, b, first, lane);
    for (int64_t t0 = 1; t0 < a.frames - 1; t0 += kResidualFrames) {
      ResidualSums<N, T> sum;
      if constexpr (kAdvected) add_advected(a, b, t0, first, sum);
      else add_frames<T, N, kWeighted>(a, b, t0, first, lane, sum);
      total[0] += double(sum.first), total[1] += double(sum.second), total[2] += double(sum.weight);
    }
    double* out = static_cast<double*>(a.workspace) + (b * a.strips() + strip) * kResidualSums;
    for (int i = 0; i < kResidualSums; ++i) {
      const double whole = warp_tree(total[i]);
      if (l == 0) out[i] = whole;  // KT_MUTATE: bound
    }
  }
}

// Strips to values, a warp per problem.
template <class T> __global__ void __launch_bounds__(kResidualLanes) finish_kernel(KinematicResidualArgs<T> a) {
  const int l = int(threadIdx.x);
  const int64_t b = blockIdx.x;
  const double* strips = static_cast<const double*>(a.workspace) + b * a.strips() * kResidualSums;
  double total[kResidualSums] = {};
  for (int64_t s = l; s < a.strips(); s += kResidualLanes)  // KT_MUTATE: s < a.strips() -> s <= a.strips()
    for (int i = 0; i < kResidualSums; ++i) total[i] += strips[s * kResidualSums + i];
  for (int i = 0; i < kResidualSums; ++i) total[i] = warp_tree(total[i]);
  if (l != 0) return;
  if (!a.weighted()) total[2] = double(a.frames - 2) * double(a.pixels());
  a.total_weight[b] = total[2];
  const int channels = a.norm == ResidualNorm::signed_ ? 2 : 1;
  for (int c = 0; c < channels; ++c)
    a.value[b * channels + c] = T(residual_value(a.norm, a.reduction, a.dt, total[c], total[2]));
}

// Fields: a thread per pixel and residual.
template <class T, ResidualNorm N> __global__ void __launch_bounds__(kThreads, 8)
    field_kernel(KinematicResidualArgs<T> a) {
  const int64_t pixel = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (pixel >= a.pixels()) return;  // KT_MUTATE: pixel >= a.pixels() -> false
  const Place at = place_of(pixel, a.width);
  constexpr int C = N == ResidualNorm::signed_ ? 2 : 1;
  for (int64_t b = blockIdx.z; b < a.problems; b += gridDim.z)
    for (int64_t t = 1 + int64_t(blockIdx.y); t < a.frames - 1; t += gridDim.y) {
      T x, y, w;
      if (a.advected) {
        advected_at(a, b, t, at, x, y, w);
      } else {
        const FlowField<T> f = flow_field(a, b, t);
        const T* p = f.data + at.y * f.row + at.x * f.column;
        const int64_t frame = a.flow.stride[1];
        x = second_difference(p[-frame], p[0], p[frame]);
        y = second_difference(p[f.channel - frame], p[f.channel], p[f.channel + frame]);
        w = residual_weight(a, b, t, at.y, at.x);
      }
      ResidualSums<N, T> one;
      one.add(x / T(a.dt), y / T(a.dt), w);
      T* out = a.value + (b * (a.frames - 2) + t - 1) * C * a.pixels() + pixel;
      out[0] = one.first;
      if constexpr (C == 2) out[a.pixels()] = one.second;
    }
}

#include "kinematic_residual_backward.cuh"

dim3 pixel_grid(int64_t pixels, int64_t frames, int64_t problems) {
  const auto capped = [](int64_t n) { return unsigned(n < 65535 ? n : 65535); };
  return dim3(unsigned((pixels + kThreads - 1) / kThreads), capped(frames), capped(problems));
}

// For loops over the grid.
dim3 few_blocks(int64_t n) { return dim3(unsigned(n / kThreads + 1 < 65536 ? n / kThreads + 1 : 65536)); }

template <class T, ResidualNorm N> cudaError_t launch_sums(const KinematicResidualArgs<T>& a, cudaStream_t stream) {
  const dim3 grid = pixel_grid(a.strips() * kResidualLanes, a.problems, 1), block(kThreads);
  if (a.advected) return KT_LAUNCH((sum_kernel<T, N, true, true>), grid, block, 0, stream, a);
  if (a.masked()) return KT_LAUNCH((sum_kernel<T, N, true, false>), grid, block, 0, stream, a);
  return KT_LAUNCH((sum_kernel<T, N, false, false>), grid, block, 0, stream, a);
}
template <class T, ResidualNorm N> cudaError_t launch_forward(const KinematicResidualArgs<T>& a, cudaStream_t stream) {
  if (a.reduction == ResidualReduction::none) {
    if (!a.pixels()) return cudaSuccess;
    return KT_LAUNCH((field_kernel<T, N>), pixel_grid(a.pixels(), a.frames - 2, a.problems), dim3(kThreads), 0, stream,
                     a);
  }
  const cudaError_t status = a.pixels() ? launch_sums<T, N>(a, stream) : cudaSuccess;
  if (status != cudaSuccess) return status;
  return KT_LAUNCH((finish_kernel<T>), dim3(unsigned(a.problems)), dim3(kResidualLanes), 0, stream, a);
}
template <class T> cudaError_t forward(const KinematicResidualArgs<T>& a, cudaStream_t stream) {
  switch (a.norm) {
    case ResidualNorm::squared: return launch_forward<T, ResidualNorm::squared>(a, stream);
    case ResidualNorm::absolute: return launch_forward<T, ResidualNorm::absolute>(a, stream);
    default: return launch_forward<T, ResidualNorm::signed_>(a, stream);
  }
}

template <class T> cudaError_t launch_gradient(const KinematicResidualArgs<T>& a, cudaStream_t stream) {
  const dim3 grid = pixel_grid(a.pixels(), a.problems, 1), block(kThreads);
  const cudaError_t status = KT_LAUNCH((factor_kernel<T>), few_blocks(a.problems), block, 0, stream, a);
  if (status != cudaSuccess) return status;
  switch (a.norm) {
    case ResidualNorm::squared:
      return KT_LAUNCH((gradient_kernel<T, ResidualNorm::squared>), grid, block, 0, stream, a);
    case ResidualNorm::absolute:
      return KT_LAUNCH((gradient_kernel<T, ResidualNorm::absolute>), grid, block, 0, stream, a);
    default: return KT_LAUNCH((gradient_kernel<T, ResidualNorm::signed_>), grid, block, 0, stream, a);
  }
}

// Problems whose fixed-point sums are held at once.
template <class T> int64_t group_size(const KinematicResidualArgs<T>& a) {
  const int64_t bytes = a.frames * 2 * a.pixels() * int64_t(sizeof(int64_t)),
                fit = bytes ? kSumBytes / bytes : a.problems;
  return fit < 1 ? 1 : fit < a.problems ? fit : a.problems;
}

template <class T> cudaError_t launch_advected(const KinematicResidualArgs<T>& a, cudaStream_t stream) {
  const int64_t group = group_size(a), bounds = bounds_size(a), sums = group * a.frames * 2 * a.pixels();
  const dim3 block(kThreads);
  auto* const sum = static_cast<unsigned long long*>(a.workspace) + bounds + 2 * a.problems;
  cudaError_t status = KT_LAUNCH((zero_kernel), few_blocks(bounds), block, 0, stream,
                                 static_cast<unsigned long long*>(a.workspace), bounds);
  if (status == cudaSuccess) status = KT_LAUNCH((factor_kernel<T>), few_blocks(a.problems), block, 0, stream, a);
  if (status == cudaSuccess)
    status = KT_LAUNCH((bounds_kernel<T>), pixel_grid(a.pixels(), a.frames - 2, a.problems), block, 0, stream, a);
  for (int64_t b = 0; b < a.problems && status == cudaSuccess; b += group) {
    const int64_t count = a.problems - b < group ? a.problems - b : group;
    const dim3 grid = pixel_grid(a.pixels(), a.frames, count);
    status = KT_LAUNCH((zero_kernel), few_blocks(sums), block, 0, stream, sum, sums);
    if (status == cudaSuccess) status = KT_LAUNCH((spread_kernel<T>), grid, block, 0, stream, a, b, count, sum);
    if (status == cudaSuccess) status = KT_LAUNCH((collect_kernel<T>), grid, block, 0, stream, a, b, count, sum);
    if (status == cudaSuccess) status = KT_LAUNCH((mark_kernel<T>), grid, block, 0, stream, a, b, count);
  }
  return status;
}

template <class T> Outcome run(const KinematicResidualArgs<T>& a, const Launch& where) {
  if (!a.problems) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), "kinematic_residual: device");
  return cuda::check(forward(a, static_cast<cudaStream_t>(where.stream)), "kinematic_residual: launch");
}
template <class T> Outcome run_backward(const KinematicResidualArgs<T>& a, const Launch& where) {
  if (!a.problems || !a.pixels()) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), "kinematic_residual_backward: device");
  const auto stream = static_cast<cudaStream_t>(where.stream);
  return cuda::check(a.advected ? launch_advected(a, stream) : launch_gradient(a, stream),
                     "kinematic_residual_backward: launch");
}

template <class T> int64_t workspace(const KinematicResidualArgs<T>& a) {
  if (a.gradient) return bounds_size(a) + 2 * a.problems + (a.advected ? group_size(a) * a.frames * 2 * a.pixels() : 0);
  return a.reduction == ResidualReduction::none ? 0 : a.problems * a.strips() * kResidualSums;
}

}  // namespace

int64_t kinematic_residual_workspace(const KinematicResidualArgs<float>& a) { return workspace(a); }
int64_t kinematic_residual_workspace(const KinematicResidualArgs<double>& a) { return workspace(a); }
Outcome kinematic_residual(const KinematicResidualArgs<float>& a, const Launch& where) { return run(a, where); }
Outcome kinematic_residual(const KinematicResidualArgs<double>& a, const Launch& where) { return run(a, where); }
Outcome kinematic_residual_backward(const KinematicResidualArgs<float>& a, const Launch& where) {
  return run_backward(a, where);
}
Outcome kinematic_residual_backward(const KinematicResidualArgs<double>& a, const Launch& where) {
  return run_backward(a, where);
}

}  // namespace KT_BACKEND
}  // namespace kinetrace
