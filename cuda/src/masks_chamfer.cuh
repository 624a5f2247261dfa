// mask_chamfer on CUDA: a thread follows each column of either mask, a warp each row of both, and a warp adds up an image.
// Not yet run on a GPU.
//
// Lanes and their order are those of masks.hpp: equal bits. Rows look outwards; as many images go together as the distances
// along columns, two bytes a pixel of either mask, leave room for.
#pragma once
#include "launch.cuh"

#include <kinetrace/masks/masks.hpp>

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr int kChamferThreads = 128, kChamferWarps = kChamferThreads / kSumLanes;
#ifndef KT_CHAMFER_PIXELS  // the driver program makes do with few
#define KT_CHAMFER_PIXELS 1 << 27
#endif
constexpr int64_t kChamferPixels = KT_CHAMFER_PIXELS;  // of both masks of the images that go together

// Images [first, first + images) of a call, and their part of the workspace.
struct ChamferPart {
  MasksArgs a;
  int64_t first = 0;
  int images = 0, height = 0, width = 0;
  double* sums = nullptr;  // (images, 2, H): distances of a row's pixels to the other mask, added up
  int32_t* counts = nullptr;  // (images, 2, H): set pixels of a row
  uint16_t* distances = nullptr;  // (images, 2, H, W) along columns
};

__device__ double warp_tree_sum(double x) {
  for (int half = kSumLanes / 2; half > 0; half /= 2) x = x + __shfl_down_sync(0xffffffffu, x, half);
  return x;
}

__global__ void __launch_bounds__(kChamferThreads) columns_kernel(ChamferPart p) {
  const unsigned i = blockIdx.x * unsigned(kChamferThreads) + threadIdx.x, width = unsigned(p.width);
  if (i >= unsigned(2 * p.images) * width) return;  // KT_MUTATE: i >= unsigned(2 * p.images) * width -> false
  const unsigned plane = i / width, x = i - plane * width;
  const Strided<const uint8_t, 4>& masks = plane % 2 ? p.a.b : p.a.a;
  const int64_t image = p.first + plane / 2;  // KT_MUTATE: p.first + -> 0 +
  const uint8_t* pixel = masks.data + image / p.a.frames * masks.stride[0] + image % p.a.frames * masks.stride[1] +
                         int64_t(x) * masks.stride[3];
  uint16_t* distance = p.distances + int64_t(plane) * p.height * p.width + x;
  int d = kMaskFar - 1;
  for (int y = 0; y < p.height; ++y) {  // KT_MUTATE: y < p.height -> y <= p.height
    d = next_column_distance(pixel[y * masks.stride[2]] != 0, d);
    distance[int64_t(y) * p.width] = uint16_t(d);
  }
  d = kMaskFar - 1;
  for (int y = p.height - 1; y >= 0; --y) {  // KT_MUTATE: y >= 0 -> y > 0
    const int above = distance[int64_t(y) * p.width];
    d = next_column_distance(above == 0, d);
    if (d < above) distance[int64_t(y) * p.width] = uint16_t(d);  // KT_MUTATE: delete
  }
}

__global__ void __launch_bounds__(kChamferThreads) rows_kernel(ChamferPart p) {
  const unsigned item = blockIdx.x * unsigned(kChamferWarps) + threadIdx.x / kSumLanes, height = unsigned(p.height);
  if (item >= unsigned(p.images) * height) return;  // KT_MUTATE: item >= unsigned(p.images) * height -> false
  const unsigned image = item / height, y = item - image * height;
  const int lane = int(threadIdx.x % kSumLanes);
  for (unsigned side = 0; side < 2; ++side) {
    const int64_t at = int64_t(2 * image + side) * p.height + y, other = int64_t(2 * image + 1 - side) * p.height + y;
    const uint16_t *from = p.distances + at * p.width, *to = p.distances + other * p.width;
    double sum = 0;
    int count = 0;
    for (int x = lane; x < p.width; x += kSumLanes) {  // KT_MUTATE: x < p.width -> x <= p.width
      if (from[x]) continue;
      ++count;
      if (to[x]) sum = sum + pixel_distance(nearest_squared(to, x, p.width));
    }
    sum = warp_tree_sum(sum);
    for (int half = kSumLanes / 2; half > 0; half /= 2) count += __shfl_down_sync(0xffffffffu, count, half);
    if (lane == 0) p.sums[at] = sum, p.counts[at] = count;  // KT_MUTATE: lane == 0 -> lane <= 1
  }
}

__global__ void __launch_bounds__(kChamferThreads) images_kernel(ChamferPart p) {
  const int image = int(blockIdx.x) * kChamferWarps + int(threadIdx.x / kSumLanes);
  if (image >= p.images) return;  // KT_MUTATE: image >= p.images -> false
  const int lane = int(threadIdx.x % kSumLanes);
  double sums[2];
  int64_t counts[2];
  for (int side = 0; side < 2; ++side) {
    const int64_t at = int64_t(2 * image + side) * p.height;
    double sum = 0;
    int64_t count = 0;
    for (int y = lane; y < p.height; y += kSumLanes) {  // KT_MUTATE: y < p.height -> y <= p.height
      sum = sum + p.sums[at + y], count += p.counts[at + y];
    }
    sums[side] = warp_tree_sum(sum);
    for (int half = kSumLanes / 2; half > 0; half /= 2) count += __shfl_down_sync(0xffffffffu, count, half);
    counts[side] = count;
  }
  if (lane == 0)  // KT_MUTATE: lane == 0 -> lane <= 1
    p.a.value[p.first + image] = chamfer_of(sums[0], counts[0], sums[1], counts[1]);
}

int64_t images_together(const MasksArgs& a) {
  const int64_t pixels = 2 * a.height * a.width, most = kChamferPixels / (pixels > 0 ? pixels : 1);
  const int64_t wanted = most < 1 ? 1 : most;
  return a.images() < wanted ? a.images() : wanted;
}

int64_t chamfer_workspace(const MasksArgs& a) {
  const int64_t rows = 2 * images_together(a) * a.height;
  return rows * int64_t(sizeof(double) + sizeof(int32_t)) + rows * a.width * int64_t(sizeof(uint16_t));
}

cudaError_t launch_chamfer(const MasksArgs& a, cudaStream_t stream) {
  const int64_t together = images_together(a), rows = 2 * together * a.height;
  ChamferPart p;
  p.a = a, p.height = int(a.height), p.width = int(a.width);
  p.sums = static_cast<double*>(a.workspace), p.counts = reinterpret_cast<int32_t*>(p.sums + rows);
  p.distances = reinterpret_cast<uint16_t*>(p.counts + rows);
  const dim3 block(kChamferThreads);
  const auto blocks = [](int64_t items, int64_t each) { return dim3(unsigned((items + each - 1) / each)); };
  for (; p.first < a.images(); p.first += together) {
    p.images = int(a.images() - p.first < together ? a.images() - p.first : together);
    if (a.height && a.width) {
      const cudaError_t status =
          KT_LAUNCH((columns_kernel), blocks(int64_t(2) * p.images * a.width, kChamferThreads), block, 0, stream, p);
      if (status != cudaSuccess) return status;
    }
    if (a.height) {
      const cudaError_t status =
          KT_LAUNCH((rows_kernel), blocks(p.images * a.height, kChamferWarps), block, 0, stream, p);
      if (status != cudaSuccess) return status;
    }
    const cudaError_t status = KT_LAUNCH((images_kernel), blocks(p.images, kChamferWarps), block, 0, stream, p);
    if (status != cudaSuccess) return status;
  }
  return cudaSuccess;
}

}  // namespace
}  // namespace KT_BACKEND
}  // namespace kinetrace
