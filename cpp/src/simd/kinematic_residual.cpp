// kinematic_residual on one instruction set: pixels side by side in lanes. Compiled once per level with KT_ABI naming it.
#include "kinematic_residual_advected.hpp"
#include "kinematic_residual_backward.hpp"
#include "kinematic_residual_forward.hpp"

namespace kinetrace {
namespace KT_ABI {

void kinematic_residual_forward(const KinematicResidualArgs<float>& a, int64_t begin, int64_t end, void* scratch) {
  forward_blocks(a, begin, end, scratch);
}
void kinematic_residual_forward(const KinematicResidualArgs<double>& a, int64_t begin, int64_t end, void* scratch) {
  forward_blocks(a, begin, end, scratch);
}
void kinematic_residual_backward(const KinematicResidualArgs<float>& a, int64_t begin, int64_t end, void* scratch) {
  backward_blocks(a, begin, end, scratch);
}
void kinematic_residual_backward(const KinematicResidualArgs<double>& a, int64_t begin, int64_t end, void* scratch) {
  backward_blocks(a, begin, end, scratch);
}

void kinematic_residual_bounds(const KinematicResidualArgs<float>& a, int64_t begin, int64_t end) {
  bound_maps(a, begin, end);
}
void kinematic_residual_bounds(const KinematicResidualArgs<double>& a, int64_t begin, int64_t end) {
  bound_maps(a, begin, end);
}
void kinematic_residual_advected(const KinematicResidualArgs<float>& a, int64_t begin, int64_t end, int64_t* sums) {
  write_frames(a, begin, end, sums);
}
void kinematic_residual_advected(const KinematicResidualArgs<double>& a, int64_t begin, int64_t end, int64_t* sums) {
  write_frames(a, begin, end, sums);
}

}  // namespace KT_ABI
}  // namespace kinetrace
