// Acquiring arrays: the four protocols, cheapest first.
#include "arrays.hpp"

#include <cstring>

#include "interned.hpp"

namespace kinetrace {
namespace bindings {
namespace {

DType dtype_from_dlpack(DLDataType t) {
  if (t.lanes != 1) return DType::other;
  switch (t.code) {
    case kDLFloat: return t.bits == 32 ? DType::float32 : t.bits == 64 ? DType::float64 : t.bits == 16 ? DType::float16 : DType::other;
    case kDLBfloat: return DType::bfloat16;
    case kDLBool: return DType::boolean;
    case kDLUInt: return t.bits == 8 ? DType::uint8 : DType::other;
    case kDLInt: return t.bits == 32 ? DType::int32 : t.bits == 64 ? DType::int64 : DType::other;
    default: return DType::other;
  }
}

// struct-module format and item size; only native byte order
DType dtype_from_format(const char* format, Py_ssize_t size) {
  if (!format) return size == 1 ? DType::uint8 : DType::other;
  if (*format == '@' || *format == '=' || *format == '<') ++format;
  if (format[0] == 0 || format[1] != 0) return DType::other;
  switch (format[0]) {
    case 'f': return DType::float32;
    case 'd': return DType::float64;
    case 'e': return DType::float16;
    case '?': return DType::boolean;
    case 'B': return DType::uint8;
    case 'i':
    case 'l':
    case 'q': return size == 4 ? DType::int32 : size == 8 ? DType::int64 : DType::other;
    default: return DType::other;
  }
}

// '<f4' and the like, of the CUDA array interface
DType dtype_from_typestr(const std::string& s) {
  const std::string t = s.empty() ? s : s.substr(1);
  if (t == "f4") return DType::float32;
  if (t == "f8") return DType::float64;
  if (t == "f2") return DType::float16;
  if (t == "b1") return DType::boolean;
  if (t == "u1") return DType::uint8;
  if (t == "i4") return DType::int32;
  if (t == "i8") return DType::int64;
  return DType::other;
}

}  // namespace

const DLPackExchangeAPI* exchange_api(PyTypeObject* type) {
  // One entry is enough: a process has one or two tensor types. Written and read under the GIL.
  static PyTypeObject* last = nullptr;
  static const DLPackExchangeAPI* api = nullptr;
  if (type == last) return api;
  const DLPackExchangeAPI* found = nullptr;
  if (PyObject* capsule = PyObject_GetAttr(reinterpret_cast<PyObject*>(type), interned().exchange_api)) {
    found = static_cast<const DLPackExchangeAPI*>(PyCapsule_GetPointer(capsule, "dlpack_exchange_api"));
    Py_DECREF(capsule);
    if (found && (found->header.version.major != DLPACK_MAJOR_VERSION || !found->dltensor_from_py_object_no_sync)) found = nullptr;
  }
  PyErr_Clear();
  last = type;
  api = found;
  return api;
}

Array::Array(py::handle object, const char* name) : name_(name), object_(py::reinterpret_borrow<py::object>(object)) {
  PyObject* o = object.ptr();
  if (!from_buffer_protocol(o) && !from_exchange_api(o) && !from_capsule(o) && !from_cuda_interface(o))
    bad_type(name_, "an array (NumPy, Torch, CuPy, DLPack or CUDA array interface)", Py_TYPE(o)->tp_name);
  given_ = true;
  require_device();
}

Array& Array::operator=(Array&& other) noexcept {
  release();
  name_ = other.name_, given_ = other.given_, data_ = other.data_, ndim_ = other.ndim_, shape_ = other.shape_, stride_ = other.stride_;
  dtype_ = other.dtype_, device_ = other.device_, exchange_ = other.exchange_, buffer_ = other.buffer_;
  object_ = std::move(other.object_), capsule_ = std::move(other.capsule_);
  other.buffer_.obj = nullptr;
  return *this;
}

void Array::release() {
  if (buffer_.obj) PyBuffer_Release(&buffer_);
  buffer_.obj = nullptr;
}

bool Array::from_buffer_protocol(PyObject* o) {
  if (!PyObject_CheckBuffer(o)) return false;
  if (PyObject_GetBuffer(o, &buffer_, PyBUF_STRIDED_RO | PyBUF_FORMAT)) {
    buffer_.obj = nullptr;
    PyErr_Clear();  // an exotic dtype or layout: it may still speak DLPack, and if not, the message names the argument
    return false;
  }
  if (buffer_.ndim > kMaxDims) bad("at most 6 dimensions", std::to_string(buffer_.ndim));
  data_ = buffer_.buf, ndim_ = buffer_.ndim, device_ = {kDLCPU, 0};
  dtype_ = dtype_from_format(buffer_.format, buffer_.itemsize);
  for (int i = 0; i < ndim_; ++i) {
    const auto k = std::size_t(i);
    shape_[k] = buffer_.shape[i];
    if (buffer_.itemsize && buffer_.strides[i] % buffer_.itemsize && shape_[k] > 1)
      bad("strides in whole elements", std::to_string(buffer_.strides[i]) + " bytes");
    stride_[k] = buffer_.itemsize ? buffer_.strides[i] / buffer_.itemsize : 0;
  }
  if (dtype_ != DType::other && reinterpret_cast<std::uintptr_t>(data_) % std::uintptr_t(buffer_.itemsize)) bad("aligned data", "a misaligned array");
  return true;
}

void Array::take(const DLTensor& t) {
  if (t.ndim > kMaxDims) bad("at most 6 dimensions", std::to_string(t.ndim));
  data_ = static_cast<char*>(t.data) + t.byte_offset;
  ndim_ = t.ndim, dtype_ = dtype_from_dlpack(t.dtype), device_ = t.device;
  int64_t contiguous = 1;
  for (int i = ndim_ - 1; i >= 0; --i) {
    const auto k = std::size_t(i);
    shape_[k] = t.shape[i];
    stride_[k] = t.strides ? t.strides[i] : contiguous;
    contiguous *= t.shape[i];
  }
}

bool Array::from_exchange_api(PyObject* o) {
  const DLPackExchangeAPI* api = exchange_api(Py_TYPE(o));
  if (!api) return false;
  DLTensor t;
  if (api->dltensor_from_py_object_no_sync(o, &t)) throw py::error_already_set();
  exchange_ = api;
  take(t);
  return true;
}

bool Array::from_capsule(PyObject* o) {
  if (!PyObject_HasAttr(o, interned().dlpack)) return false;
  const py::object version = py::make_tuple(1, 3);
  const py::object method = py::reinterpret_steal<py::object>(PyObject_GetAttr(o, interned().dlpack));
  try {
    capsule_ = method(py::arg("max_version") = version);
  } catch (py::error_already_set& e) {
    if (!e.matches(PyExc_TypeError)) throw;
    capsule_ = method();  // DLPack before 1.0 has no max_version
  }
  if (PyCapsule_IsValid(capsule_.ptr(), "dltensor_versioned")) {
    const auto* m = static_cast<DLManagedTensorVersioned*>(PyCapsule_GetPointer(capsule_.ptr(), "dltensor_versioned"));
    if (m->version.major != DLPACK_MAJOR_VERSION) bad("DLPack version 1", std::to_string(m->version.major));
    take(m->dl_tensor);
  } else if (PyCapsule_IsValid(capsule_.ptr(), "dltensor")) {
    take(static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule_.ptr(), "dltensor"))->dl_tensor);
  } else {
    bad_type(name_, "a DLPack capsule from __dlpack__", Py_TYPE(capsule_.ptr())->tp_name);
  }
  return true;  // the capsule is never renamed: it frees the tensor itself when the call ends
}

bool Array::from_cuda_interface(PyObject* o) {
  if (!PyObject_HasAttr(o, interned().cuda_interface)) return false;
  const auto d = py::reinterpret_steal<py::dict>(PyObject_GetAttr(o, interned().cuda_interface));
  const py::tuple shape = d["shape"], data = d["data"];
  if (py::len(shape) > kMaxDims) bad("at most 6 dimensions", std::to_string(py::len(shape)));
  data_ = reinterpret_cast<void*>(data[0].cast<std::uintptr_t>());
  ndim_ = int(py::len(shape)), dtype_ = dtype_from_typestr(d["typestr"].cast<std::string>());
  device_ = {kDLCUDA, 0};
  capsule_ = d;
  const bool strided = d.contains("strides") && !d["strides"].is_none();
  int64_t contiguous = 1;
  for (int i = ndim_ - 1; i >= 0; --i) {
    const auto k = std::size_t(i);
    shape_[k] = shape[k].cast<int64_t>();
    stride_[k] = strided ? py::tuple(d["strides"])[k].cast<int64_t>() / size_of(dtype_) : contiguous;
    contiguous *= shape_[k];
  }
  return true;
}

}  // namespace bindings
}  // namespace kinetrace
