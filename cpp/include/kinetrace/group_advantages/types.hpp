// group_advantages: arguments, shared by every back end.
#pragma once
#include "../core/types.hpp"

namespace kinetrace {

// The last three are statistics of a row's group, for rewards that are made of them.
enum class AdvantageMode : int32_t {
  grpo,
  dr_grpo,
  batch_std,
  rloo,
  gdpo,
  passk,
  opo,
  reinforce_pp_baseline,
  gpg,
  mean,
  sum,
  range
};

constexpr int kMaxRewards = 64;        // K
constexpr double kTooLarge = 0x1p500;  // rewards from here on count as infinite: their squares have to fit

template <class T> struct GroupAdvantagesArgs {
  int64_t rows = 0, columns = 1;      // B, K
  Strided<const T, 2> rewards;        // (B, K)
  Strided<const int32_t, 1> groups32;  // (B): one of the two is given
  Strided<const int64_t, 1> groups64;
  Strided<const int32_t, 1> lengths32;  // (B): one of the two, or none
  Strided<const int64_t, 1> lengths64;
  double weights[kMaxRewards] = {};

  AdvantageMode mode = AdvantageMode::grpo;
  bool apart = false;  // every column by itself: value is (B, K), without weights
  double eps = 0, ddof = 1, var_floor = 0, f_norm = 1;
  bool singleton_raw = false, propagate = false, scale = true;

  T* value = nullptr;            // (B), or (B, K) with apart; contiguous
  double* stage = nullptr;       // modes that end with the batch: (2, B)
  int64_t* workspace = nullptr;  // CUDA only
};

}  // namespace kinetrace
