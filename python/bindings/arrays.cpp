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
    case kDLFloat:
      return t.bits == 32   ? DType::float32
             : t.bits == 64 ? DType::float64
             : t.bits == 16 ? DType::float16
                            : DType::other;
    case kDLBfloat: return DType::bfloat16;
    case kDLBool: return DType::boolean;
    case kDLUInt: return t.bits == 8 ? DType::uint8 : DType::other;
    case kDLInt:
      return t.bits == 32 ? DType::int32 : t.bits == 64 ? DType::int64 : t.bits == 8 ? DType::int8 : DType::other;
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
    case 'b': return DType::int8;
    case 'i':
    case 'l':
    case 'q': return size == 4 ? DType::int32 : size == 8 ? DType::int64 : DType::other;
    default: return DType::other;
  }
}

// '<f4' and the like, of the CUDA array interface; only native byte order
DType dtype_from_typestr(const std::string& s) {
  if (s.empty() || s[0] == '>') return DType::other;
  const std::string t = s.substr(1);
  if (t == "f4") return DType::float32;
  if (t == "f8") return DType::float64;
  if (t == "f2") return DType::float16;
  if (t == "b1") return DType::boolean;
  if (t == "u1") return DType::uint8;
  if (t == "i1") return DType::int8;
  if (t == "i4") return DType::int32;
  if (t == "i8") return DType::int64;
  return DType::other;
}

}  // namespace

const TensorType& tensor_type(PyTypeObject* type) {
  // One entry is enough: a process has one or two tensor types. Written and read under the GIL; the entry owns its type,
  // for another type could come to lie at the address of one that is gone.
  static PyTypeObject* last = nullptr;
  static TensorType known;
  if (type == last) return known;
  TensorType found;
  PyObject* object = reinterpret_cast<PyObject*>(type);
  if (PyObject* capsule = PyObject_GetAttr(object, interned().exchange_api)) {
    found.api = static_cast<const DLPackExchangeAPI*>(PyCapsule_GetPointer(capsule, "dlpack_exchange_api"));
    Py_DECREF(capsule);
    if (found.api &&
        (found.api->header.version.major != DLPACK_MAJOR_VERSION || !found.api->dltensor_from_py_object_no_sync))
      found.api = nullptr;
  }
  PyErr_Clear();
  if (PyObject* dispatch = PyObject_GetAttr(object, interned().torch_dispatch)) {
    found.redirects = !PyCFunction_Check(dispatch);  // torch.Tensor's own is a built-in that does nothing
    Py_DECREF(dispatch);
  }
  PyErr_Clear();
  Py_INCREF(object);
  Py_XDECREF(reinterpret_cast<PyObject*>(last));
  last = type;
  known = found;
  return known;
}

Array::Array(py::handle object, const char* name) : name_(name), object_(py::reinterpret_borrow<py::object>(object)) {
  PyObject* o = object.ptr();
  try {
    if (!from_buffer_protocol(o) && !from_exchange_api(o) && !from_capsule(o) && !from_cuda_interface(o))
      bad_type(name_, "an array (NumPy, Torch, CuPy, DLPack or CUDA array interface)", Py_TYPE(o)->tp_name);
    check_data(o);
    given_ = true;
    require_device();
  } catch (...) {
    release();
    throw;
  }
}

void Array::check_data(PyObject* o) {
  int64_t elements = 1;
  for (int i = 0; i < ndim_; ++i) elements *= shape(i);
  if (elements == 0) {
    // Torch gives empty tensors no address, and back ends know an argument that was not given by its null pointer.
    static double nothing = 0;
    if (!data_) data_ = &nothing;
    return;
  }
  if (!data_) bad("an array with data in memory", std::string(Py_TYPE(o)->tp_name) + " without");
  if (dtype_ != DType::other && reinterpret_cast<std::uintptr_t>(data_) % std::uintptr_t(size_of(dtype_)))
    bad("aligned data", "a misaligned array");
}

Array& Array::operator=(Array&& other) noexcept {
  release();
  name_ = other.name_, given_ = other.given_, data_ = other.data_, ndim_ = other.ndim_, shape_ = other.shape_,
  stride_ = other.stride_;
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
  int64_t contiguous = buffer_.itemsize;
  for (int i = ndim_ - 1; i >= 0; --i) {
    const auto k = std::size_t(i);
    shape_[k] = buffer_.shape[i];
    // Some exporters (numpy.datetime64) leave the strides out although they were asked for.
    const int64_t bytes = buffer_.strides ? buffer_.strides[i] : contiguous;
    if (buffer_.itemsize && bytes % buffer_.itemsize && shape_[k] > 1)
      bad("strides in whole elements", std::to_string(bytes) + " bytes");
    stride_[k] = buffer_.itemsize ? bytes / buffer_.itemsize : 0;
    contiguous *= shape_[k];
  }
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
  const TensorType& type = tensor_type(Py_TYPE(o));
  if (type.redirects) bad_type(name_, "a tensor with data in memory", Py_TYPE(o)->tp_name);
  if (!type.api) return false;
  DLTensor t;
  if (type.api->dltensor_from_py_object_no_sync(o, &t))
    bad_from_python(name_, "a tensor with strided data in memory", o);
  exchange_ = type.api;
  take(t);
  if (dtype_ == DType::float32 || dtype_ == DType::float64) {
    // A lazy negation is a bit of the tensor that DLPack does not carry.
    const auto negated = py::reinterpret_steal<py::object>(PyObject_CallMethodNoArgs(o, interned().is_neg));
    if (!negated) PyErr_Clear();  // not torch
    if (negated.ptr() == Py_True)
      bad("data as it is stored", "a tensor with the negative bit set (use .resolve_neg())");
  }
  return true;
}

bool Array::from_capsule(PyObject* o) {
  if (!PyObject_HasAttr(o, interned().dlpack)) return false;
  const py::object version = py::make_tuple(1, 3);
  const py::object method = py::reinterpret_steal<py::object>(PyObject_GetAttr(o, interned().dlpack));
  try {
    try {
      capsule_ = method(py::arg("max_version") = version);
    } catch (py::error_already_set& e) {
      if (!e.matches(PyExc_TypeError)) throw;
      capsule_ = method();  // DLPack before 1.0 has no max_version
    }
  } catch (py::error_already_set& e) {
    e.restore();
    bad_from_python(name_, "an array that __dlpack__ can export", o);
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
  const char* valid = "a valid __cuda_array_interface__";
  try {
    const py::dict d(py::reinterpret_steal<py::object>(PyObject_GetAttr(o, interned().cuda_interface)));
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
      const int64_t bytes = strided ? py::tuple(d["strides"])[k].cast<int64_t>() : contiguous * size_of(dtype_);
      if (bytes % size_of(dtype_) && shape_[k] > 1) bad("strides in whole elements", std::to_string(bytes) + " bytes");
      stride_[k] = bytes / size_of(dtype_);
      contiguous *= shape_[k];
    }
  } catch (py::error_already_set& e) {
    e.restore();
    bad_from_python(name_, valid, o);
  } catch (const py::cast_error&) { bad(valid, "one with fields of other types"); }
  return true;
}

}  // namespace bindings
}  // namespace kinetrace
