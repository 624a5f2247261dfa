// What the instruction-set builds of track_residual offer to the schedule.
#pragma once
#include <kinetrace/track_residual/types.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// Tracks that are worked on together, so that four frames of them stay in the first cache; whole groups.
constexpr int64_t kTrackStrip = 128;

// Sums of the groups of one strip of one problem into the workspace, or its part of the field.
KT_SIMD_DECLARE(void track_residual(const TrackResidualArgs<float>& a, int64_t problem, int64_t first_track))
KT_SIMD_DECLARE(void track_residual(const TrackResidualArgs<double>& a, int64_t problem, int64_t first_track))
KT_SIMD_DECLARE(void track_residual_backward(const TrackResidualArgs<float>& a, int64_t problem, int64_t first_track))
KT_SIMD_DECLARE(void track_residual_backward(const TrackResidualArgs<double>& a, int64_t problem, int64_t first_track))

}  // namespace kinetrace
