// warp_kernels.cuh: kernels that record what warp collectives return; one text for nvcc and for the emulator.
#pragma once
#include "launch.cuh"

namespace warp_kernels {

constexpr unsigned kFull = 0xffffffffu;

// out[4][threads]: the value each lane gets from shfl, shfl_up, shfl_down, shfl_xor with one operand and width.
template <class T> __global__ void shuffles(T* out, int operand, int width) {
  const unsigned t = threadIdx.x, n = blockDim.x;
  const T value = static_cast<T>(t) + static_cast<T>(1000);
  out[t] = __shfl_sync(kFull, value, operand, width);
  out[n + t] = __shfl_up_sync(kFull, value, static_cast<unsigned>(operand), width);
  out[2 * n + t] = __shfl_down_sync(kFull, value, static_cast<unsigned>(operand), width);
  out[3 * n + t] = __shfl_xor_sync(kFull, value, operand, width);
}

// Warp w executes w + 1 shuffles.
__global__ void different_counts(int* out) {
  int value = static_cast<int>(threadIdx.x);
  for (unsigned i = 0; i <= threadIdx.x / 32; ++i) value = __shfl_xor_sync(kFull, value, 1);
  out[threadIdx.x] = value;
}

// out[3][threads]: ballot, any, all of (thread % modulus == 0) among the lanes of the warp's lower and upper half.
__global__ void votes(unsigned* out, unsigned modulus) {
  const unsigned t = threadIdx.x, n = blockDim.x;
  const unsigned mask = (t & 31u) < 16 ? 0x0000ffffu : 0xffff0000u;
  const int predicate = t % modulus == 0;
  out[t] = __ballot_sync(mask, predicate);
  out[n + t] = static_cast<unsigned>(__any_sync(mask, predicate));
  out[2 * n + t] = static_cast<unsigned>(__all_sync(mask, predicate));
}

// Lanes from `stay` on leave; then lane 0 reads the last lane, and everybody its upper neighbour.
__global__ void exited_lanes(float* last, int* neighbour, unsigned* ballot, unsigned stay) {
  const unsigned t = threadIdx.x;
  if (t >= stay) return;
  last[t] = __shfl_sync(kFull, 1.0f, 31);
  neighbour[t] = __shfl_down_sync(kFull, static_cast<int>(t), 1u);
  ballot[t] = __ballot_sync(kFull, 1);
}

// Each half of the warp shuffles within its own mask; lane 0 also asks for lane 16, which is not in its mask.
__global__ void half_masks(int* inside, double* outside) {
  const unsigned t = threadIdx.x;
  if (t < 16) {
    inside[t] = __shfl_xor_sync(0x0000ffffu, static_cast<int>(t), 1);
    outside[t] = __shfl_sync(0x0000ffffu, 2.0, 16);
  } else {
    inside[t] = __shfl_xor_sync(0xffff0000u, static_cast<int>(t), 2);
  }
}

// Block-wide votes, and a barrier that the threads which have exited do not take part in.
__global__ void block_votes(int* out, unsigned leave) {
  const unsigned t = threadIdx.x, n = blockDim.x;
  if (t < leave) return;
  out[t] = __syncthreads_count(t % 3 == 0);
  out[n + t] = __syncthreads_and(t % 3 == 0);
  out[2 * n + t] = __syncthreads_or(t == n - 1);
}

// Indices of a three-dimensional launch, written where a linear index says.
__global__ void indices(uint3* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
  out[2 * (block * threads + thread)] = blockIdx;
  out[2 * (block * threads + thread) + 1] = threadIdx;
}

// What a block finds in its shared memory before it writes there: bits that no kernel may rely on.
__global__ void fresh_shared(unsigned* out, int floats) {
  KT_DYN_SHARED(float, dynamic);
  KT_SHARED(float[32], fixed);
  const unsigned t = threadIdx.x;
  unsigned found = __float_as_uint(fixed[t]);
  for (int i = 0; i < floats; ++i) found &= __float_as_uint(dynamic[i]);
  __syncthreads();
  fixed[t] = 1.0f;
  dynamic[t % static_cast<unsigned>(floats)] = 1.0f;
  out[blockIdx.x * blockDim.x + t] = found;
}

__global__ void atomics(int* sum, unsigned* largest, int* smallest, unsigned* bits, unsigned long long* total) {
  const unsigned t = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(sum, -1);
  atomicMax(largest, t * 7u % 101u);
  atomicMin(smallest, static_cast<int>(t * 5u % 97u) - 50);
  atomicOr(bits, 1u << (t % 32u));
  atomicAdd(total, 1ull << 33);
}

}  // namespace warp_kernels
