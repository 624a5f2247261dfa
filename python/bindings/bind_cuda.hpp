// What kinetrace._cuda and kinetrace._cuda_emu share: the kernels and the device report.
#pragma once
#include <pybind11/pybind11.h>

#include <string>

#include "../../cuda/src/device_info.hpp"
#include "bindings.hpp"

namespace kinetrace {
namespace bindings {

inline void bind_cuda(pybind11::module_& m) {
  bind_kernels(m);
  m.attr("version") = KT_VERSION;
  m.def("device_info", [] {
    int count = 0, runtime = 0;
    const Outcome outcome = cuda::device_count(&count, &runtime);
    pybind11::dict d;
    d["devices"] = count, d["runtime_version"] = runtime, d["error"] = std::string(outcome.code ? outcome.message : "");
    return d;
  });
}

}  // namespace bindings
}  // namespace kinetrace
