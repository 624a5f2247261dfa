// row_sum.cu: the example that scripts/mutate_cuda.py is shown and tested with: one block sums one row of a matrix.
#include "row_sum.hpp"

namespace {

constexpr unsigned kFullMask = 0xffffffffu;
constexpr unsigned kWarps = 4;

__global__ void row_sum(const float* values, float* sums, float* means, int columns) {
  KT_SHARED(float[kWarps], partial);
  const int t = static_cast<int>(threadIdx.x), step = static_cast<int>(blockDim.x);
  const float* row = values + static_cast<std::size_t>(blockIdx.x) * static_cast<std::size_t>(columns);
  float sum = 0;
  for (int i = t; i < columns; i += step) sum += row[i];  // KT_MUTATE: i < columns -> i <= columns
  for (unsigned delta = 16; delta > 0; delta /= 2) sum += __shfl_down_sync(kFullMask, sum, delta);
  if (t % 32 == 0) partial[t / 32] = sum;
  __syncthreads();
  if (t < static_cast<int>(kWarps)) {  // KT_MUTATE: bound
    const unsigned mask = (1u << kWarps) - 1;
    float total = partial[t];
    for (int lanes = kWarps / 2; lanes > 0; lanes /= 2) total += __shfl_xor_sync(mask, total, lanes);
    partial[t] = total;
    __syncwarp(mask);
    if (t == 0) sums[blockIdx.x] = partial[kWarps - 1];
    // KT_EQUIVALENT barrier: nothing is read after it, it is here to show the mark
    __syncwarp(mask);
    if (t == 0) means[blockIdx.x] = total / static_cast<float>(columns);  // KT_MUTATE: delete
  }
}

}  // namespace

kinetrace::Outcome launch_row_sum(const float* values, float* sums, float* means, int rows, int columns) {
  if (rows == 0) return {};
  const dim3 grid(static_cast<unsigned>(rows)), block(32 * kWarps);
  return kinetrace::cuda::check(KT_LAUNCH(row_sum, grid, block, 0, nullptr, values, sums, means, columns), "row_sum");
}
