// Outputs in the caller's library, and where a call runs.
#include <pybind11/numpy.h>

#include "arrays.hpp"
#include "module_device.hpp"
#include "scalars.hpp"

namespace kinetrace {
namespace bindings {
namespace {

py::dtype numpy_dtype(DType dtype) {
  switch (dtype) {
    case DType::float32: return py::dtype::of<float>();
    case DType::float64: return py::dtype::of<double>();
    case DType::int32: return py::dtype::of<int32_t>();
    case DType::int64: return py::dtype::of<int64_t>();
    case DType::boolean: return py::dtype::of<bool>();
    default: return py::dtype::of<uint8_t>();
  }
}

DLDataType dlpack_dtype(DType dtype) {
  switch (dtype) {
    case DType::float32: return {kDLFloat, 32, 1};
    case DType::float64: return {kDLFloat, 64, 1};
    case DType::int32: return {kDLInt, 32, 1};
    case DType::int64: return {kDLInt, 64, 1};
    case DType::boolean: return {kDLBool, 8, 1};
    default: return {kDLUInt, 8, 1};
  }
}

Output through_exchange_api(const Array& like, DType dtype, std::initializer_list<int64_t> shape) {
  std::array<int64_t, kMaxDims> extents{};
  std::size_t n = 0;
  for (const int64_t e : shape) extents[n++] = e;
  DLTensor prototype{};
  prototype.device = like.device();
  prototype.ndim = int32_t(n);
  prototype.dtype = dlpack_dtype(dtype);
  prototype.shape = extents.data();
  DLManagedTensorVersioned* tensor = nullptr;
  const auto set_error = [](void*, const char*, const char* message) { PyErr_SetString(PyExc_RuntimeError, message); };
  if (like.exchange()->managed_tensor_allocator(&prototype, &tensor, nullptr, set_error)) throw py::error_already_set();
  Output out;
  out.data = tensor->dl_tensor.data;
  void* object = nullptr;
  if (like.exchange()->managed_tensor_to_py_object_no_sync(tensor, &object)) throw py::error_already_set();
  out.object = py::reinterpret_steal<py::object>(static_cast<PyObject*>(object));
  return out;
}

}  // namespace

Output allocate(const Array& like, DType dtype, std::initializer_list<int64_t> shape) {
  if (like.exchange() && like.exchange()->managed_tensor_allocator &&
      like.exchange()->managed_tensor_to_py_object_no_sync)
    return through_exchange_api(like, dtype, shape);
  Output out;
  if (like.from_buffer()) {
    py::array a(numpy_dtype(dtype), std::vector<py::ssize_t>(shape.begin(), shape.end()));
    out.data = a.mutable_data();
    out.object = std::move(a);
    return out;
  }
  // CuPy, torch before 2.10, and whatever speaks DLPack only: the Python layer knows the library.
  py::tuple extents(shape.size());
  std::size_t i = 0;
  for (const int64_t e : shape) extents[i++] = e;
  out.object = py::module_::import("kinetrace._arrays").attr("empty")(like.object(), extents, name_of(dtype));
  const Array fresh(out.object, "output");
  out.data = fresh.data();
  return out;
}

Launch launch_for(const Array& like, py::handle num_threads) {
  Launch launch;
  if (!num_threads.is_none())
    launch.num_threads = int(int_from(num_threads, "num_threads", 1, 4096, "a positive int up to 4096 or None"));
  launch.device = like.device().device_id;
  if (!kModuleOnHost) {
    if (like.exchange() && like.exchange()->current_work_stream) {
      if (like.exchange()->current_work_stream(kDLCUDA, launch.device, &launch.stream)) throw py::error_already_set();
    } else {
      launch.stream = reinterpret_cast<void*>(
          py::module_::import("kinetrace._arrays").attr("current_stream")(like.object()).cast<std::uintptr_t>());
    }
  }
  return launch;
}

}  // namespace bindings
}  // namespace kinetrace
