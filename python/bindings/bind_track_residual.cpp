// track_residual and its gradient: array arguments to back end arguments.
#include <kinetrace/backends.hpp>

#include "arrays.hpp"
#include "bindings.hpp"
#include "scalars.hpp"

namespace kinetrace {
namespace bindings {
namespace {

// Everything that forward and backward are told alike.
struct Options {
  bool batched = false;
  int64_t B = 1, T = 0, N = 0, D = 0;
  ResidualNorm norm = ResidualNorm::squared;
  ResidualReduction reduction = ResidualReduction::mean;
  double dt = 1;

  bool field() const { return reduction == ResidualReduction::none; }
  bool is_signed() const { return norm == ResidualNorm::signed_; }
};

Options parse(const Array& positions, const Array& visible, py::handle dt, py::handle norm, py::handle reduction) {
  Options o;
  const ResidualNorm norms[] = {ResidualNorm::squared, ResidualNorm::absolute, ResidualNorm::signed_};
  const ResidualReduction reductions[] = {ResidualReduction::mean, ResidualReduction::mean_elements,
                                          ResidualReduction::sum, ResidualReduction::none};
  o.norm = norms[choice_from(norm, "norm", {"squared", "abs", "signed"}, false)];
  o.reduction = reductions[choice_from(reduction, "reduction", {"mean", "mean_elements", "sum", "none"}, false)];
  positions.require_float();
  const int n = positions.ndim();
  if (n != 3 && n != 4) positions.bad("shape (B, T, N, D) or (T, N, D)", positions.shape_text());
  o.batched = n == 4;
  o.B = o.batched ? positions.shape(0) : 1;
  o.T = positions.shape(n - 3), o.N = positions.shape(n - 2), o.D = positions.shape(n - 1);
  if (o.T < 4) positions.bad("at least 4 frames T", std::to_string(o.T));
  if (o.D < 1 || o.D > 4) positions.bad("1 to 4 coordinates D", std::to_string(o.D));
  visible.require_visibility_dtype(), visible.require_device_of(positions);
  if (o.batched && visible.given() && visible.ndim() == 3) visible.require_shape("(B, T, N)", {o.B, o.T, o.N});
  else visible.require_shape("(T, N)", {o.T, o.N});
  o.dt = positive_from(dt, "dt", "a positive finite number");
  return o;
}

template <class T> TrackResidualArgs<T> arguments(const Array& positions, const Array& visible, const Options& o) {
  TrackResidualArgs<T> a;
  a.problems = o.B, a.frames = o.T, a.tracks = o.N, a.dims = int(o.D);
  a.positions = positions.view<const T, 4>(), a.visible = visible.view<const uint8_t, 3>();
  a.norm = o.norm, a.reduction = o.reduction, a.dt = o.dt;
  return a;
}

template <class T> Output allocate_value(const Array& like, const Options& o) {
  if (o.field()) {
    if (o.batched)
      return o.is_signed() ? allocate<T>(like, {o.B, o.T - 3, o.N, o.D}) : allocate<T>(like, {o.B, o.T - 3, o.N});
    return o.is_signed() ? allocate<T>(like, {o.T - 3, o.N, o.D}) : allocate<T>(like, {o.T - 3, o.N});
  }
  if (o.batched) return o.is_signed() ? allocate<T>(like, {o.B, o.D}) : allocate<T>(like, {o.B});
  return o.is_signed() ? allocate<T>(like, {o.D}) : allocate<T>(like, {});
}

py::tuple forward(py::handle positions_, py::handle visible_, py::handle dt, py::handle norm, py::handle reduction,
                  py::handle num_threads) {
  const Array positions(positions_, "positions"), visible = Array::optional(visible_, "visible");
  const Options o = parse(positions, visible, dt, norm, reduction);
  return visit_float(positions, [&](auto zero) {
    using T = decltype(zero);
    TrackResidualArgs<T> a = arguments<T>(positions, visible, o);
    const Output value = allocate_value<T>(positions, o), count = allocate<double>(positions, {o.field() ? 0 : o.B});
    const Output workspace = allocate<double>(positions, {KT_BACKEND::track_residual_workspace(a)});
    a.value = value.as<T>(), a.count = count.as<double>(), a.workspace = workspace.as<double>();
    const Launch launch = launch_for(positions, num_threads);
    run([&] { return KT_BACKEND::track_residual(a, launch); });
    return py::make_tuple(value.object, count.object);
  });
}

void check_upstream(const Array& upstream, const Array& positions, const Options& o) {
  upstream.require_dtype_of(positions), upstream.require_device_of(positions);
  const char* axes = "like the value";
  if (o.field()) {
    if (o.batched && o.is_signed()) return upstream.require_shape(axes, {o.B, o.T - 3, o.N, o.D});
    if (o.batched) return upstream.require_shape(axes, {o.B, o.T - 3, o.N});
    return o.is_signed() ? upstream.require_shape(axes, {o.T - 3, o.N, o.D})
                         : upstream.require_shape(axes, {o.T - 3, o.N});
  }
  if (o.batched && o.is_signed()) return upstream.require_shape(axes, {o.B, o.D});
  if (o.batched) return upstream.require_shape(axes, {o.B});
  return o.is_signed() ? upstream.require_shape(axes, {o.D}) : upstream.require_shape(axes, {});
}

// Upstream arrays lack the coordinate axis unless the norm is signed.
template <class T> void set_upstream(const Array& upstream, const Options& o, TrackResidualArgs<T>& a) {
  if (o.is_signed()) {
    if (o.field()) a.upstream_field = upstream.view<const T, 4>();
    else a.upstream = upstream.view<const T, 2>();
    return;
  }
  if (o.field()) {
    const Strided<const T, 3> v = upstream.view<const T, 3>();
    a.upstream_field = {v.data, {v.extent[0], v.extent[1], v.extent[2], 1}, {v.stride[0], v.stride[1], v.stride[2], 0}};
  } else {
    const Strided<const T, 1> v = upstream.view<const T, 1>();
    a.upstream = {v.data, {v.extent[0], 1}, {v.stride[0], 0}};
  }
}

py::object backward(py::handle upstream_, py::handle positions_, py::handle visible_, py::handle count_, py::handle dt,
                    py::handle norm, py::handle reduction, py::handle num_threads) {
  const Array upstream(upstream_, "upstream"), positions(positions_, "positions"),
      visible = Array::optional(visible_, "visible"), count(count_, "count");
  const Options o = parse(positions, visible, dt, norm, reduction);
  check_upstream(upstream, positions, o);
  if (count.dtype() != DType::float64) count.bad("float64", name_of(count.dtype()));
  count.require_shape("(B,)", {o.field() ? 0 : o.B}), count.require_device_of(positions);
  return visit_float(positions, [&](auto zero) {
    using T = decltype(zero);
    TrackResidualArgs<T> a = arguments<T>(positions, visible, o);
    set_upstream(upstream, o, a);
    const Output gradient =
        o.batched ? allocate<T>(positions, {o.B, o.T, o.N, o.D}) : allocate<T>(positions, {o.T, o.N, o.D});
    a.gradient = gradient.as<T>(), a.count = static_cast<double*>(count.data());
    const Launch launch = launch_for(positions, num_threads);
    run([&] { return KT_BACKEND::track_residual_backward(a, launch); });
    return gradient.object;
  });
}

}  // namespace

void bind_track_residual(py::module_& m) {
  m.def("track_residual", &forward, py::arg("positions"), py::arg("visible"), py::arg("dt"), py::arg("norm"),
        py::arg("reduction"), py::arg("num_threads"));
  m.def("track_residual_backward", &backward, py::arg("upstream"), py::arg("positions"), py::arg("visible"),
        py::arg("count"), py::arg("dt"), py::arg("norm"), py::arg("reduction"), py::arg("num_threads"));
}

}  // namespace bindings
}  // namespace kinetrace
