// masks: array arguments to back end arguments.
#include <kinetrace/backends.hpp>

#include "arrays.hpp"
#include "bindings.hpp"

namespace kinetrace {
namespace bindings {
namespace {

void check_masks(const Array& masks) {
  masks.require_visibility_dtype();
  const int n = masks.ndim();
  if (n != 3 && n != 4) masks.bad("shape (B, T, H, W) or (T, H, W)", masks.shape_text());
  if (masks.shape(n - 2) > kLargestMaskSide || masks.shape(n - 1) > kLargestMaskSide)
    masks.bad("at most 32767 pixels a side", masks.shape_text());
}

MasksArgs arguments(const Array& masks) {
  check_masks(masks);
  const int n = masks.ndim();
  MasksArgs a;
  a.problems = n == 4 ? masks.shape(0) : 1;
  a.frames = masks.shape(n - 3), a.height = masks.shape(n - 2), a.width = masks.shape(n - 1);
  a.a = masks.view<const uint8_t, 4>();
  return a;
}

using Kernel = Outcome (*)(const MasksArgs&, const Launch&);

// (B, T) or (T,).
py::object over_frames(const Array& masks, MasksArgs a, int64_t workspace_bytes, Kernel kernel,
                       py::handle num_threads) {
  const Output value =
      masks.ndim() == 4 ? allocate<double>(masks, {a.problems, a.frames}) : allocate<double>(masks, {a.frames});
  const Output workspace = allocate<double>(masks, {(workspace_bytes + 7) / 8});
  a.value = value.as<double>(), a.workspace = workspace.data;
  const Launch launch = launch_for(masks, num_threads);
  run([&] { return kernel(a, launch); });
  return value.object;
}

MasksArgs pair_arguments(const Array& a, const Array& b) {
  MasksArgs args = arguments(a);
  b.require_visibility_dtype(), b.require_device_of(a);
  if (a.ndim() == 4) b.require_shape("(B, T, H, W) of a", {args.problems, args.frames, args.height, args.width});
  else b.require_shape("(T, H, W) of a", {args.frames, args.height, args.width});
  args.b = b.view<const uint8_t, 4>();
  return args;
}

py::object mask_centroids(py::handle masks_, py::handle num_threads) {
  const Array masks(masks_, "masks");
  MasksArgs a = arguments(masks);
  const Output value =
      masks.ndim() == 4 ? allocate<double>(masks, {a.problems, a.frames, 2}) : allocate<double>(masks, {a.frames, 2});
  const Output workspace = allocate<double>(masks, {(KT_BACKEND::mask_centroids_workspace(a) + 7) / 8});
  a.value = value.as<double>(), a.workspace = workspace.data;
  const Launch launch = launch_for(masks, num_threads);
  run([&] { return KT_BACKEND::mask_centroids(a, launch); });
  return value.object;
}

py::object mask_iou(py::handle a_, py::handle b_, py::handle num_threads) {
  const Array a(a_, "a"), b(b_, "b");
  const MasksArgs args = pair_arguments(a, b);
  return over_frames(a, args, KT_BACKEND::mask_iou_workspace(args), &KT_BACKEND::mask_iou, num_threads);
}

py::object mask_chamfer(py::handle a_, py::handle b_, py::handle num_threads) {
  const Array a(a_, "a"), b(b_, "b");
  const MasksArgs args = pair_arguments(a, b);
  return over_frames(a, args, KT_BACKEND::mask_chamfer_workspace(args), &KT_BACKEND::mask_chamfer, num_threads);
}

}  // namespace

void bind_masks(py::module_& m) {
  m.def("mask_centroids", &mask_centroids, py::arg("masks"), py::arg("num_threads"));
  m.def("mask_iou", &mask_iou, py::arg("a"), py::arg("b"), py::arg("num_threads"));
  m.def("mask_chamfer", &mask_chamfer, py::arg("a"), py::arg("b"), py::arg("num_threads"));
}

}  // namespace bindings
}  // namespace kinetrace
