// kinematic_residual and its gradient: array arguments to back end arguments.
#include <kinetrace/backends.hpp>

#include "arrays.hpp"
#include "bindings.hpp"
#include "huge_pages.hpp"
#include "scalars.hpp"

namespace kinetrace {
namespace bindings {
namespace {

// Everything that forward and backward are told alike.
struct Options {
  bool batched = false;
  int64_t B = 1, T = 0, H = 0, W = 0;
  bool advected = false;
  ResidualNorm norm = ResidualNorm::squared;
  ResidualReduction reduction = ResidualReduction::mean;
  MaskRule rule = MaskRule::center;
  int iterations = 0;
  double dt = 1;

  int64_t channels() const { return norm == ResidualNorm::signed_ ? 2 : 1; }
};

void check_flow(const Array& flow, Options& o) {
  flow.require_float();
  const int n = flow.ndim();
  if (n != 4 && n != 5) flow.bad("shape (B, T, 2, H, W) or (T, 2, H, W)", flow.shape_text());
  o.batched = n == 5;
  o.B = o.batched ? flow.shape(0) : 1;
  o.T = flow.shape(n - 4), o.H = flow.shape(n - 2), o.W = flow.shape(n - 1);
  if (flow.shape(n - 3) != 2) flow.bad("2 channels", std::to_string(flow.shape(n - 3)));
  if (o.T < 3) flow.bad("at least 3 frames T", std::to_string(o.T));
  if (o.H && o.W > ((int64_t(1) << 31) - 1) / o.H)
    flow.bad("images of fewer than 2147483648 pixels", flow.shape_text());
  if (o.T > (int64_t(1) << 24) || o.H > (int64_t(1) << 24) || o.W > (int64_t(1) << 24))
    flow.bad("extents up to 16777216", flow.shape_text());
}

void check_mask(const Array& mask, const Array& flow, const Options& o) {
  const bool explicit_rule = o.rule == MaskRule::explicit_;
  if (!mask.given()) {
    if (explicit_rule) bad_value("mask", "weights (B, T-2, H, W) with mask_rule 'explicit'", "None");
    return;
  }
  if (mask.dtype() != DType::boolean && mask.dtype() != DType::uint8 && mask.dtype() != flow.dtype())
    mask.bad(std::string("bool, uint8 or ") + name_of(flow.dtype()) + " like flow", name_of(mask.dtype()));
  mask.require_device_of(flow);
  const int64_t frames = explicit_rule ? o.T - 2 : o.T;
  if (o.batched && mask.ndim() == 4)
    mask.require_shape(explicit_rule ? "(B, T-2, H, W)" : "(B, T, H, W)", {o.B, frames, o.H, o.W});
  else mask.require_shape(explicit_rule ? "(T-2, H, W)" : "(T, H, W)", {frames, o.H, o.W});
}

Options parse(const Array& flow, const Array& mask, py::handle mode, py::handle norm, py::handle reduction,
              py::handle dt, py::handle mask_rule, py::handle iterations) {
  Options o;
  const ResidualNorm norms[] = {ResidualNorm::squared, ResidualNorm::absolute, ResidualNorm::signed_};
  const ResidualReduction reductions[] = {ResidualReduction::mean, ResidualReduction::mean_elements,
                                          ResidualReduction::sum, ResidualReduction::none};
  const MaskRule rules[] = {MaskRule::center, MaskRule::all, MaskRule::any, MaskRule::explicit_};
  o.advected = choice_from(mode, "mode", {"eulerian", "advected"}, false) == 1;
  o.norm = norms[choice_from(norm, "norm", {"squared", "abs", "signed"}, false)];
  o.reduction = reductions[choice_from(reduction, "reduction", {"mean", "mean_elements", "sum", "none"}, false)];
  o.rule = rules[choice_from(mask_rule, "mask_rule", {"center", "all", "any", "explicit"}, false)];
  check_flow(flow, o);
  check_mask(mask, flow, o);
  const char* held = "a positive number that the dtype of flow holds";
  o.dt = positive_from(dt, "dt", held);
  if (flow.dtype() == DType::float32 && !(float(o.dt) >= 1.17549435e-38f && float(o.dt) <= 3.4028234e38f))
    bad_value("dt", held, py::str(dt));
  const std::string range = "an int from 0 to " + std::to_string(kResidualMaxIterations);
  o.iterations = int(int_from(iterations, "iterations", 0, kResidualMaxIterations, range.c_str()));
  if (!o.advected && o.iterations != 0) bad_value("iterations", "0 in mode 'eulerian'", std::to_string(o.iterations));
  return o;
}

template <class T> KinematicResidualArgs<T> arguments(const Array& flow, const Array& mask, const Options& o) {
  KinematicResidualArgs<T> a;
  a.problems = o.B, a.frames = o.T, a.height = o.H, a.width = o.W;
  a.flow = flow.view<const T, 5>();
  if (mask.given() && mask.dtype() == flow.dtype()) a.mask_values = mask.view<const T, 4>();
  else a.mask_bytes = mask.view<const uint8_t, 4>();
  a.mask_rule = o.rule, a.norm = o.norm, a.reduction = o.reduction, a.advected = o.advected,
  a.iterations = o.iterations, a.dt = o.dt;
  return a;
}

template <class T> Output allocate_value(const Array& flow, const Options& o) {
  const bool is_signed = o.norm == ResidualNorm::signed_;
  if (o.reduction == ResidualReduction::none) {
    if (o.batched)
      return is_signed ? allocate<T>(flow, {o.B, o.T - 2, 2, o.H, o.W}) : allocate<T>(flow, {o.B, o.T - 2, o.H, o.W});
    return is_signed ? allocate<T>(flow, {o.T - 2, 2, o.H, o.W}) : allocate<T>(flow, {o.T - 2, o.H, o.W});
  }
  if (o.batched) return is_signed ? allocate<T>(flow, {o.B, 2}) : allocate<T>(flow, {o.B});
  return is_signed ? allocate<T>(flow, {2}) : allocate<T>(flow, {});
}

py::tuple forward(py::handle flow_, py::handle mask_, py::handle mode, py::handle norm, py::handle reduction,
                  py::handle dt, py::handle mask_rule, py::handle iterations, py::handle num_threads) {
  const Array flow(flow_, "flow"), mask = Array::optional(mask_, "mask");
  const Options o = parse(flow, mask, mode, norm, reduction, dt, mask_rule, iterations);
  const bool field = o.reduction == ResidualReduction::none;
  return visit_float(flow, [&](auto zero) {
    using T = decltype(zero);
    KinematicResidualArgs<T> a = arguments<T>(flow, mask, o);
    const Output value = allocate_value<T>(flow, o), total = allocate<double>(flow, {field ? 0 : o.B});
    a.value = value.as<T>(), a.total_weight = total.as<double>();
    if (field) advise_huge_pages(value.data, o.B * (o.T - 2) * o.channels() * o.H * o.W * int64_t(sizeof(T)));
    const Output workspace = allocate<double>(flow, {KT_BACKEND::kinematic_residual_workspace(a)});
    a.workspace = workspace.data;
    const Launch launch = launch_for(flow, num_threads);
    run([&] { return KT_BACKEND::kinematic_residual(a, launch); });
    return py::make_tuple(value.object, total.object);
  });
}

// Upstream fields lack the channel axis unless the norm is signed.
template <class T> Strided<const T, 5> field_view(const Array& upstream, const Options& o) {
  if (o.channels() == 2) return upstream.view<const T, 5>();
  const Strided<const T, 4> v = upstream.view<const T, 4>();
  return {v.data,
          {v.extent[0], v.extent[1], 1, v.extent[2], v.extent[3]},
          {v.stride[0], v.stride[1], 0, v.stride[2], v.stride[3]}};
}

// Upstream values likewise; of an unbatched call they are () or (2,).
template <class T> Strided<const T, 2> value_view(const Array& upstream, const Options& o) {
  if (o.channels() == 2) return upstream.view<const T, 2>();
  const Strided<const T, 1> v = upstream.view<const T, 1>();
  return {v.data, {v.extent[0], 1}, {v.stride[0], 0}};
}

void check_upstream(const Array& upstream, const Array& flow, const Options& o) {
  upstream.require_dtype_of(flow), upstream.require_device_of(flow);
  const bool is_signed = o.channels() == 2;
  const char* axes = "like the value";
  if (o.reduction == ResidualReduction::none) {
    if (o.batched && is_signed) return upstream.require_shape(axes, {o.B, o.T - 2, 2, o.H, o.W});
    if (o.batched) return upstream.require_shape(axes, {o.B, o.T - 2, o.H, o.W});
    return is_signed ? upstream.require_shape(axes, {o.T - 2, 2, o.H, o.W})
                     : upstream.require_shape(axes, {o.T - 2, o.H, o.W});
  }
  if (o.batched && is_signed) return upstream.require_shape(axes, {o.B, 2});
  if (o.batched) return upstream.require_shape(axes, {o.B});
  return is_signed ? upstream.require_shape(axes, {2}) : upstream.require_shape(axes, {});
}

py::object backward(py::handle upstream_, py::handle flow_, py::handle mask_, py::handle total_, py::handle mode,
                    py::handle norm, py::handle reduction, py::handle dt, py::handle mask_rule, py::handle iterations,
                    py::handle num_threads) {
  const Array upstream(upstream_, "upstream"), flow(flow_, "flow"), mask = Array::optional(mask_, "mask"),
                                                                    total(total_, "total_weight");
  const Options o = parse(flow, mask, mode, norm, reduction, dt, mask_rule, iterations);
  const bool field = o.reduction == ResidualReduction::none;
  check_upstream(upstream, flow, o);
  if (total.dtype() != DType::float64) total.bad("float64", name_of(total.dtype()));
  total.require_shape("(B,)", {field ? 0 : o.B});
  return visit_float(flow, [&](auto zero) {
    using T = decltype(zero);
    KinematicResidualArgs<T> a = arguments<T>(flow, mask, o);
    if (field) a.upstream_field = field_view<T>(upstream, o);
    else a.upstream = value_view<T>(upstream, o);
    const Output gradient =
        o.batched ? allocate<T>(flow, {o.B, o.T, 2, o.H, o.W}) : allocate<T>(flow, {o.T, 2, o.H, o.W});
    advise_huge_pages(gradient.data, o.B * o.T * 2 * o.H * o.W * int64_t(sizeof(T)));
    a.gradient = gradient.as<T>(), a.total_weight = static_cast<double*>(total.data());
    const Output workspace = allocate<double>(flow, {KT_BACKEND::kinematic_residual_workspace(a)});
    a.workspace = workspace.data;
    const Launch launch = launch_for(flow, num_threads);
    run([&] { return KT_BACKEND::kinematic_residual_backward(a, launch); });
    return gradient.object;
  });
}

}  // namespace

void bind_kinematic_residual(py::module_& m) {
  m.def("kinematic_residual", &forward, py::arg("flow"), py::arg("mask"), py::arg("mode"), py::arg("norm"),
        py::arg("reduction"), py::arg("dt"), py::arg("mask_rule"), py::arg("iterations"), py::arg("num_threads"));
  m.def("kinematic_residual_backward", &backward, py::arg("upstream"), py::arg("flow"), py::arg("mask"),
        py::arg("total_weight"), py::arg("mode"), py::arg("norm"), py::arg("reduction"), py::arg("dt"),
        py::arg("mask_rule"), py::arg("iterations"), py::arg("num_threads"));
}

}  // namespace bindings
}  // namespace kinetrace
