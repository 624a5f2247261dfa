// kinetrace._cpu: the CPU back end, and what the build and the processor offer.
#include <pybind11/pybind11.h>

#include <kinetrace/core/types.hpp>

#include "../../cpp/src/simd_level.hpp"
#include "../../cpp/src/thread_pool.hpp"
#include "bindings.hpp"

namespace py = pybind11;

PYBIND11_MODULE(_cpu, m) {
  m.doc() = "CPU back end of kinetrace.";
  kinetrace::bindings::bind_kernels(m);
  kinetrace::bindings::bind_rouge(m);
  kinetrace::bindings::bind_bandwidth(m);
  m.attr("version") = KT_VERSION;
  m.attr("cuda_build") = KT_CUDA_REASON;
  m.attr("compiler") = KT_COMPILER;
  m.def("simd_level", [] { return std::string(kinetrace::simd_name(kinetrace::simd_level())); });
  m.def("best_simd_level", [] { return std::string(kinetrace::simd_name(kinetrace::best_simd_level())); });
  m.def(
      "set_simd_level",
      [](const std::string& name) { kinetrace::set_simd_level(kinetrace::simd_from_name(name.c_str())); },
      py::arg("name"));
  m.def("num_threads", [] { return kinetrace::resolve_threads(0); });
  m.def("statuses", [] {
    py::dict d;
    d["OK"] = int(kinetrace::kOk), d["TOO_FEW_POINTS"] = int(kinetrace::kTooFewPoints),
    d["NON_FINITE"] = int(kinetrace::kNonFinite);
    d["SINGULAR"] = int(kinetrace::kSingular), d["INVALID_WEIGHT"] = int(kinetrace::kInvalidWeight);
    d["INFEASIBLE"] = int(kinetrace::kInfeasible), d["EMPTY"] = int(kinetrace::kEmpty);
    return d;
  });
}
