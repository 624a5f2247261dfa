// Attribute names looked up on every call, interned once.
#pragma once
#include <Python.h>

namespace kinetrace {
namespace bindings {

struct Interned {
  PyObject* dlpack = PyUnicode_InternFromString("__dlpack__");
  PyObject* exchange_api = PyUnicode_InternFromString("__dlpack_c_exchange_api__");
  PyObject* torch_dispatch = PyUnicode_InternFromString("__torch_dispatch__");
  PyObject* is_neg = PyUnicode_InternFromString("is_neg");
  PyObject* cuda_interface = PyUnicode_InternFromString("__cuda_array_interface__");
};
inline const Interned& interned() {
  static const Interned names;
  return names;
}

}  // namespace bindings
}  // namespace kinetrace
