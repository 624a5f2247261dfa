// fit_segments: array arguments to back end arguments.
#include <kinetrace/backends.hpp>

#include "arrays.hpp"
#include "bindings.hpp"

namespace kinetrace {
namespace bindings {
namespace {

constexpr int64_t kMostFrames = int64_t(1) << 24, kMostFramesOfTriangle = 4096;

struct Options {
  double dt;
  int order, max_segments;
  int64_t min_points;
  Criterion criterion;
  double noise;
};

Criterion criterion_from(const std::string& name) {
  if (name == "bic") return Criterion::bic;
  if (name == "fixed") return Criterion::fixed;
  bad_value("criterion", "'bic' or 'fixed'", "'" + name + "'");
}

template <class T>
py::tuple call(const Array& positions, const Array& times, const Array& weights, const Array& visible, const Options& o, py::handle num_threads) {
  FitSegmentsArgs<T> a;
  a.problems = positions.shape(0), a.frames = positions.shape(1), a.dims = int(positions.shape(2)), a.order = o.order;
  a.positions = positions.view<const T, 3>();
  a.times = times.view<const T, 2>();
  a.weights = weights.view<const T, 2>();
  a.visible = visible.view<const uint8_t, 2>();
  a.dt = o.dt, a.max_segments = o.max_segments, a.min_points = o.min_points, a.criterion = o.criterion, a.noise = o.noise;
  const int64_t B = a.problems, S = o.max_segments;
  const Output n_segments = allocate<int32_t>(positions, {B}), boundaries = allocate<int32_t>(positions, {B, S - 1}),
               contact_times = allocate<T>(positions, {B, S - 1}), coefficients = allocate<T>(positions, {B, S, o.order + 1, a.dims}),
               rms = allocate<T>(positions, {B}), status = allocate<int32_t>(positions, {B});
  a.n_segments = n_segments.as<int32_t>(), a.boundaries = boundaries.as<int32_t>(), a.contact_times = contact_times.as<T>();
  a.coefficients = coefficients.as<T>(), a.residual_rms = rms.as<T>(), a.status = status.as<int32_t>();
  const Output workspace = allocate<double>(positions, {KT_BACKEND::fit_segments_workspace(a)});
  a.workspace = workspace.as<double>();
  const Launch launch = launch_for(positions, num_threads);
  run([&] { return KT_BACKEND::fit_segments(a, launch); });
  return py::make_tuple(n_segments.object, boundaries.object, contact_times.object, coefficients.object, rms.object, status.object);
}

py::tuple fit_segments(py::handle positions_, py::handle times_, py::handle weights_, py::handle visible_, double dt, int order, int max_segments,
                       int64_t min_points, const std::string& criterion, double noise, py::handle num_threads) {
  const Array positions(positions_, "positions");
  positions.require_float();
  if (positions.ndim() != 3) positions.bad("shape (B, T, D)", positions.shape_text());
  const int64_t B = positions.shape(0), T = positions.shape(1), D = positions.shape(2);
  if (D < 1 || D > 4) positions.bad("1 to 4 coordinates D", std::to_string(D));
  if (T > kMostFrames) positions.bad("at most " + std::to_string(kMostFrames) + " frames", std::to_string(T));
  const Array times = Array::optional(times_, "times"), weights = Array::optional(weights_, "weights"), visible = Array::optional(visible_, "visible");
  if (times.given() && times.ndim() == 1) times.require_shape("(T,) or (B, T)", {T});
  else times.require_shape("(T,) or (B, T)", {B, T});
  weights.require_shape("(B, T)", {B, T});
  visible.require_shape("(B, T)", {B, T});
  for (const Array* a : {&times, &weights}) a->require_dtype_of(positions), a->require_device_of(positions);
  visible.require_visibility_dtype(), visible.require_device_of(positions);
  if (times.given() && dt != 1.0) bad_value("dt", "1.0 when times are given", py::str(py::float_(dt)));
  if (!(dt > 0) || dt > 1.7976931348623157e308) bad_value("dt", "a positive finite number of seconds", py::str(py::float_(dt)));
  if (order < 0 || order > 3) bad_value("order", "0, 1, 2 or 3", std::to_string(order));
  if (max_segments < 1 || max_segments > kMaxSegments) bad_value("max_segments", "1, 2, 3 or 4", std::to_string(max_segments));
  if (max_segments > 2 && T > kMostFramesOfTriangle)
    positions.bad("at most " + std::to_string(kMostFramesOfTriangle) + " frames for max_segments above 2 (the search takes T^2 steps)", std::to_string(T));
  if (min_points < order + 1) bad_value("min_points", "at least order + 1 = " + std::to_string(order + 1) + " or None", std::to_string(min_points));
  if (!(noise >= 0) || noise > 1.7976931348623157e308) bad_value("noise", "a positive finite number or None", py::str(py::float_(noise)));
  const Options options{dt, order, max_segments, min_points <= T ? min_points : T + 1, criterion_from(criterion), noise};
  return visit_float(positions, [&](auto zero) { return call<decltype(zero)>(positions, times, weights, visible, options, num_threads); });
}

}  // namespace

void bind_fit_segments(py::module_& m) {
  m.def("fit_segments", &fit_segments, py::arg("positions"), py::arg("times"), py::arg("weights"), py::arg("visible"), py::arg("dt"), py::arg("order"),
        py::arg("max_segments"), py::arg("min_points"), py::arg("criterion"), py::arg("noise"), py::arg("num_threads"));
}

}  // namespace bindings
}  // namespace kinetrace
