// Sequences, lengths, metrics and windows of hard and soft DTW.
#include "bind_alignment.hpp"
#include "module_device.hpp"
#include "scalars.hpp"

namespace kinetrace {
namespace bindings {
namespace {

constexpr int64_t kLongest = int64_t(1) << 30;  // so that a path's length fits 32 bits

template <class T> void require_range(const Array& lengths, int64_t extent) {
  const auto v = lengths.view<const T, 1>();
  for (int64_t b = 0; b < v.extent[0]; ++b) {
    const int64_t length = v.data[b * v.stride[0]];
    if (length < 0 || length > extent)
      lengths.bad("lengths 0 to " + std::to_string(extent), std::to_string(length) + " at " + std::to_string(b));
  }
}

}  // namespace

void require_sequences(const Array& x, const Array& y) {
  x.require_float();
  if (x.ndim() != 2 && x.ndim() != 3) x.bad("shape (B, N) or (B, N, D)", x.shape_text());
  y.require_dtype_of(x), y.require_device_of(x);
  if (x.ndim() == 2) y.require_shape("(B, M)", {-1, -1});
  else y.require_shape("(B, M, D)", {-1, -1, x.shape(2)});
  if (x.ndim() == 3 && x.shape(2) == 0) x.bad("at least one coordinate", x.shape_text());
  for (const Array* a : {&x, &y})
    if (a->shape(1) > kLongest) a->bad("sequences of at most 1073741824 samples", a->shape_text());
}

const Array& require_alignment(const Array& x, const Array& y, const Array& cost, const Array& x_lengths,
                               const Array& y_lengths) {
  const Array& like = cost.given() ? cost : x;
  if (cost.given()) {
    cost.require_float();
    cost.require_shape("(B, N, M)", {-1, -1, -1});
  } else {
    require_sequences(x, y);
  }
  for (const Array* lengths : {&x_lengths, &y_lengths}) lengths->require_integer(), lengths->require_device_of(like);
  return like;
}

int64_t zipped_count(const Array& x, const Array& y) {
  const int64_t bx = x.shape(0), by = y.shape(0);
  if (bx != by && bx != 1 && by != 1) y.bad("a batch of " + std::to_string(bx) + " or 1 like x", std::to_string(by));
  return bx == 1 ? by : bx;
}

SequenceLengths lengths_from(const Array& lengths, int64_t count, int64_t own, int64_t extent) {
  SequenceLengths out;
  out.extent = extent;
  if (!lengths.given()) return out;
  if (lengths.ndim() != 1 || (lengths.shape(0) != count && lengths.shape(0) != own))
    lengths.require_shape("(B,)", {count});
  out.stride = lengths.view<const int32_t, 1>().stride[0];
  if (lengths.dtype() == DType::int32) {
    if (kModuleIsCpu) require_range<int32_t>(lengths, extent);
    out.data32 = static_cast<const int32_t*>(lengths.data());
  } else {
    if (kModuleIsCpu) require_range<int64_t>(lengths, extent);
    out.data64 = static_cast<const int64_t*>(lengths.data());
  }
  return out;
}

Metric metric_from(py::handle metric, py::handle user, int64_t dims, UserMetric& callback) {
  if (!user.is_none()) {
    if (!kModuleIsCpu) bad_value("metric", "a named metric on this device", "a compiled callback");
    const auto parts = py::reinterpret_borrow<py::tuple>(user);
    callback.function = reinterpret_cast<void*>(parts[0].cast<std::uintptr_t>());
    callback.takes_data = !parts[1].is_none();
    if (callback.takes_data) callback.data = reinterpret_cast<void*>(parts[1].cast<std::uintptr_t>());
    return Metric::user;
  }
  const auto named = Metric(choice_from(metric, "metric", {"sqeuclidean", "euclidean", "l1", "cosine", "dot"}, false));
  return named == Metric::euclidean && dims == 1 ? Metric::l1 : named;
}

Window window_from(py::handle window) {
  const char* expected = "None, an int >= 0 or a float 0 to 1";
  Window out;
  if (window.is_none()) return out;
  out.limited = true;
  if (!PyBool_Check(window.ptr()) && PyIndex_Check(window.ptr())) {
    out.radius = double(int_from(window, "window", 0, int64_t(1) << 53, expected));
    return out;
  }
  out.relative = true;
  out.radius = real_from(window, "window", expected);
  if (!(out.radius >= 0 && out.radius <= 1)) bad_value("window", expected, std::to_string(out.radius));
  return out;
}

}  // namespace bindings
}  // namespace kinetrace
