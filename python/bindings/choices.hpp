// Options that are words: their names, and the message that lists them.
#pragma once
#include <initializer_list>
#include <string>
#include <utility>

#include <kinetrace/kinematic_residual/types.hpp>

#include "arrays.hpp"

namespace kinetrace {
namespace bindings {

template <class E> E choose(const char* argument, const char* expected, py::handle name, std::initializer_list<std::pair<const char*, E>> choices) {
  if (!PyUnicode_Check(name.ptr())) bad_type(argument, expected, Py_TYPE(name.ptr())->tp_name);
  for (const auto& choice : choices)
    if (PyUnicode_CompareWithASCIIString(name.ptr(), choice.first) == 0) return choice.second;
  bad_value(argument, expected, "'" + name.cast<std::string>() + "'");
}

inline ResidualNorm norm_from(py::handle name) {
  using N = ResidualNorm;
  return choose<N>("norm", "'squared', 'abs' or 'signed'", name, {{"squared", N::squared}, {"abs", N::absolute}, {"signed", N::signed_}});
}

inline ResidualReduction reduction_from(py::handle name) {
  using R = ResidualReduction;
  return choose<R>("reduction", "'mean', 'mean_elements', 'sum' or 'none'", name,
                   {{"mean", R::mean}, {"mean_elements", R::mean_elements}, {"sum", R::sum}, {"none", R::none}});
}

}  // namespace bindings
}  // namespace kinetrace
