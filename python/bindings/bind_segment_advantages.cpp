// segment_advantages: array arguments to back end arguments. The advantages per segment come from group_advantages.
#include <kinetrace/backends.hpp>

#include "arrays.hpp"
#include "bindings.hpp"
#include "scalars.hpp"

namespace kinetrace {
namespace bindings {
namespace {

// bool is refused: False could mean segment 0 as well as no segment.
SegmentId id_of(const Array& segments) {
  switch (segments.dtype()) {
    case DType::int8: return SegmentId::int8;
    case DType::uint8: return SegmentId::uint8;
    case DType::int32: return SegmentId::int32;
    case DType::int64: return SegmentId::int64;
    default: segments.bad("int8, uint8, int32 or int64", name_of(segments.dtype()));
  }
}

py::object segment_advantages(py::handle advantages_, py::handle segments_, py::handle columns_,
                              py::handle num_threads) {
  const Array advantages(advantages_, "advantages"), segments(segments_, "segments");
  advantages.require_float();
  if (advantages.ndim() != 2) advantages.bad("shape (B, K)", advantages.shape_text());
  const int64_t B = advantages.shape(0);
  const int64_t K = int_from(columns_, "columns", 1, 1 << 30, "a positive int");
  advantages.require_shape("(B, K)", {B, advantages.shape(1) == 1 ? 1 : K});
  const SegmentId id = id_of(segments);
  segments.require_device_of(advantages);
  segments.require_shape("(B, T)", {B, segments.ndim() == 2 ? segments.shape(1) : -1});
  return visit_float(advantages, [&](auto zero) {
    using T = decltype(zero);
    SegmentAdvantagesArgs<T> a;
    a.rows = B, a.tokens = segments.shape(1), a.columns = K;
    a.advantages = advantages.view<const T, 2>();
    a.segments = segments.view<const void, 2>(), a.id = id;
    const Output value = allocate<T>(advantages, {B, a.tokens});
    a.value = value.as<T>();
    const Launch launch = launch_for(advantages, num_threads);
    run([&] { return KT_BACKEND::segment_advantages(a, launch); });
    return value.object;
  });
}

}  // namespace

void bind_segment_advantages(py::module_& m) {
  m.def("segment_advantages", &segment_advantages, py::arg("advantages"), py::arg("segments"), py::arg("columns"),
        py::arg("num_threads"));
}

}  // namespace bindings
}  // namespace kinetrace
