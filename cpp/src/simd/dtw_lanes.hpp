// What the instruction-set builds of dtw's lane kernels offer to dtw: one pair per lane, blocks of rows in registers.
#pragma once
#include <kinetrace/dtw/types.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// Whether the lane kernels do this call: steps of one to the diagonal, up and left, of weight 1, no window.
template <class T> inline bool dtw_lanes_take(const DtwArgs<T>& a) {
  const StepTable& s = a.steps;
  if (s.count != 3 || s.groups != 1 || s.weight[0] != 1 || a.window.limited) return false;
  if (s.di[0] != 1 || s.dj[0] != 1 || s.di[1] != 1 || s.dj[1] != 0 || s.di[2] != 0 || s.dj[2] != 1) return false;
  if (a.curve && a.normalize == Normalize::path) return false;
  if (a.metric == Metric::user) return false;
  return a.metric != Metric::given || a.cost.stride[2] == 1;
}

// The results of pairs[0..count), neighbours being of similar shape. Returns how many are left to the general kernel, which
// `rest` (room for count) then lists: those not finite, without a path, empty, or too long to lie side by side; and the last
// ones when they are `few_pairs` at most, fill half the lanes at most and have more than `most_rows` rows.
KT_SIMD_DECLARE(int64_t dtw_lanes(const DtwArgs<float>& a, const int64_t* pairs, int64_t count, int64_t few_pairs,
                                  int64_t most_rows, int64_t* rest))
KT_SIMD_DECLARE(int64_t dtw_lanes(const DtwArgs<double>& a, const int64_t* pairs, int64_t count, int64_t few_pairs,
                                  int64_t most_rows, int64_t* rest))

}  // namespace kinetrace
