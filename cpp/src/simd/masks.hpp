// What the instruction-set builds of masks offer to the schedule.
#pragma once
#include <kinetrace/masks/types.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// One image each: image = problem * frames + frame.
KT_SIMD_DECLARE(void mask_centroids(const MasksArgs& a, int64_t image))
KT_SIMD_DECLARE(void mask_iou(const MasksArgs& a, int64_t image))
KT_SIMD_DECLARE(void mask_chamfer(const MasksArgs& a, int64_t image))

}  // namespace kinetrace
