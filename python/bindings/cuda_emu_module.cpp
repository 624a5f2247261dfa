// kinetrace._cuda_emu: the CUDA kernels on the CPU emulation, reading host arrays. For tests.
#include "../../cuda/emulator/cuemu.hpp"
#include "bind_cuda.hpp"

PYBIND11_MODULE(_cuda_emu, m) {
  m.doc() = "CUDA kernels of kinetrace on the CPU emulation.";
  cuemu::return_failures();  // a deadlock becomes a RuntimeError with the report, not an abort
  kinetrace::bindings::bind_cuda(m);
}
