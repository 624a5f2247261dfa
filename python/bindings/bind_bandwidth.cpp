// stream_read, stream_move, dtw_roof: the probes of the benchmarks, in the CPU module only.
#include <pybind11/pybind11.h>

#include "../../cpp/src/bandwidth.hpp"
#include "../../cpp/src/simd/dtw_roof.hpp"
#include "bindings.hpp"

namespace kinetrace {
namespace bindings {
namespace {

pybind11::buffer_info contiguous(const pybind11::buffer& buffer, const char* name, bool writable) {
  pybind11::buffer_info info = buffer.request(writable);
  pybind11::ssize_t expected = info.itemsize;
  for (pybind11::ssize_t i = info.ndim; i-- > 0; expected *= info.shape[std::size_t(i)])
    if (info.shape[std::size_t(i)] > 1 && info.strides[std::size_t(i)] != expected)
      throw pybind11::value_error(std::string(name) + ": expected C-contiguous memory, got a strided view");
  return info;
}

}  // namespace

void bind_bandwidth(pybind11::module_& m) {
  m.def(
      "stream_read",
      [](const pybind11::buffer& buffer, int num_threads) {
        const pybind11::buffer_info info = contiguous(buffer, "buffer", false);
        const pybind11::gil_scoped_release nogil;
        return stream_read(info.ptr, std::size_t(info.size * info.itemsize), num_threads);
      },
      pybind11::arg("buffer"), pybind11::arg("num_threads") = 1,
      "For benchmarks only: reads a buffer once and returns an XOR of its bytes. Time it to know the read bandwidth.");
  m.def(
      "stream_move",
      [](const pybind11::buffer& source, const pybind11::buffer& target, int num_threads) {
        const pybind11::buffer_info from = contiguous(source, "source", false), to = contiguous(target, "target", true);
        if (reinterpret_cast<std::uintptr_t>(to.ptr) % 64)
          throw pybind11::value_error("target: expected memory that begins at a line of 64 bytes, got another address");
        const pybind11::gil_scoped_release nogil;
        stream_move(from.ptr, std::size_t(from.size * from.itemsize), to.ptr, std::size_t(to.size * to.itemsize),
                    num_threads);
      },
      pybind11::arg("source"), pybind11::arg("target"), pybind11::arg("num_threads") = 1,
      "For benchmarks only: reads a buffer and overwrites another, both once. Time it to know what memory allows a "
      "kernel that reads and writes as much.");
  m.def(
      "dtw_roof",
      [](bool is_double, bool coordinates, int64_t cells) {
        const pybind11::gil_scoped_release nogil;
        return KT_SIMD_CALL(dtw_roof, is_double, coordinates, cells);
      },
      pybind11::arg("is_double"), pybind11::arg("coordinates"), pybind11::arg("cells"),
      "For benchmarks only: the arithmetic of so many cells (or coordinates of costs) of dtw, in registers. Time it to "
      "know the instruction roof.");
}

}  // namespace bindings
}  // namespace kinetrace
