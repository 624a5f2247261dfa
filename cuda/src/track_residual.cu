// track_residual on CUDA: a warp is a group of 32 tracks, a second launch adds the groups. Not yet run on a GPU.
//
// The sums are those of residual.hpp in the same order as on the CPU: equal bits. Fields and gradients have nothing to add
// up, so they are cut into runs of frames for more threads; a run reads three frames more than it writes, the gradient six.
#include "launch.cuh"

#include <kinetrace/backends.hpp>
#include <kinetrace/track_residual/residual.hpp>

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kTrackLanes;
constexpr int64_t kRun = 32;  // frames per thread of a field or gradient
constexpr unsigned kAllLanes = 0xffffffffu;

// The positions of one track: D coordinates per frame, in double.
template <class T, int D> struct Track {
  const T* data;
  int64_t frame, coordinate;
  const uint8_t* seen;
  int64_t seen_frame;

  __device__ Track(const TrackResidualArgs<T>& a, int64_t b, int64_t n)
      : data(a.positions.data + b * a.positions.stride[0] + n * a.positions.stride[2]),
        frame(a.positions.stride[1]),
        coordinate(a.positions.stride[3]),
        seen(a.visible.data),
        seen_frame(a.visible.stride[1]) {
    if (seen) seen += b * a.visible.stride[0] + n * a.visible.stride[2];
  }
};

// Four frames of a track in registers, and how long it has been visible.
template <class T, int D> struct Window {
  double p[4][D];
  int64_t run = 0;

  __device__ void push(const Track<T, D>& track, int64_t t) {
    for (int d = 0; d < D; ++d) {
      for (int k = 0; k < 3; ++k) p[k][d] = p[k + 1][d];
      p[3][d] = double(track.data[t * track.frame + d * track.coordinate]);
    }
    run = !track.seen || track.seen[t * track.seen_frame] ? run + 1 : 0;
  }
  __device__ bool counts() const { return run >= 4; }
  __device__ double residual(int d) const { return third_difference(p[0][d], p[1][d], p[2][d], p[3][d]); }
};

// tree_sum over a warp: lane 0 gets the sum.
__device__ double warp_sum(double x) {
  for (int half = kTrackLanes / 2; half > 0; half /= 2) x = x + __shfl_down_sync(kAllLanes, x, half);
  return x;
}

// One warp per group; lanes beyond the last track bring zeros, so that all take part in the sums.
template <class T, int D> __global__ void __launch_bounds__(kThreads) sum_tracks(TrackResidualArgs<T> a) {
  const int64_t item = int64_t(blockIdx.x) * kWarps + threadIdx.x / kTrackLanes, groups = groups_of(a);
  if (item >= a.problems * groups) return;  // KT_MUTATE: item >= a.problems * groups -> false
  const int lane = threadIdx.x % kTrackLanes;
  const int64_t b = item / groups, n = (item - b * groups) * kTrackLanes + lane;
  double sum[D] = {}, counted = 0;
  if (n < a.tracks) {  // KT_MUTATE: bound
    const Track<T, D> track(a, b, n);
    Window<T, D> w = {};
    for (int64_t t = 0; t < a.frames; ++t) {
      w.push(track, t);
      if (!w.counts()) continue;
      for (int d = 0; d < D; ++d) sum[d] = accumulate(a.norm, w.residual(d), sum[d]);
      counted += 1;
    }
  }
  const int sums = sums_of(a);
  double* out = a.workspace + item * (sums + 1);
  if (a.norm == ResidualNorm::signed_) {
    for (int d = 0; d < D; ++d) {
      const double total = warp_sum(sum[d]);
      if (lane == 0) out[d] = total;
    }
  } else {
    for (int d = 1; d < D; ++d) sum[0] = sum[0] + sum[d];
    const double total = warp_sum(sum[0]);
    if (lane == 0) out[0] = total;
  }
  counted = warp_sum(counted);
  if (lane == 0) out[sums] = counted;
}

__device__ double sum_groups(const double* first, int64_t groups, int64_t pitch, int lane) {
  double sum = 0;
  for (int64_t g = lane; g < groups; g += kTrackLanes) sum = sum + first[g * pitch];
  return warp_sum(sum);
}

// One warp per problem.
template <class T> __global__ void __launch_bounds__(kThreads) sum_problems(TrackResidualArgs<T> a) {
  const int64_t b = int64_t(blockIdx.x) * kWarps + threadIdx.x / kTrackLanes, groups = groups_of(a);
  if (b >= a.problems) return;  // KT_MUTATE: b >= a.problems -> false
  const int lane = threadIdx.x % kTrackLanes, sums = sums_of(a);
  const double* partial = a.workspace + b * groups * (sums + 1);
  const double counted = sum_groups(partial + sums, groups, sums + 1, lane);
  if (lane == 0) a.count[b] = counted;
  for (int c = 0; c < sums; ++c) {
    const double total = sum_groups(partial + c, groups, sums + 1, lane);
    if (lane == 0) a.value[b * sums + c] = value_of(a, total, counted);
  }
}

// Which track and which frames [begin, end) of `frames` a thread of a field or gradient works on.
struct Part {
  int64_t b, n, begin, end;
  bool some;
  __device__ Part(int64_t problems, int64_t tracks, int64_t frames) {
    const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x, runs = (frames + kRun - 1) / kRun;
    const int64_t row = i / tracks;
    n = i - row * tracks, b = row / runs;
    begin = (row - b * runs) * kRun, end = begin + kRun < frames ? begin + kRun : frames;
    some = b < problems;
  }
};

template <class T, int D> __global__ void __launch_bounds__(kThreads) field_kernel(TrackResidualArgs<T> a) {
  const Part part(a.problems, a.tracks, a.frames - 3);
  if (!part.some) return;  // KT_MUTATE: !part.some -> false
  const Track<T, D> track(a, part.b, part.n);
  Window<T, D> w = {};
  for (int64_t t = part.begin; t < part.begin + 3; ++t) w.push(track, t);
  for (int64_t t = part.begin; t < part.end; ++t) {
    w.push(track, t + 3);
    const int64_t at = (part.b * (a.frames - 3) + t) * a.tracks + part.n;
    double sum = 0;
    for (int d = 0; d < D; ++d) {
      const double r = w.counts() ? w.residual(d) : 0;
      if (a.norm == ResidualNorm::signed_) a.value[at * D + d] = T(per_frame(a.norm, a.dt, r));
      else sum = accumulate(a.norm, r, sum);
    }
    if (a.norm != ResidualNorm::signed_) a.value[at] = T(per_frame(a.norm, a.dt, sum));
  }
}

template <class T, int D> __global__ void __launch_bounds__(kThreads) gradient_kernel(TrackResidualArgs<T> a) {
  const Part part(a.problems, a.tracks, a.frames);
  if (!part.some) return;  // KT_MUTATE: !part.some -> false
  const Track<T, D> track(a, part.b, part.n);
  const bool field = a.reduction == ResidualReduction::none;
  const auto& u = a.upstream;
  const auto& f = a.upstream_field;
  const int64_t step = sums_of(a) == 1 ? 0 : field ? f.stride[3] : u.stride[1];
  const T* up = field ? f.data + part.b * f.stride[0] + part.n * f.stride[2] : u.data + part.b * u.stride[0];
  const double count = field || a.reduction == ResidualReduction::sum ? 0 : a.count[part.b];
  double q[4][D] = {}, factor[D] = {};
  if (!field)
    for (int d = 0; d < D; ++d) factor[d] = slope_factor(a, up[d * step], count);
  Window<T, D> w = {};
  const int64_t first = part.begin < 3 ? 0 : part.begin - 3;
  for (int64_t t = first; t < first + 3; ++t) w.push(track, t);
  for (int64_t t = first; t < part.end; ++t) {
    const bool inner = t + 3 < a.frames;
    if (inner) w.push(track, t + 3);
    for (int d = 0; d < D; ++d) {
      for (int k = 0; k < 3; ++k) q[k][d] = q[k + 1][d];
      q[3][d] = 0;
      if (inner && w.counts()) {
        if (field) factor[d] = slope_factor(a, up[t * f.stride[1] + d * step], 0.0);
        q[3][d] = slope(a.norm, w.residual(d), factor[d]);
      }
      if (t >= part.begin)
        a.gradient[((part.b * a.frames + t) * a.tracks + part.n) * D + d] =
            T(spread(q[3][d], q[2][d], q[1][d], q[0][d]));
    }
  }
}

unsigned blocks(int64_t items, int64_t per_block) { return unsigned((items + per_block - 1) / per_block); }

template <class T, int D> cudaError_t launch(const TrackResidualArgs<T>& a, bool backward, cudaStream_t stream) {
  const dim3 block(kThreads);
  const auto parts = [&](int64_t frames) {
    return blocks(a.problems * ((frames + kRun - 1) / kRun) * a.tracks, kThreads);
  };
  if (backward) return KT_LAUNCH((gradient_kernel<T, D>), parts(a.frames), block, 0, stream, a);
  if (a.reduction == ResidualReduction::none)
    return KT_LAUNCH((field_kernel<T, D>), parts(a.frames - 3), block, 0, stream, a);
  if (a.tracks) {
    const cudaError_t status =
        KT_LAUNCH((sum_tracks<T, D>), blocks(a.problems * groups_of(a), kWarps), block, 0, stream, a);
    if (status != cudaSuccess) return status;
  }
  return KT_LAUNCH((sum_problems<T>), blocks(a.problems, kWarps), block, 0, stream, a);
}

template <class T> Outcome run(const TrackResidualArgs<T>& a, bool backward, const Launch& where) {
  const bool sums = !backward && a.reduction != ResidualReduction::none;
  if (!a.problems || (!a.tracks && !sums)) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), "track_residual: device");
  const auto stream = static_cast<cudaStream_t>(where.stream);
  const cudaError_t status = a.dims == 1   ? launch<T, 1>(a, backward, stream)
                             : a.dims == 2 ? launch<T, 2>(a, backward, stream)
                             : a.dims == 3 ? launch<T, 3>(a, backward, stream)
                                           : launch<T, 4>(a, backward, stream);
  return cuda::check(status, "track_residual: launch");
}

template <class T> int64_t workspace(const TrackResidualArgs<T>& a) {
  return a.reduction == ResidualReduction::none ? 0 : a.problems * groups_of(a) * (sums_of(a) + 1);
}

}  // namespace

int64_t track_residual_workspace(const TrackResidualArgs<float>& a) { return workspace(a); }
int64_t track_residual_workspace(const TrackResidualArgs<double>& a) { return workspace(a); }
Outcome track_residual(const TrackResidualArgs<float>& a, const Launch& where) { return run(a, false, where); }
Outcome track_residual(const TrackResidualArgs<double>& a, const Launch& where) { return run(a, false, where); }
Outcome track_residual_backward(const TrackResidualArgs<float>& a, const Launch& where) { return run(a, true, where); }
Outcome track_residual_backward(const TrackResidualArgs<double>& a, const Launch& where) { return run(a, true, where); }

}  // namespace KT_BACKEND
}  // namespace kinetrace
