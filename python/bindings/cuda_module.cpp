// kinetrace._cuda: the CUDA back end. Importing it touches no driver.
#include "bind_cuda.hpp"

PYBIND11_MODULE(_cuda, m) {
  m.doc() = "CUDA back end of kinetrace.";
  kinetrace::bindings::bind_cuda(m);
}
