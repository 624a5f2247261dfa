// Scalar arguments: Python objects to numbers, each refusal naming the argument.
#include "scalars.hpp"

#include <cmath>
#include <cstring>

#include "arrays.hpp"
#include "interned.hpp"

namespace kinetrace {
namespace bindings {
namespace {

const char* type_name(py::handle value) { return Py_TYPE(value.ptr())->tp_name; }

// repr, cut short: an argument may be a long string.
std::string text(py::handle value) {
  PyObject* repr = PyObject_Repr(value.ptr());
  if (!repr) {
    PyErr_Clear();
    return type_name(value);
  }
  const char* utf8 = PyUnicode_AsUTF8(repr);
  if (!utf8) PyErr_Clear();
  std::string s = utf8 ? utf8 : type_name(value);
  Py_DECREF(repr);
  return s.size() <= 60 ? s : std::string(type_name(value));
}

bool is_array(py::handle value) { return PyObject_HasAttr(value.ptr(), interned().dlpack); }

}  // namespace

int64_t int_from(py::handle value, const char* name, int64_t low, int64_t high, const char* expected) {
  if (PyBool_Check(value.ptr()) || !PyIndex_Check(value.ptr()) || is_array(value))
    bad_type(name, expected, type_name(value));
  const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!index) {
    PyErr_Clear();
    bad_type(name, expected, type_name(value));
  }
  int overflow = 0;
  const int64_t number = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  if (overflow || number < low || number > high) bad_value(name, expected, text(index));
  return number;
}

double real_from(py::handle value, const char* name, const char* expected) {
  const bool number =
      PyFloat_Check(value.ptr()) || PyLong_Check(value.ptr()) || (PyNumber_Check(value.ptr()) && !is_array(value));
  if (PyBool_Check(value.ptr()) || !number || PyComplex_Check(value.ptr())) bad_type(name, expected, type_name(value));
  const double x = PyFloat_AsDouble(value.ptr());
  if (x == -1.0 && PyErr_Occurred()) {
    const bool too_large = PyErr_ExceptionMatches(PyExc_OverflowError);
    PyErr_Clear();
    if (too_large) bad_value(name, expected, text(value));
    bad_type(name, expected, type_name(value));
  }
  return x;
}

double positive_from(py::handle value, const char* name, const char* expected) {
  const double x = real_from(value, name, expected);
  if (!(x > 0) || !std::isfinite(x)) bad_value(name, expected, text(value));
  return x;
}

bool bool_from(py::handle value, const char* name) {
  if (value.ptr() == Py_True) return true;
  if (value.ptr() == Py_False) return false;
  if (!std::strcmp(type_name(value), "numpy.bool") || !std::strcmp(type_name(value), "numpy.bool_"))
    return PyObject_IsTrue(value.ptr()) == 1;
  bad_type(name, "True or False", type_name(value));
}

int choice_from(py::handle value, const char* name, std::initializer_list<const char*> choices, bool none_allowed) {
  if (none_allowed && value.is_none()) return -1;
  std::string expected = none_allowed ? "None" : "";
  int i = 0;
  const int last = int(choices.size()) - 1;
  for (const char* choice : choices) {
    if (PyUnicode_Check(value.ptr()) && PyUnicode_CompareWithASCIIString(value.ptr(), choice) == 0) return i;
    if (!expected.empty()) expected += i == last ? " or " : ", ";
    expected += "'" + std::string(choice) + "'";
    ++i;
  }
  if (!PyUnicode_Check(value.ptr())) bad_type(name, expected, type_name(value));
  bad_value(name, expected, text(value));
}

}  // namespace bindings
}  // namespace kinetrace
