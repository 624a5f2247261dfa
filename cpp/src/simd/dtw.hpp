// What the instruction-set builds of dtw offer to the schedule.
#pragma once
#include <kinetrace/dtw/types.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// The results listed in pairs[0..count), neighbours being of similar shape.
KT_SIMD_DECLARE(void dtw(const DtwArgs<float>& a, const int64_t* pairs, int64_t count))
KT_SIMD_DECLARE(void dtw(const DtwArgs<double>& a, const int64_t* pairs, int64_t count))

// Whether pairs can be computed one at a time with all lanes: steps of weight 1 to the diagonal, up and left, no window, costs
// that are not negative.
template <class T> inline bool dtw_long_takes(const DtwArgs<T>& a) {
  const StepTable& s = a.steps;
  const bool symmetric1 = s.count == 3 && s.groups == 1 && s.weight[0] == 1 && s.di[0] == 1 && s.dj[0] == 1 &&
                          s.di[1] == 1 && s.dj[1] == 0 && s.di[2] == 0 && s.dj[2] == 1;
  return symmetric1 && !a.window.limited &&
         (a.metric == Metric::sqeuclidean || a.metric == Metric::euclidean || a.metric == Metric::l1);
}

// One long pair by several threads: dtw_long_elements of memory and dtw_long_blocks + 1 counters from 0 are theirs together.
// begin (false: the pair is finished already), every block in ascending order of their starts, end.
KT_SIMD_DECLARE(int64_t dtw_long_elements(const DtwArgs<float>& a, int64_t at))
KT_SIMD_DECLARE(int64_t dtw_long_elements(const DtwArgs<double>& a, int64_t at))
KT_SIMD_DECLARE(int64_t dtw_long_blocks(const DtwArgs<float>& a, int64_t at))
KT_SIMD_DECLARE(int64_t dtw_long_blocks(const DtwArgs<double>& a, int64_t at))
KT_SIMD_DECLARE(bool dtw_long_begin(const DtwArgs<float>& a, int64_t at, float* memory))
KT_SIMD_DECLARE(bool dtw_long_begin(const DtwArgs<double>& a, int64_t at, double* memory))
KT_SIMD_DECLARE(void dtw_long_block(const DtwArgs<float>& a, int64_t at, float* memory, int64_t* done, int64_t block))
KT_SIMD_DECLARE(void dtw_long_block(const DtwArgs<double>& a, int64_t at, double* memory, int64_t* done, int64_t block))
KT_SIMD_DECLARE(void dtw_long_end(const DtwArgs<float>& a, int64_t at, float* memory))
KT_SIMD_DECLARE(void dtw_long_end(const DtwArgs<double>& a, int64_t at, double* memory))

}  // namespace kinetrace
