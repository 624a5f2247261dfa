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

template <class T> __global__ void __launch_bounds__(kThreads) pick_tokens(SegmentAdvantagesArgs<T> a) {
  const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= a.rows * a.tokens) return;  // KT_MUTATE: i >= a.rows * a.tokens -> false
  const int64_t row = i / a.tokens, token = i - row * a.tokens;
  const auto& narrow = a.segments32;
  const auto& wide = a.segments64;
  const int64_t place =
      narrow.data
          ? int64_t(place_of(narrow.data[row * narrow.stride[0] + token * narrow.stride[1]], uint32_t(a.columns)))
          : int64_t(place_of(wide.data[row * wide.stride[0] + token * wide.stride[1]], uint64_t(a.columns)));
  a.value[i] = at_place(a, row, place);
}

template <class T> Outcome run(const SegmentAdvantagesArgs<T>& a, const Launch& where) {
  const int64_t tokens = a.rows * a.tokens;
  if (!tokens) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), "segment_advantages: device");
  const cudaError_t status = KT_LAUNCH((pick_tokens<T>), unsigned((tokens + kThreads - 1) / kThreads), kThreads, 0,
                                       static_cast<cudaStream_t>(where.stream), a);
  return cuda::check(status, "segment_advantages: launch");
}

}  // namespace

Outcome segment_advantages(const SegmentAdvantagesArgs<float>& a, const Launch& where) { return run(a, where); }
Outcome segment_advantages(const SegmentAdvantagesArgs<double>& a, const Launch& where) { return run(a, where); }

}  // namespace KT_BACKEND
}  // namespace kinetrace
