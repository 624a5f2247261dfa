// The array layer: any array object to a strided view, every precondition checked once, outputs in the caller's library.
#pragma once
#include <pybind11/pybind11.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include <kinetrace/core/types.hpp>

#include "third_party/dlpack/dlpack.h"

namespace kinetrace {
namespace bindings {

namespace py = pybind11;

enum class DType : uint8_t { float32, float64, float16, bfloat16, boolean, uint8, int8, int32, int64, other };
const char* name_of(DType dtype);
int64_t size_of(DType dtype);
template <class T> constexpr DType dtype_of();
template <> constexpr DType dtype_of<float>() { return DType::float32; }
template <> constexpr DType dtype_of<double>() { return DType::float64; }
template <> constexpr DType dtype_of<int32_t>() { return DType::int32; }
template <> constexpr DType dtype_of<bool>() { return DType::boolean; }

// "<argument>: expected <x>, got <y>", as ValueError or TypeError.
[[noreturn]] void bad_value(const std::string& argument, const std::string& expected, const std::string& got);
[[noreturn]] void bad_type(const std::string& argument, const std::string& expected, const std::string& got);
// The same for the Python error that is set, whose text becomes part of `got`.
[[noreturn]] void bad_from_python(const std::string& argument, const std::string& expected, py::handle object);

constexpr int kMaxDims = 6;

// One argument, held for the duration of the call: buffer protocol (NumPy), DLPack C exchange API (torch), DLPack capsule,
// CUDA array interface, in this order. Never copies, casts or moves.
class Array {
 public:
  Array() = default;  // an optional argument that was not given
  Array(py::handle object, const char* name);
  Array(Array&& other) noexcept { *this = std::move(other); }
  Array& operator=(Array&& other) noexcept;
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { release(); }
  static Array optional(py::handle object, const char* name) {
    return object.is_none() ? Array() : Array(object, name);
  }

  bool given() const { return given_; }
  const char* name() const { return name_; }
  int ndim() const { return ndim_; }
  int64_t shape(int i) const { return shape_[std::size_t(i)]; }
  DType dtype() const { return dtype_; }
  DLDevice device() const { return device_; }
  void* data() const { return data_; }
  py::handle object() const { return object_; }
  const DLPackExchangeAPI* exchange() const { return exchange_; }
  bool from_buffer() const { return buffer_.obj != nullptr; }
  std::string shape_text() const;

  // Checks, each naming this argument. `axes` is what the message calls the shape; -1 in `extents` matches anything.
  void require_device() const;  // this module's kind of device
  void require_float() const;
  void require_dtype_of(const Array& other) const;
  void require_device_of(const Array& other) const;
  void require_visibility_dtype() const;
  void require_integer() const;
  void require_shape(const char* axes, std::initializer_list<int64_t> extents) const;
  [[noreturn]] void bad(const std::string& expected, const std::string& got) const { bad_value(name_, expected, got); }

  // The view; leading axes that a lower-rank array lacks are broadcast with stride 0.
  template <class T, int Rank> Strided<T, Rank> view() const {
    Strided<T, Rank> v;
    if (!given_) return v;
    v.data = static_cast<T*>(data_);
    for (int i = 0; i < Rank; ++i) {
      const int from = i - (Rank - ndim_);
      v.extent[i] = from < 0 ? 1 : shape_[std::size_t(from)];
      v.stride[i] = from < 0 || shape_[std::size_t(from)] == 1 ? 0 : stride_[std::size_t(from)];
    }
    return v;
  }

 private:
  bool from_buffer_protocol(PyObject* o);
  bool from_exchange_api(PyObject* o);
  bool from_capsule(PyObject* o);
  bool from_cuda_interface(PyObject* o);
  void take(const DLTensor& t);
  void check_data(PyObject* o);
  void release();

  const char* name_ = "";
  bool given_ = false;
  void* data_ = nullptr;
  int ndim_ = 0;
  std::array<int64_t, kMaxDims> shape_{}, stride_{};  // strides in elements
  DType dtype_ = DType::other;
  DLDevice device_{kDLCPU, 0};
  py::object object_, capsule_;
  const DLPackExchangeAPI* exchange_ = nullptr;
  Py_buffer buffer_{};
};

// What a type of tensors offers; cached by type.
struct TensorType {
  const DLPackExchangeAPI* api = nullptr;  // DLPack C exchange API, or nullptr
  bool redirects = false;  // a torch subclass with its own __torch_dispatch__: what it stores is not what it means
};
const TensorType& tensor_type(PyTypeObject* type);

// A fresh contiguous array in the library and on the device of `like`.
struct Output {
  py::object object;
  void* data = nullptr;
  template <class T> T* as() const { return static_cast<T*>(data); }
};
Output allocate(const Array& like, DType dtype, std::initializer_list<int64_t> shape);
template <class T> Output allocate(const Array& like, std::initializer_list<int64_t> shape) {
  return allocate(like, dtype_of<T>(), shape);
}

// Threads, device and the caller's current stream for a call whose first array is `like`.
Launch launch_for(const Array& like, py::handle num_threads);

// Runs f with the GIL released and turns a back end's error code into RuntimeError.
template <class F> void run(const F& f) {
  Outcome outcome;
  {
    const py::gil_scoped_release nogil;
    outcome = f();
  }
  if (outcome.code) throw std::runtime_error(outcome.message);
}

// Calls f(T()) with T the array's dtype: the one place where dtypes become types.
template <class F> auto visit_float(const Array& a, const F& f) {
  a.require_float();
  return a.dtype() == DType::float32 ? f(float()) : f(double());
}

}  // namespace bindings
}  // namespace kinetrace
