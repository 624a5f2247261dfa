// What the instruction-set builds of dtw offer to the schedule.
#pragma once
#include <kinetrace/dtw/types.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// The results listed in pairs[0..count), neighbours being of similar shape.
KT_SIMD_DECLARE(void dtw(const DtwArgs<float>& a, const int64_t* pairs, int64_t count))
KT_SIMD_DECLARE(void dtw(const DtwArgs<double>& a, const int64_t* pairs, int64_t count))

}  // namespace kinetrace
