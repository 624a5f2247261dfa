// Arguments of kinematic_residual, forward and backward, as plain data.
#pragma once
#include <cstdint>

#include "../core/macros.hpp"
#include "../core/types.hpp"

namespace kinetrace {

enum class ResidualNorm : int32_t { squared, absolute, signed_ };
enum class ResidualReduction : int32_t { mean, mean_elements, sum, none };
enum class MaskRule : int32_t { center, all, any, explicit_ };

// How sums are cut; part of the definition of the bits, not a tuning knob. Pixels p = y * W + x fall into strips of
// kResidualStrip; within a strip pixel p belongs to lane p mod kResidualLanes. A lane adds in the working precision over
// its pixels of the strip and over kResidualFrames consecutive residuals (pixels outermost), then on in double.
constexpr int kResidualLanes = 32;
constexpr int kResidualStrip = 256;
constexpr int kResidualFrames = 4;
constexpr int kResidualSums = 3;  // per strip: value (of "signed": x, y) and weight
constexpr int kResidualMaxIterations = 16;

template <class T> struct KinematicResidualArgs {
  int64_t problems = 0, frames = 0, height = 0, width = 0;
  Strided<const T, 5> flow;              // (B, T, 2, H, W)
  Strided<const uint8_t, 4> mask_bytes;  // (B, T, H, W), or (B, T-2, H, W) with MaskRule::explicit_; at most one mask
  Strided<const T, 4> mask_values;
  MaskRule mask_rule = MaskRule::center;
  ResidualNorm norm = ResidualNorm::squared;
  ResidualReduction reduction = ResidualReduction::mean;
  bool advected = false;
  int iterations = 0;
  double dt = 1;

  // Forward: (B,) or (B, 2); with ResidualReduction::none (B, T-2, H, W) or (B, T-2, 2, H, W), contiguous.
  T* value = nullptr;
  // (B,): sum of the weights of each problem. Forward writes it (not for ResidualReduction::none), backward reads it.
  double* total_weight = nullptr;

  // Backward: upstream (B, C), C = 1 or 2, or with ResidualReduction::none (B, T-2, C, H, W); gradient like flow, contiguous.
  Strided<const T, 2> upstream;
  Strided<const T, 5> upstream_field;
  T* gradient = nullptr;

  void* workspace = nullptr;  // as many doubles as the back end's kinematic_residual_workspace says

  KT_HD bool masked() const { return mask_bytes.data || mask_values.data; }
  KT_HD bool weighted() const { return masked() || advected; }
  KT_HD int64_t pixels() const { return height * width; }
  KT_HD int64_t strips() const { return (pixels() + kResidualStrip - 1) / kResidualStrip; }
};

}  // namespace kinetrace
