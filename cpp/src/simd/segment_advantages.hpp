// What the instruction-set builds of segment_advantages offer to the schedule.
#pragma once
#include <kinetrace/segment_advantages/types.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// Tokens [first, last) of one row; `streaming` results go past the cache.
KT_SIMD_DECLARE(void segment_advantages(const SegmentAdvantagesArgs<float>& a, int64_t row, int64_t first, int64_t last,
                                        bool streaming))
KT_SIMD_DECLARE(void segment_advantages(const SegmentAdvantagesArgs<double>& a, int64_t row, int64_t first,
                                        int64_t last, bool streaming))

}  // namespace kinetrace
