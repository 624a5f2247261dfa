// Preconditions: small named checks whose messages read "<argument>: expected <x>, got <y>".
#include "arrays.hpp"
#include "module_device.hpp"

namespace kinetrace {
namespace bindings {
namespace {

std::string device_text(DLDevice d) {
  switch (d.device_type) {
    case kDLCPU: return "cpu";
    case kDLCUDAHost: return "cpu (pinned)";
    case kDLCUDA: return "cuda:" + std::to_string(d.device_id);
    case kDLCUDAManaged: return "cuda (managed)";
    default: return "device type " + std::to_string(int(d.device_type));
  }
}
bool on_host(DLDevice d) { return d.device_type == kDLCPU || d.device_type == kDLCUDAHost; }

}  // namespace

const char* name_of(DType dtype) {
  static const char* names[] = {"float32", "float64", "float16", "bfloat16", "bool",
                                "uint8",   "int8",    "int32",   "int64",    "another dtype"};
  return names[int(dtype)];
}
int64_t size_of(DType dtype) {
  static const int64_t sizes[] = {4, 8, 2, 2, 1, 1, 1, 4, 8, 1};
  return sizes[int(dtype)];
}

void bad_value(const std::string& argument, const std::string& expected, const std::string& got) {
  throw py::value_error(argument + ": expected " + expected + ", got " + got);
}
void bad_type(const std::string& argument, const std::string& expected, const std::string& got) {
  throw py::type_error(argument + ": expected " + expected + ", got " + got);
}

void bad_from_python(const std::string& argument, const std::string& expected, py::handle object) {
  // Interrupts and lack of memory are not the argument's fault.
  if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError))
    throw py::error_already_set();
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  const auto own_type = py::reinterpret_steal<py::object>(type), own_value = py::reinterpret_steal<py::object>(value),
             own_trace = py::reinterpret_steal<py::object>(trace);
  const std::string cause = value ? std::string(py::str(own_value)) : "no reason given";
  bad_value(argument, expected,
            std::string(Py_TYPE(object.ptr())->tp_name) + " (" + cause.substr(0, cause.find('\n')) + ")");
}

std::string Array::shape_text() const {
  std::string s = "(";
  for (int i = 0; i < ndim_; ++i) s += std::to_string(shape(i)) + (ndim_ == 1 ? "," : i + 1 < ndim_ ? ", " : "");
  return s + ")";
}

void Array::require_device() const {
  const bool right =
      kModuleOnHost ? on_host(device_) : (device_.device_type == kDLCUDA || device_.device_type == kDLCUDAManaged);
  if (!right) bad(kModuleOnHost ? "an array on cpu" : "an array on a CUDA device", device_text(device_));
}
void Array::require_float() const {
  if (dtype_ != DType::float32 && dtype_ != DType::float64) bad("float32 or float64", name_of(dtype_));
}
void Array::require_dtype_of(const Array& other) const {
  if (given_ && dtype_ != other.dtype_)
    bad(std::string(name_of(other.dtype_)) + " like " + other.name_, name_of(dtype_));
}
void Array::require_device_of(const Array& other) const {
  if (given_ && !kModuleOnHost && device_.device_id != other.device_.device_id)
    bad(device_text(other.device_) + " like " + other.name_, device_text(device_));
}
void Array::require_visibility_dtype() const {
  if (given_ && dtype_ != DType::boolean && dtype_ != DType::uint8) bad("bool or uint8", name_of(dtype_));
}
void Array::require_integer() const {
  if (given_ && dtype_ != DType::int32 && dtype_ != DType::int64) bad("int32 or int64", name_of(dtype_));
}
void Array::require_shape(const char* axes, std::initializer_list<int64_t> extents) const {
  if (!given_) return;
  bool right = int(extents.size()) == ndim_;
  int i = 0;
  std::string wanted = "(";
  for (const int64_t e : extents) {
    if (right && e >= 0 && e != shape(i)) right = false;
    wanted += (e < 0 ? "*" : std::to_string(e)) + (extents.size() == 1 ? "," : i + 1 < int(extents.size()) ? ", " : "");
    ++i;
  }
  if (!right) bad(std::string("shape ") + axes + " = " + wanted + ")", shape_text());
}

}  // namespace bindings
}  // namespace kinetrace
