// soft_dtw: array arguments to back end arguments. One function serves all of Python's.
#include <kinetrace/backends.hpp>

#include <string>

#include "arrays.hpp"
#include "bind_alignment.hpp"
#include "bindings.hpp"
#include "scalars.hpp"

namespace kinetrace {
namespace bindings {
namespace {

struct Arguments {
  Array x, y, cost, x_lengths, y_lengths;
  py::handle metric, window, num_threads;
  double gamma;
  bool x_gradient, y_gradient, alignment, rewards;
  int64_t kept_bytes;
};

// Shaped like the samples, but with the batch of the pairs.
template <class T> Output allocate_slopes(const Array& like, int64_t pairs) {
  if (like.ndim() == 2) return allocate<T>(like, {pairs, like.shape(1)});
  return allocate<T>(like, {pairs, like.shape(1), like.shape(2)});
}

template <class T> py::tuple call(const Arguments& in) {
  SoftDtwArgs<T> a;
  const bool given = in.cost.given();
  const Array& like = given ? in.cost : in.x;
  if (given) {
    a.metric = Metric::given;
    a.cost = in.cost.view<const T, 3>();
    a.pairs = in.cost.shape(0), a.rows = in.cost.shape(1), a.columns = in.cost.shape(2);
  } else {
    UserMetric none;
    a.x = sequence_view<T>(in.x), a.y = sequence_view<T>(in.y);
    a.pairs = zipped_count(in.x, in.y), a.rows = a.x.extent[1], a.columns = a.y.extent[1], a.dims = a.x.extent[2];
    a.metric = metric_from(in.metric, py::none(), a.dims, none);
  }
  a.x_lengths = lengths_from(in.x_lengths, a.pairs, given ? a.pairs : in.x.shape(0), a.rows);
  a.y_lengths = lengths_from(in.y_lengths, a.pairs, given ? a.pairs : in.y.shape(0), a.columns);
  a.window = window_from(in.window);
  a.gamma = in.gamma, a.kept_bytes = in.kept_bytes;

  const Output value = allocate<T>(like, {a.pairs}), status = allocate<int32_t>(like, {a.pairs});
  Output x_gradient, y_gradient, alignment, rewards;
  if (in.x_gradient) x_gradient = allocate_slopes<T>(in.x, a.pairs);
  if (in.y_gradient) y_gradient = allocate_slopes<T>(in.y, a.pairs);
  if (in.alignment) alignment = allocate<T>(like, {a.pairs, a.rows, a.columns});
  if (in.rewards) rewards = allocate<T>(like, {a.pairs, a.rows});
  a.value = value.as<T>(), a.status = status.as<int32_t>();
  a.x_gradient = x_gradient.as<T>(), a.y_gradient = y_gradient.as<T>(), a.alignment = alignment.as<T>();
  a.rewards = rewards.as<T>();
  const Launch launch = launch_for(like, in.num_threads);
  const int64_t bytes = KT_BACKEND::soft_dtw_workspace(a);
  Output workspace;
  if (bytes) workspace = allocate(like, DType::uint8, {bytes}), a.workspace = workspace.data;
  run([&] { return KT_BACKEND::soft_dtw(a, launch); });
  const auto or_none = [](const Output& o) { return o.object ? o.object : py::object(py::none()); };
  return py::make_tuple(value.object, status.object, or_none(x_gradient), or_none(y_gradient), or_none(alignment),
                        or_none(rewards));
}

// Powers of two well inside float: gamma and 1 / gamma, and costs over gamma, stay numbers.
double gamma_from(py::handle gamma) {
  const char* expected = "a number from 1e-30 to 1e30";
  const double g = positive_from(gamma, "gamma", expected);
  if (g < 1e-30 || g > 1e30) bad_value("gamma", expected, std::string(py::str(gamma)));
  return g;
}

py::tuple soft_dtw(py::handle x, py::handle y, py::handle cost, py::handle x_lengths, py::handle y_lengths,
                   py::handle metric, py::handle window, py::handle gamma, py::handle x_gradient, py::handle y_gradient,
                   py::handle alignment, py::handle rewards, py::handle kept_bytes, py::handle num_threads) {
  Arguments in{Array::optional(x, "x"),
               Array::optional(y, "y"),
               Array::optional(cost, "cost"),
               Array::optional(x_lengths, "x_lengths"),
               Array::optional(y_lengths, "y_lengths"),
               metric,
               window,
               num_threads,
               gamma_from(gamma),
               bool_from(x_gradient, "x_gradient"),
               bool_from(y_gradient, "y_gradient"),
               bool_from(alignment, "alignment"),
               bool_from(rewards, "rewards"),
               int_from(kept_bytes, "kept_bytes", 1, int64_t(1) << 48, "a number of bytes")};
  const Array& like = require_alignment(in.x, in.y, in.cost, in.x_lengths, in.y_lengths);
  if (in.alignment && (in.x_gradient || in.y_gradient)) bad_value("alignment", "no gradient beside it", "both");
  if (in.cost.given() && (in.x_gradient || in.y_gradient)) bad_value("x_gradient", "False with a cost", "True");
  return visit_float(like, [&](auto zero) { return call<decltype(zero)>(in); });
}

}  // namespace

void bind_soft_dtw(py::module_& m) {
  m.def("soft_dtw", &soft_dtw, py::arg("x"), py::arg("y"), py::arg("cost"), py::arg("x_lengths"), py::arg("y_lengths"),
        py::arg("metric"), py::arg("window"), py::arg("gamma"), py::arg("x_gradient"), py::arg("y_gradient"),
        py::arg("alignment"), py::arg("rewards"), py::arg("kept_bytes"), py::arg("num_threads"));
}

}  // namespace bindings
}  // namespace kinetrace
