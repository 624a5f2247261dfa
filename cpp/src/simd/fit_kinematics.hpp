// What the instruction-set builds of fit_kinematics offer to the schedule.
#pragma once
#include <kinetrace/fit_kinematics/types.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// Elements of scratch for one group of problems, whatever the register width.
template <class T> inline int64_t fit_kinematics_scratch(const FitKinematicsArgs<T>& a) {
  return (fit_kinematics_rows(a) + (a.visible.data ? 2 : 1) * a.frames) * int64_t(64 / sizeof(T));
}

KT_SIMD_DECLARE(void fit_kinematics(const FitKinematicsArgs<float>& a, int64_t begin, int64_t end, float* scratch))
KT_SIMD_DECLARE(void fit_kinematics(const FitKinematicsArgs<double>& a, int64_t begin, int64_t end, double* scratch))

}  // namespace kinetrace
