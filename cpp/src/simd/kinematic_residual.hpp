// What the instruction-set builds of kinematic_residual offer to the schedule.
#pragma once
#include <kinetrace/kinematic_residual/types.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// Consecutive pixels that one pass through time works on: long enough runs for the memory, planes that stay in the cache.
constexpr int kResidualBlock = 8 * kResidualStrip;

// Backward: frames per pass over a block, and the planes around them.
constexpr int kResidualGradientFrames = 8;

// Bytes of scratch for one block, whatever the direction: flow, weights, upstream and results of the frames in flight.
template <class T> constexpr int64_t residual_scratch_bytes() {
  return (2 * (kResidualGradientFrames + 4) + 5 * (kResidualGradientFrames + 2)) * int64_t(kResidualBlock) *
             int64_t(sizeof(T)) +
         kResidualBlock / kResidualStrip * kResidualSums * kResidualLanes * int64_t(sizeof(double));
}

// Sums of the strips of blocks [begin, end) of one problem to args.workspace, or their fields to args.value.
// Blocks are counted over the batch: block = problem * blocks per problem + position.
KT_SIMD_DECLARE(void kinematic_residual_forward(const KinematicResidualArgs<float>& a, int64_t begin, int64_t end,
                                                void* scratch))
KT_SIMD_DECLARE(void kinematic_residual_forward(const KinematicResidualArgs<double>& a, int64_t begin, int64_t end,
                                                void* scratch))
KT_SIMD_DECLARE(void kinematic_residual_backward(const KinematicResidualArgs<float>& a, int64_t begin, int64_t end,
                                                 void* scratch))
KT_SIMD_DECLARE(void kinematic_residual_backward(const KinematicResidualArgs<double>& a, int64_t begin, int64_t end,
                                                 void* scratch))

// Advected mode, frames counted over the batch: what residual maps [begin, end) spread at most, then the gradients of
// frames [begin, end) with room for 2 * H * W sums.
KT_SIMD_DECLARE(void kinematic_residual_bounds(const KinematicResidualArgs<float>& a, int64_t begin, int64_t end))
KT_SIMD_DECLARE(void kinematic_residual_bounds(const KinematicResidualArgs<double>& a, int64_t begin, int64_t end))
KT_SIMD_DECLARE(void kinematic_residual_advected(const KinematicResidualArgs<float>& a, int64_t begin, int64_t end,
                                                 int64_t* sums))
KT_SIMD_DECLARE(void kinematic_residual_advected(const KinematicResidualArgs<double>& a, int64_t begin, int64_t end,
                                                 int64_t* sums))

template <class T> int64_t residual_blocks(const KinematicResidualArgs<T>& a) {
  return (a.pixels() + kResidualBlock - 1) / kResidualBlock;
}

}  // namespace kinetrace
