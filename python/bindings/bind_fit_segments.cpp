// fit_segments: array arguments to back end arguments.
#include <kinetrace/backends.hpp>

#include "arrays.hpp"
#include "bindings.hpp"
#include "scalars.hpp"

namespace kinetrace {
namespace bindings {
namespace {

constexpr int64_t kMostFrames = int64_t(1) << 18, kMostFramesOfTriangle = 4096;

struct Options {
  double dt;
  int order, max_segments;
  int64_t min_points;
  Criterion criterion;
  double noise;
};

template <class T>
py::tuple call(const Array& positions, const Array& times, const Array& weights, const Array& visible, const Options& o,
               py::handle num_threads) {
  FitSegmentsArgs<T> a;
  a.problems = positions.shape(0), a.frames = positions.shape(1), a.dims = int(positions.shape(2)), a.order = o.order;
  a.positions = positions.view<const T, 3>();
  a.times = times.view<const T, 2>();
  a.weights = weights.view<const T, 2>();
  a.visible = visible.view<const uint8_t, 2>();
  a.dt = o.dt, a.max_segments = o.max_segments, a.min_points = o.min_points, a.criterion = o.criterion,
  a.noise = o.noise;
  const int64_t B = a.problems, S = o.max_segments;
  const Output n_segments = allocate<int32_t>(positions, {B}), boundaries = allocate<int32_t>(positions, {B, S - 1}),
               contact_times = allocate<T>(positions, {B, S - 1}),
               coefficients = allocate<T>(positions, {B, S, o.order + 1, a.dims}), rms = allocate<T>(positions, {B}),
               status = allocate<int32_t>(positions, {B});
  a.n_segments = n_segments.as<int32_t>(), a.boundaries = boundaries.as<int32_t>(),
  a.contact_times = contact_times.as<T>();
  a.coefficients = coefficients.as<T>(), a.residual_rms = rms.as<T>(), a.status = status.as<int32_t>();
  const Output workspace = allocate<double>(positions, {KT_BACKEND::fit_segments_workspace(a)});
  a.workspace = workspace.as<double>();
  const Launch launch = launch_for(positions, num_threads);
  run([&] { return KT_BACKEND::fit_segments(a, launch); });
  return py::make_tuple(n_segments.object, boundaries.object, contact_times.object, coefficients.object, rms.object,
                        status.object);
}

Options options_from(py::handle dt, py::handle order, py::handle max_segments, py::handle min_points,
                     py::handle criterion, py::handle noise) {
  Options o;
  o.dt = positive_from(dt, "dt", "a positive finite number of seconds");
  o.order = int(int_from(order, "order", 0, 3, "0, 1, 2 or 3"));
  o.max_segments = int(int_from(max_segments, "max_segments", 1, kMaxSegments, "1, 2, 3 or 4"));
  const std::string least = "an int from order + 1 = " + std::to_string(o.order + 1) + " or None";
  o.min_points =
      min_points.is_none() ? o.order + 2 : int_from(min_points, "min_points", o.order + 1, INT64_MAX, least.c_str());
  const Criterion criteria[] = {Criterion::bic, Criterion::fixed};
  o.criterion = criteria[choice_from(criterion, "criterion", {"bic", "fixed"}, false)];
  o.noise = noise.is_none() ? 0.0 : positive_from(noise, "noise", "a positive finite number or None");
  return o;
}

py::tuple fit_segments(py::handle positions_, py::handle times_, py::handle weights_, py::handle visible_,
                       py::handle dt, py::handle order, py::handle max_segments, py::handle min_points,
                       py::handle criterion, py::handle noise, py::handle num_threads) {
  const Array positions(positions_, "positions");
  positions.require_float();
  if (positions.ndim() != 3) positions.bad("shape (B, T, D)", positions.shape_text());
  const int64_t B = positions.shape(0), T = positions.shape(1), D = positions.shape(2);
  if (D < 1 || D > 4) positions.bad("1 to 4 coordinates D", std::to_string(D));
  if (T > kMostFrames) positions.bad("at most " + std::to_string(kMostFrames) + " frames", std::to_string(T));
  const Array times = Array::optional(times_, "times"), weights = Array::optional(weights_, "weights"),
              visible = Array::optional(visible_, "visible");
  if (times.given() && times.ndim() == 1) times.require_shape("(T,) or (B, T)", {T});
  else times.require_shape("(T,) or (B, T)", {B, T});
  weights.require_shape("(B, T)", {B, T});
  visible.require_shape("(B, T)", {B, T});
  for (const Array* a : {&times, &weights}) a->require_dtype_of(positions), a->require_device_of(positions);
  visible.require_visibility_dtype(), visible.require_device_of(positions);
  Options options = options_from(dt, order, max_segments, min_points, criterion, noise);
  if (times.given() && options.dt != 1.0) bad_value("dt", "1.0 when times are given", py::str(dt));
  if (options.max_segments > 2 && T > kMostFramesOfTriangle)
    positions.bad("at most " + std::to_string(kMostFramesOfTriangle) +
                      " frames for max_segments above 2 (the search takes T^2 steps)",
                  std::to_string(T));
  if (options.min_points > T) options.min_points = T + 1;  // no track has as many
  return visit_float(positions, [&](auto zero) {
    return call<decltype(zero)>(positions, times, weights, visible, options, num_threads);
  });
}

}  // namespace

void bind_fit_segments(py::module_& m) {
  m.def("fit_segments", &fit_segments, py::arg("positions"), py::arg("times"), py::arg("weights"), py::arg("visible"),
        py::arg("dt"), py::arg("order"), py::arg("max_segments"), py::arg("min_points"), py::arg("criterion"),
        py::arg("noise"), py::arg("num_threads"));
}

}  // namespace bindings
}  // namespace kinetrace
