// All kernels of a module.
#include "bindings.hpp"

namespace kinetrace {
namespace bindings {

void bind_kernels(pybind11::module_& m) {
  bind_chain_flow(m);
  bind_dtw(m);
  bind_fit_kinematics(m);
  bind_group_advantages(m);
  bind_kinematic_residual(m);
  bind_masks(m);
  bind_soft_dtw(m);
  bind_segment_advantages(m);
  bind_track_residual(m);
  bind_fit_segments(m);
}

}  // namespace bindings
}  // namespace kinetrace
