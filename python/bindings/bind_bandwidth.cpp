// stream_read, dtw_roof: the probes of the benchmarks, in the CPU module only.
#include <pybind11/pybind11.h>

#include "../../cpp/src/bandwidth.hpp"
#include "../../cpp/src/simd/dtw_roof.hpp"
#include "bindings.hpp"

namespace kinetrace {
namespace bindings {

void bind_bandwidth(pybind11::module_& m) {
  m.def(
      "stream_read",
      [](const pybind11::buffer& buffer, int num_threads) {
        const pybind11::buffer_info info = buffer.request();
        pybind11::ssize_t expected = info.itemsize;
        for (pybind11::ssize_t i = info.ndim; i-- > 0; expected *= info.shape[std::size_t(i)])
          if (info.shape[std::size_t(i)] > 1 && info.strides[std::size_t(i)] != expected)
            throw pybind11::value_error("buffer: expected C-contiguous memory, got a strided view");
        const pybind11::gil_scoped_release nogil;
        return stream_read(info.ptr, std::size_t(info.size * info.itemsize), num_threads);
      },
      pybind11::arg("buffer"), pybind11::arg("num_threads") = 1,
      "For benchmarks only: reads a buffer once and returns an XOR of its bytes. Time it to know the read bandwidth.");
  m.def(
      "dtw_roof",
      [](bool is_double, bool coordinates, int64_t cells) {
        const pybind11::gil_scoped_release nogil;
        return KT_SIMD_CALL(dtw_roof, is_double, coordinates, cells);
      },
      pybind11::arg("is_double"), pybind11::arg("coordinates"), pybind11::arg("cells"),
      "For benchmarks only: the arithmetic of so many cells (or coordinates of costs) of dtw, in registers. Time it to know the instruction roof.");
}

}  // namespace bindings
}  // namespace kinetrace
