// fit_kinematics: array arguments to back end arguments.
#include <algorithm>
#include <limits>

#include <kinetrace/backends.hpp>

#include "arrays.hpp"
#include "bindings.hpp"
#include "scalars.hpp"

namespace kinetrace {
namespace bindings {
namespace {

// The nearest normal number of the working precision: a tiny threshold must not become 0, which means "choose one".
template <class T> T in_range(double x) {
  return T(std::min(std::max(x, double(std::numeric_limits<T>::min())), double(std::numeric_limits<T>::max())));
}

template <class T>
py::tuple call(const Array& positions, const Array& times, const Array& weights, const Array& visible, double dt,
               int order, Robust robust, double threshold, int iterations, py::handle num_threads) {
  FitKinematicsArgs<T> a;
  a.problems = positions.shape(0), a.frames = positions.shape(1), a.dims = int(positions.shape(2)), a.order = order;
  a.positions = positions.view<const T, 3>();
  a.times = times.view<const T, 2>();
  a.weights = weights.view<const T, 2>();
  a.visible = visible.view<const uint8_t, 2>();
  a.dt = dt, a.robust = robust, a.threshold = threshold > 0 ? in_range<T>(threshold) : T(0), a.iterations = iterations;
  const int64_t B = a.problems, K = order + 1;
  const Output coefficients = allocate<T>(positions, {B, K, a.dims}), rms = allocate<T>(positions, {B}),
               covariance = allocate<T>(positions, {B, K, K}), r_squared = allocate<T>(positions, {B}),
               n_points = allocate<int32_t>(positions, {B}), status = allocate<int32_t>(positions, {B});
  a.coefficients = coefficients.as<T>(), a.residual_rms = rms.as<T>(), a.covariance = covariance.as<T>(),
  a.r_squared = r_squared.as<T>();
  a.n_points = n_points.as<int32_t>(), a.status = status.as<int32_t>();
  const Output workspace = allocate<T>(positions, {KT_BACKEND::fit_kinematics_workspace(a)});
  a.workspace = workspace.as<T>();
  const Launch launch = launch_for(positions, num_threads);
  run([&] { return KT_BACKEND::fit_kinematics(a, launch); });
  return py::make_tuple(coefficients.object, rms.object, covariance.object, r_squared.object, n_points.object,
                        status.object);
}

py::tuple fit_kinematics(py::handle positions_, py::handle times_, py::handle weights_, py::handle visible_,
                         py::handle dt_, py::handle order_, py::handle robust_, py::handle threshold_,
                         py::handle iterations_, py::handle num_threads) {
  const Array positions(positions_, "positions");
  positions.require_float();
  if (positions.ndim() != 3) positions.bad("shape (B, T, D)", positions.shape_text());
  const int64_t B = positions.shape(0), T = positions.shape(1), D = positions.shape(2);
  if (D < 1 || D > 4) positions.bad("1 to 4 coordinates D", std::to_string(D));
  if (T > (int64_t(1) << 22)) positions.bad("at most 4194304 frames", std::to_string(T));
  const Array times = Array::optional(times_, "times"), weights = Array::optional(weights_, "weights"),
              visible = Array::optional(visible_, "visible");
  if (times.given() && times.ndim() == 1) times.require_shape("(T,) or (B, T)", {T});
  else times.require_shape("(T,) or (B, T)", {B, T});
  weights.require_shape("(B, T)", {B, T});
  visible.require_shape("(B, T)", {B, T});
  for (const Array* a : {&times, &weights}) a->require_dtype_of(positions), a->require_device_of(positions);
  visible.require_visibility_dtype(), visible.require_device_of(positions);
  const double dt = positive_from(dt_, "dt", "a positive finite number of seconds");
  if (times.given() && dt != 1.0) bad_value("dt", "1.0 when times are given", py::str(dt_));
  const int order = int(int_from(order_, "order", 0, 3, "0, 1, 2 or 3"));
  const Robust rules[] = {Robust::none, Robust::huber, Robust::tukey};
  const Robust robust = rules[1 + choice_from(robust_, "robust", {"huber", "tukey"}, true)];
  const double threshold =
      threshold_.is_none() ? 0.0 : positive_from(threshold_, "robust_threshold", "a positive finite number or None");
  const int iterations = int(int_from(iterations_, "robust_iterations", 0, 1000, "an int from 0 to 1000"));
  return visit_float(positions, [&](auto zero) {
    return call<decltype(zero)>(positions, times, weights, visible, dt, order, robust, threshold, iterations,
                                num_threads);
  });
}

}  // namespace

void bind_fit_kinematics(py::module_& m) {
  m.def("fit_kinematics", &fit_kinematics, py::arg("positions"), py::arg("times"), py::arg("weights"),
        py::arg("visible"), py::arg("dt"), py::arg("order"), py::arg("robust"), py::arg("robust_threshold"),
        py::arg("robust_iterations"), py::arg("num_threads"));
}

}  // namespace bindings
}  // namespace kinetrace
