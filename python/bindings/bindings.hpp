// One registration function per kernel; every back end's module calls them all.
#pragma once
#include <pybind11/pybind11.h>

namespace kinetrace {
namespace bindings {

void bind_chain_flow(pybind11::module_& m);
void bind_dtw(pybind11::module_& m);
void bind_fit_kinematics(pybind11::module_& m);
void bind_group_advantages(pybind11::module_& m);
void bind_kinematic_residual(pybind11::module_& m);
void bind_masks(pybind11::module_& m);
void bind_soft_dtw(pybind11::module_& m);
void bind_segment_advantages(pybind11::module_& m);
void bind_track_residual(pybind11::module_& m);
void bind_fit_segments(pybind11::module_& m);
void bind_kernels(pybind11::module_& m);  // all of the above
void bind_rouge(pybind11::module_& m);  // strings lie in host memory: in _cpu alone
void bind_bandwidth(pybind11::module_& m);  // benchmarks only, in _cpu alone

}  // namespace bindings
}  // namespace kinetrace
