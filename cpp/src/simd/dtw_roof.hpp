// How fast this machine could do the arithmetic of dtw: what the benchmarks hold the kernel's speed against. Not a kernel.
#pragma once
#include <cstdint>

#include "../simd_level.hpp"

namespace kinetrace {

// The instructions of `cells` cells (subtract, two minima, multiply-add) or, `coordinates`, of so many coordinates of costs
// (subtract, multiply-add), in registers and independent of each other. Returns the number done, rounded up.
KT_SIMD_DECLARE(int64_t dtw_roof(bool is_double, bool coordinates, int64_t cells))

}  // namespace kinetrace
