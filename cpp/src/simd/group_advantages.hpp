// What the instruction-set builds of group_advantages offer to the schedule.
#pragma once
#include <kinetrace/group_advantages/types.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// The batch sorted by group: rows order[start[g]] .. order[start[g + 1] - 1]; without `order` the rows as they lie.
struct GroupIndex {
  const int32_t* order = nullptr;
  const int32_t* start = nullptr;
};

// Groups [first, last): values of their rows, or what the batch's step needs of them.
KT_SIMD_DECLARE(void group_advantages(const GroupAdvantagesArgs<float>& a, const GroupIndex& index, int64_t first,
                                      int64_t last))
KT_SIMD_DECLARE(void group_advantages(const GroupAdvantagesArgs<double>& a, const GroupIndex& index, int64_t first,
                                      int64_t last))

}  // namespace kinetrace
