// What the instruction-set builds of dtw's lane kernels offer to the schedule: symmetric steps of weight 1, no window.
#pragma once
#include <kinetrace/dtw/types.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// Bytes of scratch for one group of lanes, whatever the register width.
template <class T> inline int64_t dtw_lanes_scratch(const DtwArgs<T>& a) {
  const int64_t lanes = 64 / int64_t(sizeof(T)), rows = a.rows + 24, columns = a.columns + 24;
  int64_t bytes = 2 * (rows + columns) * lanes * int64_t(sizeof(T));
  if (a.path) bytes += (rows + 16) * (columns + columns / 16 + 64) * 4;
  return bytes + 4096;
}

// Pairs order[begin], order[begin + 1], ... order[end - 1]. Writes distance, status, path and path_lengths; sets left_over[k]
// for those that the general kernel has to do: samples that are not finite, or huge.
KT_SIMD_DECLARE(void dtw_pairs(const DtwArgs<float>& a, const int64_t* order, int64_t begin, int64_t end, void* scratch,
                               uint8_t* left_over))
KT_SIMD_DECLARE(void dtw_pairs(const DtwArgs<double>& a, const int64_t* order, int64_t begin, int64_t end, void* scratch,
                               uint8_t* left_over))

}  // namespace kinetrace
