// fit_kinematics: arguments shared by every back end.
#pragma once
#include "../core/macros.hpp"
#include "../core/types.hpp"

namespace kinetrace {

enum class Robust : int32_t { none = 0, huber = 1, tukey = 2 };

template <class T> struct FitKinematicsArgs {
  int64_t problems = 0, frames = 0;
  int dims = 0, order = 0;           // 1..4, 0..3
  Strided<const T, 3> positions;     // (B, T, D) position units
  Strided<const T, 2> times;         // (B, T) seconds; none: frame index times dt
  Strided<const T, 2> weights;       // (B, T) 1 / variance; none: 1
  Strided<const uint8_t, 2> visible; // (B, T); none: all
  double dt = 1;                     // seconds per frame
  Robust robust = Robust::none;
  T threshold = 0;                   // position units; 0: from the median residual
  int iterations = 0;                // re-weightings
  T* coefficients = nullptr;         // (B, order + 1, D) derivatives at t = 0
  T* residual_rms = nullptr;         // (B)
  T* covariance = nullptr;           // (B, order + 1, order + 1)
  T* r_squared = nullptr;            // (B)
  int32_t* n_points = nullptr;       // (B)
  int32_t* status = nullptr;         // (B)
  T* workspace = nullptr;            // CUDA: rows of problems too long for shared memory
};

// Rows that one problem needs: positions and weight per frame, its own times, and what re-weighting keeps.
template <class T> KT_HD int64_t fit_kinematics_rows(const FitKinematicsArgs<T>& a) {
  return a.frames * (a.dims + 1 + (a.times.data ? 1 : 0) + (a.robust == Robust::none ? 0 : 2));
}

}  // namespace kinetrace
