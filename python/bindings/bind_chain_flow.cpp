// chain_flow: array arguments to back end arguments.
#include <kinetrace/backends.hpp>

#include "arrays.hpp"
#include "bindings.hpp"
#include "module_device.hpp"
#include "scalars.hpp"

namespace kinetrace {
namespace bindings {
namespace {

constexpr int64_t kLargestSide = int64_t(1) << 24;  // as in core/sampling.hpp

// Start frames in host memory are looked at; on a device that would wait for it, so there a bad one leaves its point absent.
template <class T> void require_frames(const Array& start, const Strided<const T, 2>& frames, int64_t problems,
                                       int64_t points, int64_t steps) {
  for (int64_t b = 0; b < problems; ++b)
    for (int64_t n = 0; n < points; ++n) {
      const int64_t frame = frames.data[b * frames.stride[0] + n * frames.stride[1]];
      if (frame < 0 || frame > steps)
        start.bad("frames 0 to " + std::to_string(steps), std::to_string(frame) + " for point " + std::to_string(n));
    }
}

struct Arguments {
  Array flow, points, backward, start_each;
  int64_t start;
  bool limited;
  double max_cycle_error;
  py::handle num_threads;
};

template <class T> py::tuple call(const Arguments& in, bool batched) {
  ChainFlowArgs<T> a;
  const int first = batched ? 1 : 0;
  a.problems = batched ? in.flow.shape(0) : 1;
  a.steps = in.flow.shape(first), a.height = in.flow.shape(first + 2), a.width = in.flow.shape(first + 3);
  a.points = in.points.shape(first);
  a.flow = in.flow.view<const T, 5>(), a.backward_flow = in.backward.view<const T, 5>();
  a.origins = in.points.view<const T, 3>();
  a.start = in.start;
  if (in.start_each.given() && in.start_each.dtype() == DType::int32)
    a.start32 = in.start_each.view<const int32_t, 2>();
  if (in.start_each.given() && in.start_each.dtype() == DType::int64)
    a.start64 = in.start_each.view<const int64_t, 2>();
  if (kModuleIsCpu && a.start32.data) require_frames(in.start_each, a.start32, a.problems, a.points, a.steps);
  if (kModuleIsCpu && a.start64.data) require_frames(in.start_each, a.start64, a.problems, a.points, a.steps);
  a.limited = in.limited, a.max_cycle_error = in.max_cycle_error;

  const int64_t B = a.problems, R = a.steps + 1, N = a.points;
  const Array& like = in.flow;
  const bool back = in.backward.given();
  Output positions, visible, error;
  if (batched) {
    positions = allocate<T>(like, {B, R, N, 2}), visible = allocate(like, DType::boolean, {B, R, N});
    if (back) error = allocate<T>(like, {B, R, N});
  } else {
    positions = allocate<T>(like, {R, N, 2}), visible = allocate(like, DType::boolean, {R, N});
    if (back) error = allocate<T>(like, {R, N});
  }
  a.positions = positions.as<T>(), a.visible = visible.as<uint8_t>(), a.cycle_error = error.as<T>();
  const Launch launch = launch_for(like, in.num_threads);
  run([&] { return KT_BACKEND::chain_flow(a, launch); });
  return py::make_tuple(positions.object, visible.object, back ? error.object : py::object(py::none()));
}

py::tuple chain_flow(py::handle flow_, py::handle points_, py::handle backward_, py::handle start_each_,
                     py::handle start, py::handle max_cycle_error, py::handle num_threads) {
  Arguments in{Array(flow_, "flow"),
               Array(points_, "points"),
               Array::optional(backward_, "backward_flow"),
               Array::optional(start_each_, "start"),
               0,
               !max_cycle_error.is_none(),
               0,
               num_threads};
  const Array& flow = in.flow;
  flow.require_float();
  const int rank = flow.ndim();
  if (rank != 4 && rank != 5) flow.bad("shape (T, 2, H, W) or (B, T, 2, H, W)", flow.shape_text());
  const bool batched = rank == 5;
  const int k = batched ? 1 : 0;
  const int64_t B = flow.shape(0), T = flow.shape(k), H = flow.shape(k + 2), W = flow.shape(k + 3);
  if (flow.shape(k + 1) != 2) flow.bad("2 channels", std::to_string(flow.shape(k + 1)));
  if (H > kLargestSide || W > kLargestSide) flow.bad("at most 16777216 pixels a side", flow.shape_text());
  if (batched) in.points.require_shape("(B, N, 2)", {B, -1, 2});
  else in.points.require_shape("(N, 2)", {-1, 2});
  const int64_t N = in.points.shape(k);
  if (batched) in.backward.require_shape("(B, T, 2, H, W)", {B, T, 2, H, W});
  else in.backward.require_shape("(T, 2, H, W)", {T, 2, H, W});
  for (const Array* a : {&in.points, &in.backward}) a->require_dtype_of(flow), a->require_device_of(flow);
  in.start_each.require_integer(), in.start_each.require_device_of(flow);
  if (batched && in.start_each.given() && in.start_each.ndim() == 2)
    in.start_each.require_shape("(N,) or (B, N)", {B, N});
  else in.start_each.require_shape(batched ? "(N,) or (B, N)" : "(N,)", {N});
  if (!in.start_each.given())
    in.start = int_from(start, "start", 0, T, ("a frame 0 to " + std::to_string(T) + " or an array of them").c_str());
  if (in.limited) {
    in.max_cycle_error = real_from(max_cycle_error, "max_cycle_error", "a number of pixels >= 0 or None");
    if (!(in.max_cycle_error >= 0))
      bad_value("max_cycle_error", "a number of pixels >= 0 or None", py::str(max_cycle_error));
    if (!in.backward.given()) bad_value("max_cycle_error", "None without backward_flow", py::str(max_cycle_error));
  }
  return visit_float(flow, [&](auto zero) { return call<decltype(zero)>(in, batched); });
}

}  // namespace

void bind_chain_flow(py::module_& m) {
  m.def("chain_flow", &chain_flow, py::arg("flow"), py::arg("points"), py::arg("backward_flow"), py::arg("start_each"),
        py::arg("start"), py::arg("max_cycle_error"), py::arg("num_threads"));
}

}  // namespace bindings
}  // namespace kinetrace
