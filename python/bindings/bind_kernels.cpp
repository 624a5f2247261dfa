// All kernels of a module.
#include "bindings.hpp"

namespace kinetrace {
namespace bindings {

void bind_kernels(pybind11::module_& m) {
  bind_fit_kinematics(m);
  bind_fit_segments(m);
}

}  // namespace bindings
}  // namespace kinetrace
