// What the instruction-set builds of fit_segments offer to the schedule.
#pragma once
#include <kinetrace/fit_segments/types.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// Doubles of scratch for one group of problems, whatever the register width.
template <class T>
inline int64_t fit_segments_scratch(const FitSegmentsArgs<T>& a) {
  return segment_layout(a).rows() * 8;
}

// Writes the table of steps that all problems share: segment_step_size(order) doubles for each of the `points`.
KT_SIMD_DECLARE(void fit_segments_table(int order, int64_t points, double* table))
KT_SIMD_DECLARE(void fit_segments(const FitSegmentsArgs<float>& a, const double* table, int64_t begin, int64_t end,
                                  double* scratch))
KT_SIMD_DECLARE(void fit_segments(const FitSegmentsArgs<double>& a, const double* table, int64_t begin, int64_t end,
                                  double* scratch))

}  // namespace kinetrace
