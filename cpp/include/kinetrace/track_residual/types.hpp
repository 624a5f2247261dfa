// track_residual: arguments of forward and backward, shared by every back end.
#pragma once
#include "../core/types.hpp"
#include "../kinematic_residual/types.hpp"  // norms and reductions

namespace kinetrace {

// Sums are cut the same way everywhere: tracks n = 32 g + l form group g with lanes l (see residual.hpp). A warp is a group.
constexpr int kTrackLanes = 32;

template <class T> struct TrackResidualArgs {
  int64_t problems = 0, frames = 0, tracks = 0;  // B, T, N
  int dims = 0;                                  // D, 1..4
  Strided<const T, 4> positions;                 // (B, T, N, D)
  Strided<const uint8_t, 3> visible;             // (B, T, N); none: all
  ResidualNorm norm = ResidualNorm::squared;
  ResidualReduction reduction = ResidualReduction::mean;
  double dt = 1;

  // Forward: (B) or (B, D); with ResidualReduction::none (B, T-3, N) or (B, T-3, N, D), contiguous.
  T* value = nullptr;
  // (B): residuals that count. Forward writes it (not for ResidualReduction::none), backward reads it.
  double* count = nullptr;

  // Backward: upstream (B, C), C = 1 or D, or with ResidualReduction::none (B, T-3, N, C); gradient like positions, contiguous.
  Strided<const T, 2> upstream;
  Strided<const T, 4> upstream_field;
  T* gradient = nullptr;

  double* workspace = nullptr;  // (B, groups, sums + 1), forward reductions only
};

}  // namespace kinetrace
