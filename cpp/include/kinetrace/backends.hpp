// The functions every back end defines, each in its own namespace: kinetrace::cpu, ::cuda or ::cuda_emu.
#pragma once
#include "core/types.hpp"
#include "fit_kinematics/types.hpp"
#include "fit_segments/types.hpp"

#ifndef KT_BACKEND
#define KT_BACKEND cpu
#endif

namespace kinetrace {
namespace KT_BACKEND {

// Elements of device memory that the call needs as args.workspace, allocated by the caller (0 on the CPU).
int64_t fit_kinematics_workspace(const FitKinematicsArgs<float>& a);
int64_t fit_kinematics_workspace(const FitKinematicsArgs<double>& a);
Outcome fit_kinematics(const FitKinematicsArgs<float>& a, const Launch& launch);
Outcome fit_kinematics(const FitKinematicsArgs<double>& a, const Launch& launch);

// In doubles for both dtypes.
int64_t fit_segments_workspace(const FitSegmentsArgs<float>& a);
int64_t fit_segments_workspace(const FitSegmentsArgs<double>& a);
Outcome fit_segments(const FitSegmentsArgs<float>& a, const Launch& launch);
Outcome fit_segments(const FitSegmentsArgs<double>& a, const Launch& launch);

}  // namespace KT_BACKEND
}  // namespace kinetrace
