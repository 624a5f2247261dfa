// Scalar arguments: Python objects to numbers, each refusal naming the argument.
#pragma once
#include <pybind11/pybind11.h>

#include <cstdint>
#include <initializer_list>
#include <string>

namespace kinetrace {
namespace bindings {

namespace py = pybind11;

// An int (or NumPy integer, never a bool or a float) in [low, high]; `expected` is what the message calls that range.
int64_t int_from(py::handle value, const char* name, int64_t low, int64_t high, const char* expected);

// Any real number (int, float, NumPy scalar), never a bool, a string or an array.
double real_from(py::handle value, const char* name, const char* expected);

// A real number > 0 and finite.
double positive_from(py::handle value, const char* name, const char* expected);

// True or False (NumPy's too).
bool bool_from(py::handle value, const char* name);

// Index of a string in `choices`; with `none_allowed`, None is -1.
int choice_from(py::handle value, const char* name, std::initializer_list<const char*> choices, bool none_allowed);

}  // namespace bindings
}  // namespace kinetrace
