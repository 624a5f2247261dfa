// What the instruction-set builds of rouge offer to the schedule.
#pragma once
#include <kinetrace/rouge/pass.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// All pairs of tokens over `lanes` reference steps, a multiple of kOverlapLanes, whose masks follow each other in a row.
KT_SIMD_DECLARE(void overlap_pass(const uint64_t* masks, int64_t lanes, const OverlapPair* pairs, int64_t count,
                                  OverlapState* out))

}  // namespace kinetrace
