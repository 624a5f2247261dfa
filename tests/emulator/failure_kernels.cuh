// failure_kernels.cuh: kernels with one mistake each, to see what the emulator says about it.
#pragma once
#include "launch.cuh"

namespace failure_kernels {

constexpr unsigned kFull = 0xffffffffu;

__global__ void deadlock(int* out) {  // half of the warp waits for the block, the other half for the whole warp
  if (threadIdx.x < 16) {
    __syncthreads();
  } else {
    out[threadIdx.x] = __shfl_sync(kFull, 1, 0);
  }
}

__global__ void not_in_mask(int* out) { out[threadIdx.x] = __shfl_up_sync(0x7fffffffu, 1, 1u); }

__global__ void masks_differ(int* out) {
  const unsigned mask = threadIdx.x == 5 ? 0x00ffffffu : kFull;
  out[threadIdx.x] = __any_sync(mask, 1);
}

__global__ void operations_differ(int* out) {
  if (threadIdx.x % 2 == 0) {
    out[threadIdx.x] = __shfl_xor_sync(kFull, 1, 1);
  } else {
    out[threadIdx.x] = __all_sync(kFull, 1);
  }
}

__global__ void widths_differ(int* out) {
  out[threadIdx.x] = __shfl_down_sync(kFull, 1, 1u, threadIdx.x < 8 ? 8 : 16);
}

__global__ void sizes_differ(int* out) {
  if (threadIdx.x == 0) {
    out[0] = static_cast<int>(__shfl_sync(kFull, 1.0, 1));
  } else {
    out[threadIdx.x] = static_cast<int>(__shfl_sync(kFull, 1.0f, 1));
  }
}

__global__ void bad_width(int* out, int width) { out[threadIdx.x] = __shfl_sync(kFull, 1, 0, width); }

__global__ void barriers_differ(int* out) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    out[threadIdx.x] = 1;
    __syncthreads();
  }
}

__global__ void exit_before_barrier(int* out) {  // defined since compute capability 7.0, refused by CUEMU_STRICT=1
  if (threadIdx.x == 3) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}

__global__ void exited_in_mask(int* out) {  // defined as well, and refused by CUEMU_STRICT=1
  if (threadIdx.x % 32 >= 20) return;
  out[threadIdx.x] = __all_sync(kFull, 1);
}

__global__ void dynamic_overrun(int* out, int elements, int at) {
  KT_DYN_SHARED(int, shared);
  if (threadIdx.x == 0) shared[at] = elements;
  __syncthreads();
  out[threadIdx.x] = 1;
}

__global__ void fixed_overrun(int* out, int at) {
  KT_SHARED(int[8], shared);
  int* elements = shared;
  if (threadIdx.x == 0) elements[at] = 1;
  __syncthreads();
  out[threadIdx.x] = 1;
}

__global__ void global_overrun(int* out) { out[threadIdx.x + 1] = 1; }

__global__ void correct(int* out) {
  __syncthreads();
  out[threadIdx.x] = __shfl_xor_sync(kFull, static_cast<int>(threadIdx.x), 1);
}

}  // namespace failure_kernels
