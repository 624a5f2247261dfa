// The functions every back end defines, each in its own namespace: kinetrace::cpu, ::cuda or ::cuda_emu.
#pragma once
#include "chain_flow/types.hpp"
#include "core/types.hpp"
#include "dtw/types.hpp"
#include "fit_kinematics/types.hpp"
#include "fit_segments/types.hpp"
#include "group_advantages/types.hpp"
#include "kinematic_residual/types.hpp"
#include "masks/types.hpp"
#include "segment_advantages/types.hpp"
#include "soft_dtw/types.hpp"
#include "track_residual/types.hpp"

#ifndef KT_BACKEND
#define KT_BACKEND cpu
#endif

namespace kinetrace {
namespace KT_BACKEND {

Outcome chain_flow(const ChainFlowArgs<float>& a, const Launch& launch);
Outcome chain_flow(const ChainFlowArgs<double>& a, const Launch& launch);

// Bytes of device memory that the call needs as args.workspace, allocated by the caller (0 on the CPU).
int64_t dtw_workspace(const DtwArgs<float>& a);
int64_t dtw_workspace(const DtwArgs<double>& a);
Outcome dtw(const DtwArgs<float>& a, const Launch& launch);
Outcome dtw(const DtwArgs<double>& a, const Launch& launch);

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

// Workspace in 64-bit words (0 on the CPU).
int64_t group_advantages_workspace(const GroupAdvantagesArgs<float>& a);
int64_t group_advantages_workspace(const GroupAdvantagesArgs<double>& a);
Outcome group_advantages(const GroupAdvantagesArgs<float>& a, const Launch& launch);
Outcome group_advantages(const GroupAdvantagesArgs<double>& a, const Launch& launch);

// Workspace in doubles, for the direction that the arguments ask for (backward: gradient is set).
int64_t kinematic_residual_workspace(const KinematicResidualArgs<float>& a);
int64_t kinematic_residual_workspace(const KinematicResidualArgs<double>& a);
Outcome kinematic_residual(const KinematicResidualArgs<float>& a, const Launch& launch);
Outcome kinematic_residual(const KinematicResidualArgs<double>& a, const Launch& launch);
Outcome kinematic_residual_backward(const KinematicResidualArgs<float>& a, const Launch& launch);
Outcome kinematic_residual_backward(const KinematicResidualArgs<double>& a, const Launch& launch);

// Workspace in bytes.
int64_t mask_centroids_workspace(const MasksArgs& a);
int64_t mask_iou_workspace(const MasksArgs& a);
int64_t mask_chamfer_workspace(const MasksArgs& a);
Outcome mask_centroids(const MasksArgs& a, const Launch& launch);
Outcome mask_iou(const MasksArgs& a, const Launch& launch);
Outcome mask_chamfer(const MasksArgs& a, const Launch& launch);

Outcome segment_advantages(const SegmentAdvantagesArgs<float>& a, const Launch& launch);
Outcome segment_advantages(const SegmentAdvantagesArgs<double>& a, const Launch& launch);

// Workspace in bytes.
int64_t soft_dtw_workspace(const SoftDtwArgs<float>& a);
int64_t soft_dtw_workspace(const SoftDtwArgs<double>& a);
Outcome soft_dtw(const SoftDtwArgs<float>& a, const Launch& launch);
Outcome soft_dtw(const SoftDtwArgs<double>& a, const Launch& launch);

// Workspace in doubles, of the forward direction; the backward direction needs none.
int64_t track_residual_workspace(const TrackResidualArgs<float>& a);
int64_t track_residual_workspace(const TrackResidualArgs<double>& a);
Outcome track_residual(const TrackResidualArgs<float>& a, const Launch& launch);
Outcome track_residual(const TrackResidualArgs<double>& a, const Launch& launch);
Outcome track_residual_backward(const TrackResidualArgs<float>& a, const Launch& launch);
Outcome track_residual_backward(const TrackResidualArgs<double>& a, const Launch& launch);

}  // namespace KT_BACKEND
}  // namespace kinetrace
