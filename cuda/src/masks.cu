// masks on CUDA: counting in strips of rows, a block each, then a warp per image; Chamfer in masks_chamfer.cuh. Not yet run
// on a GPU.
//
// All sums are whole numbers: the strips may be added in any order.
#include "launch.cuh"

#include <kinetrace/backends.hpp>
#include <kinetrace/masks/masks.hpp>

#include "masks_chamfer.cuh"

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int kStrip = 16;  // rows per block: enough blocks for a single clip
constexpr int kUnit = 16;  // pixels that a thread loads at once
constexpr int kSums = 3;  // centroids: count, sum of x, sum of y; IoU: in both, in either

// Four pixels to a word whose bits 7, 15, 23 and 31 say which are set.
__device__ unsigned set_bits(unsigned w) { return (((w & 0x7f7f7f7fu) + 0x7f7f7f7fu) | w) & 0x80808080u; }
__device__ int sum_of_places(unsigned bits) { return __popc(bits & 0x80008000u) + 2 * __popc(bits & 0x80800000u); }

// One image as a block reads it.
struct MaskImage {
  const uint8_t* pixels;
  int64_t down, right;
  int width;
  bool aligned;

  __device__ MaskImage(const Strided<const uint8_t, 4>& masks, int64_t frames, int64_t image, int64_t width_)
      : pixels(masks.data + image / frames * masks.stride[0] + image % frames * masks.stride[1]),
        down(masks.stride[2]),
        right(masks.stride[3]),
        width(int(width_)),
        aligned(right == 1 && down % kUnit == 0 && reinterpret_cast<unsigned long long>(pixels) % kUnit == 0) {}

  // Pixels x to x + 15 of row y, those beyond the width as 0.
  __device__ void load(int64_t y, int x, unsigned (&words)[kUnit / 4]) const {
    const uint8_t* p = pixels + y * down;
    if (aligned && x + kUnit <= width) {  // KT_MUTATE: bound
      const int4 v = *reinterpret_cast<const int4*>(p + x);
      words[0] = unsigned(v.x), words[1] = unsigned(v.y), words[2] = unsigned(v.z), words[3] = unsigned(v.w);
      return;
    }
    for (int k = 0; k < kUnit / 4; ++k) {
      words[k] = 0;
      for (int i = 0; i < 4; ++i)
        if (x + 4 * k + i < width) words[k] |= unsigned(p[(x + 4 * k + i) * right]) << (8 * i);  // KT_MUTATE: bound
    }
  }
};

__device__ int64_t warp_total(int64_t x) {
  for (int half = 16; half > 0; half /= 2) x += __shfl_down_sync(0xffffffffu, x, half);
  return x;
}

// The sums of one strip of rows to args.workspace (images, strips, kSums).
template <bool kPair> __global__ void __launch_bounds__(kThreads) count_kernel(MasksArgs a, int strips) {
  const int64_t image = blockIdx.x / unsigned(strips);
  const int strip = int(blockIdx.x % unsigned(strips));
  const MaskImage masks(a.a, a.frames, image, a.width), other(kPair ? a.b : a.a, a.frames, image, a.width);
  const int64_t top = int64_t(strip) * kStrip;
  const int rows =
      a.height - top < kStrip ? int(a.height - top) : kStrip;  // KT_MUTATE: a.height - top < kStrip -> false
  const int units = (int(a.width) + kUnit - 1) / kUnit;
  int64_t sums[kSums] = {};
  for (int i = int(threadIdx.x); i < rows * units; i += kThreads) {
    const int y = i / units, x = (i - y * units) * kUnit;
    unsigned words[kUnit / 4], others[kUnit / 4];
    masks.load(top + y, x, words);
    if (kPair) other.load(top + y, x, others);
    for (int k = 0; k < kUnit / 4; ++k) {
      const unsigned bits = set_bits(words[k]);
      if (kPair) {
        const unsigned other_bits = set_bits(others[k]);
        sums[0] += __popc(bits & other_bits), sums[1] += __popc(bits | other_bits);
      } else {
        const int count = __popc(bits);
        sums[0] += count, sums[1] += count * (x + 4 * k) + sum_of_places(bits), sums[2] += count * (top + y);
      }
    }
  }
  KT_SHARED(int64_t[kWarps][kSums], of_warps);
  for (int s = 0; s < kSums; ++s) {
    const int64_t total = warp_total(sums[s]);
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32][s] = total;  // KT_MUTATE: threadIdx.x % 32 == 0 -> true
  }
  __syncthreads();
  if (threadIdx.x >= kSums) return;  // KT_MUTATE: threadIdx.x >= kSums -> threadIdx.x >= kSums + 1
  int64_t total = 0;
  for (int w = 0; w < kWarps; ++w) total += of_warps[w][threadIdx.x];
  static_cast<int64_t*>(a.workspace)[int64_t(blockIdx.x) * kSums + threadIdx.x] = total;
}

// A warp per image.
template <bool kPair> __global__ void __launch_bounds__(kThreads) finish_kernel(MasksArgs a, int strips) {
  const int64_t image = int64_t(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (image >= a.images()) return;  // KT_MUTATE: image >= a.images() -> false
  const int lane = int(threadIdx.x % 32);
  const auto* partial = static_cast<const int64_t*>(a.workspace) + image * strips * kSums;
  int64_t sums[kSums] = {};
  for (int i = lane; i < strips; i += 32)  // KT_MUTATE: i < strips -> i <= strips
    for (int s = 0; s < kSums; ++s) sums[s] += partial[i * kSums + s];
  for (int s = 0; s < kSums; ++s) sums[s] = warp_total(sums[s]);
  if (lane) return;  // KT_MUTATE: lane -> false
  if (kPair) {
    a.value[image] = iou_of(sums[0], sums[1]);
  } else {
    a.value[2 * image] = centroid_of(sums[1], sums[0]), a.value[2 * image + 1] = centroid_of(sums[2], sums[0]);
  }
}

int64_t strips_of(const MasksArgs& a) { return (a.height + kStrip - 1) / kStrip; }

template <bool kPair> Outcome count(const MasksArgs& a, const Launch& where, const char* device, const char* launch) {
  if (!a.images()) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), device);
  const auto stream = static_cast<cudaStream_t>(where.stream);
  const int strips = int(strips_of(a));
  const dim3 block(kThreads);
  if (strips) {
    const dim3 grid(unsigned(a.images() * strips));
    const cudaError_t status = KT_LAUNCH((count_kernel<kPair>), grid, block, 0, stream, a, strips);
    if (status != cudaSuccess) return cuda::check(status, launch);
  }
  const dim3 grid(unsigned((a.images() + kWarps - 1) / kWarps));
  return cuda::check(KT_LAUNCH((finish_kernel<kPair>), grid, block, 0, stream, a, strips), launch);
}

int64_t workspace(const MasksArgs& a) { return a.images() * strips_of(a) * kSums * int64_t(sizeof(int64_t)); }

}  // namespace

int64_t mask_centroids_workspace(const MasksArgs& a) { return workspace(a); }
int64_t mask_iou_workspace(const MasksArgs& a) { return workspace(a); }
int64_t mask_chamfer_workspace(const MasksArgs& a) { return chamfer_workspace(a); }

Outcome mask_centroids(const MasksArgs& a, const Launch& where) {
  return count<false>(a, where, "mask_centroids: device", "mask_centroids: launch");
}
Outcome mask_iou(const MasksArgs& a, const Launch& where) {
  return count<true>(a, where, "mask_iou: device", "mask_iou: launch");
}
Outcome mask_chamfer(const MasksArgs& a, const Launch& where) {
  if (!a.images()) return {};
  const cuda::DeviceGuard guard(where.device);
  if (guard.status() != cudaSuccess) return cuda::check(guard.status(), "mask_chamfer: device");
  return cuda::check(launch_chamfer(a, static_cast<cudaStream_t>(where.stream)), "mask_chamfer: launch");
}

}  // namespace KT_BACKEND
}  // namespace kinetrace
