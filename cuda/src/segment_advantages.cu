// segment_advantages on CUDA: a thread per token. Not yet run on a GPU.
#include "launch.cuh"

#include <kinetrace/backends.hpp>
#include <kinetrace/segment_advantages/pick.hpp>

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr int kThreads = 256;

template <class T> __device__ T at_place(const SegmentAdvantagesArgs<T>& a, int64_t row, int64_t place) {
  if (place == 0) return T(0);
  if (place > a.columns) return quiet_nan<T>();
  return a.advantages.data[row * a.advantages.stride[0] + (place - 1) * a.advantages.stride[1]];
}

template <class T, class I>
__global__ void __launch_bounds__(kThreads) pick_tokens(SegmentAdvantagesArgs<T> a, Strided<const I, 2> segments) {
  const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= a.rows * a.tokens) return;  // KT_MUTATE: i >= a.rows * a.tokens -> false
  const int64_t row = i / a.tokens, token = i - row * a.tokens;
  const I segment = segments.data[row * segments.stride[0] + token * segments.stride[1]];
  a.value[i] = at_place(a, row, int64_t(place_of(segment, a.columns)));
}

template <class T, class I>
Outcome launch(const SegmentAdvantagesArgs<T>& a, const Strided<const I, 2>& segments, const Launch& where) {
  const int64_t blocks = (a.rows * a.tokens + kThreads - 1) / kThreads;
  const cudaError_t status = KT_LAUNCH((pick_tokens<T, I>), unsigned(blocks), kThreads, 0,
                                       static_cast<cudaStream_t>(where.stream), a, segments);
  return cuda::check(status, "segment_advantages: launch");
}

template <class T> Outcome run(const SegmentAdvantagesArgs<T>& a, const Launch& where) {
  if (!a.rows || !a.tokens) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), "segment_advantages: device");
  return visit_segments(a, [&](const auto& segments) { return launch(a, segments, where); });
}

}  // namespace

Outcome segment_advantages(const SegmentAdvantagesArgs<float>& a, const Launch& where) { return run(a, where); }
Outcome segment_advantages(const SegmentAdvantagesArgs<double>& a, const Launch& where) { return run(a, where); }

}  // namespace KT_BACKEND
}  // namespace kinetrace
