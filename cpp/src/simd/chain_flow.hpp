// What the instruction-set builds of chain_flow offer to the schedule.
#pragma once
#include <kinetrace/chain_flow/types.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// Points [begin, end) of one problem through all frames.
KT_SIMD_DECLARE(void chain_flow(const ChainFlowArgs<float>& a, int64_t problem, int64_t begin, int64_t end))
KT_SIMD_DECLARE(void chain_flow(const ChainFlowArgs<double>& a, int64_t problem, int64_t begin, int64_t end))

}  // namespace kinetrace
