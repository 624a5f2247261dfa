// race_kernels.cuh: kernels with and without the synchronisation they need, to see that exactly the latter are
// reported.
#pragma once
#include "launch.cuh"

namespace race_kernels {

constexpr unsigned kFull = 0xffffffffu;

// Tree sum in shared memory; the block size is a power of two.
template <bool kBarrier> __global__ void block_sum(const float* values, float* sums) {
  KT_DYN_SHARED(float, partial);
  const unsigned t = threadIdx.x;
  partial[t] = values[blockIdx.x * blockDim.x + t];
  __syncthreads();
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    if (t < half) partial[t] += partial[t + half];
    if (kBarrier) __syncthreads();
  }
  if (t == 0) sums[blockIdx.x] = partial[0];
}

// A warp turns its values round through shared memory: ordered by __syncwarp, or only by a shuffle, which orders
// nothing.
template <bool kSyncWarp> __global__ void warp_reverse(const float* values, float* out) {
  KT_SHARED(float[64], tile);
  const unsigned t = threadIdx.x;
  tile[t] = values[t];
  if (kSyncWarp) {
    __syncwarp();
  } else {
    __shfl_sync(kFull, 0, 0);
  }
  out[t] = tile[t ^ 31u];
}

// The halves of a warp synchronise within themselves, which orders nothing between them.
template <bool kWholeWarp> __global__ void half_reverse(const float* values, float* out) {
  KT_SHARED(float[32], tile);
  const unsigned t = threadIdx.x;
  tile[t] = values[t];
  if (kWholeWarp) {
    __syncwarp();
  } else {
    __syncwarp(t < 16 ? 0x0000ffffu : 0xffff0000u);
    __syncwarp(t < 16 ? 0x0000ffffu : 0xffff0000u);
  }
  out[t] = tile[t ^ 31u];
}

// The second warp leaves after writing; the first may read only what a barrier has ordered before.
template <bool kBarrier> __global__ void early_exit(const float* values, float* out) {
  KT_SHARED(float[64], tile);
  const unsigned t = threadIdx.x;
  tile[t] = values[t];
  if (kBarrier) __syncthreads();
  if (t >= 32) return;
  __syncthreads();
  out[t] = tile[t + 32];
}

// All threads of all blocks count into one word.
template <bool kAtomic> __global__ void count(int* counter) {
  if (kAtomic) {
    atomicAdd(counter, 1);
  } else {
    *counter += 1;
  }
}

// Thread 0 of every block adds to its own word, or all of them to the first one.
template <bool kOwn> __global__ void block_words(int* words) {
  KT_SHARED(int, one);
  if (threadIdx.x == 0) one = 1;
  __syncthreads();
  if (threadIdx.x == 0) words[kOwn ? blockIdx.x : 0] += one;
}

}  // namespace race_kernels
