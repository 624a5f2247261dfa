// chain_flow: arguments shared by every back end.
#pragma once
#include "../core/types.hpp"

namespace kinetrace {

template <class T> struct ChainFlowArgs {
  int64_t problems = 0, steps = 0, points = 0;  // B, T, N
  int64_t height = 0, width = 0;
  Strided<const T, 5> flow;            // (B, T, 2, H, W) px per frame
  Strided<const T, 5> backward_flow;   // (B, T, 2, H, W) from frame t+1 to t; none: no cycle error
  Strided<const T, 3> origins;         // (B, N, 2) px
  Strided<const int32_t, 2> start32;   // (B, N) frames; at most one of the two is given
  Strided<const int64_t, 2> start64;   // (B, N)
  int64_t start = 0;                   // frame of all points when neither is
  bool limited = false;                // whether max_cycle_error applies
  double max_cycle_error = 0;          // px
  T* positions = nullptr;              // (B, T+1, N, 2) px
  uint8_t* visible = nullptr;          // (B, T+1, N)
  T* cycle_error = nullptr;            // (B, T+1, N) px; nullptr without backward_flow
};

}  // namespace kinetrace
