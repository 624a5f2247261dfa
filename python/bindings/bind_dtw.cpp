// dtw: array arguments to back end arguments. One function serves all of Python's; `wanted` says what to write.
#include <kinetrace/backends.hpp>

#include "arrays.hpp"
#include "bind_alignment.hpp"
#include "bindings.hpp"
#include "module_device.hpp"
#include "scalars.hpp"

namespace kinetrace {
namespace bindings {
namespace {

// Triples (di, dj, weight), checked by kinetrace.StepPattern, into groups of equal weight.
StepTable steps_from(py::handle steps) {
  struct Step {
    int32_t di, dj;
    double weight;
  };
  std::vector<Step> listed;
  for (const py::handle item : steps) {
    const auto triple = py::reinterpret_borrow<py::tuple>(item);
    listed.push_back({triple[0].cast<int32_t>(), triple[1].cast<int32_t>(), triple[2].cast<double>()});
  }
  if (listed.empty() || listed.size() > kMaxSteps) bad_value("step", "1 to 16 steps", std::to_string(listed.size()));
  StepTable table;
  for (const Step& first : listed) {
    bool known = false;
    for (int g = 0; g < table.groups; ++g) known = known || table.weight[g] == first.weight;
    if (known) continue;
    table.weight[table.groups] = first.weight;
    for (const Step& s : listed) {
      if (s.weight != first.weight) continue;
      table.di[table.count] = s.di, table.dj[table.count] = s.dj;
      table.max_di = s.di > table.max_di ? s.di : table.max_di;
      table.max_dj = s.dj > table.max_dj ? s.dj : table.max_dj;
      ++table.count;
    }
    table.group_end[table.groups++] = table.count;
  }
  return table;
}

// No path of the pattern has more cells: a step that always advances an axis is taken at most that often.
int64_t longest_path(const StepTable& steps, int64_t rows, int64_t columns) {
  bool every_row = true, every_column = true;
  for (int k = 0; k < steps.count; ++k)
    every_row = every_row && steps.di[k] > 0, every_column = every_column && steps.dj[k] > 0;
  if (rows == 0 || columns == 0) return 0;
  if (every_row && every_column) return rows < columns ? rows : columns;
  return every_row ? rows : every_column ? columns : rows + columns - 1;
}

void set_free_ends(py::handle subsequence, bool& start, bool& end) {
  if (PyUnicode_Check(subsequence.ptr())) {
    const int which = choice_from(subsequence, "subsequence", {"start", "end"}, false);
    start = which == 0, end = which == 1;
  } else if (PyBool_Check(subsequence.ptr())) {
    start = end = subsequence.ptr() == Py_True;
  } else {
    bad_type("subsequence", "True, False, 'start' or 'end'", Py_TYPE(subsequence.ptr())->tp_name);
  }
}

struct Arguments {
  Array x, y, cost, x_lengths, y_lengths;
  Pairing pairing;
  py::handle metric, user, steps, window, subsequence, normalize, num_threads;
  int wanted;
  int64_t direction_bytes;
};
enum Wanted { kDistance, kPath, kCurve, kRewards };

template <class T> py::tuple call(const Arguments& in) {
  DtwArgs<T> a;
  const bool given = in.cost.given();
  const Array& like = given ? in.cost : in.x;
  if (given) {
    a.metric = Metric::given;
    a.x_count = a.y_count = a.pairs = in.cost.shape(0), a.rows = in.cost.shape(1), a.columns = in.cost.shape(2);
    a.cost = in.cost.view<const T, 3>();
  } else {
    a.x = sequence_view<T>(in.x), a.y = sequence_view<T>(in.y);
    a.rows = a.x.extent[1], a.columns = a.y.extent[1], a.dims = a.x.extent[2];
    a.metric = metric_from(in.metric, in.user, a.dims, a.user);
    a.x_count = in.x.shape(0), a.y_count = in.y.shape(0);
    a.pairs = in.pairing == Pairing::zipped ? zipped_count(in.x, in.y) : a.x_count * a.y_count;
  }
  a.pairing = in.pairing;
  const bool zipped = a.pairing == Pairing::zipped;
  a.x_lengths = lengths_from(in.x_lengths, zipped ? a.pairs : a.x_count, a.x_count, a.rows);
  a.y_lengths = lengths_from(in.y_lengths, zipped ? a.pairs : a.y_count, a.y_count, a.columns);
  a.steps = steps_from(in.steps);
  for (int g = 0; g < a.steps.groups; ++g) a.weights[g] = T(a.steps.weight[g]);
  a.window = window_from(in.window);
  set_free_ends(in.subsequence, a.free_start, a.free_end);
  a.normalize = Normalize(choice_from(in.normalize, "normalize", {"x", "y", "sum", "path"}, true) + 1);
  a.direction_bytes = in.direction_bytes;
  if (in.wanted == kCurve && a.normalize == Normalize::path)
    bad_value("normalize", "None, 'x', 'y' or 'sum'", "'path'");

  const int64_t B = a.pairs;
  a.path_capacity = longest_path(a.steps, a.rows, a.columns);
  Output distance, status = allocate<int32_t>(like, {B}), path, lengths, curve, rewards;
  if (zipped) distance = allocate<T>(like, {B});
  else distance = allocate<T>(like, {a.x_count, a.y_count});
  if (in.wanted == kPath)
    path = allocate<int32_t>(like, {B, a.path_capacity, 2}), lengths = allocate<int32_t>(like, {B});
  if (in.wanted == kCurve) curve = allocate<T>(like, {B, a.columns});
  if (in.wanted == kRewards) rewards = allocate<T>(like, {B, a.rows});
  a.distance = distance.as<T>(), a.status = status.as<int32_t>(), a.path = path.as<int32_t>();
  a.path_lengths = lengths.as<int32_t>(), a.curve = curve.as<T>(), a.rewards = rewards.as<T>();
  const Launch launch = launch_for(like, in.num_threads);
  const int64_t bytes = KT_BACKEND::dtw_workspace(a);
  Output workspace;
  if (bytes) workspace = allocate(like, DType::uint8, {bytes}), a.workspace = workspace.data;
  run([&] { return KT_BACKEND::dtw(a, launch); });
  const auto or_none = [](const Output& o) { return o.object ? o.object : py::object(py::none()); };
  return py::make_tuple(distance.object, status.object, or_none(path), or_none(lengths), or_none(curve),
                        or_none(rewards));
}

py::tuple dtw(py::handle x, py::handle y, py::handle cost, py::handle x_lengths, py::handle y_lengths,
              py::handle metric, py::handle user, py::handle steps, py::handle window, py::handle subsequence,
              py::handle normalize, py::handle wanted, py::handle pairing, py::handle direction_bytes,
              py::handle num_threads) {
  Arguments in{Array::optional(x, "x"),
               Array::optional(y, "y"),
               Array::optional(cost, "cost"),
               Array::optional(x_lengths, "x_lengths"),
               Array::optional(y_lengths, "y_lengths"),
               Pairing(choice_from(pairing, "pairing", {"zipped", "all", "upper"}, false)),
               metric,
               user,
               steps,
               window,
               subsequence,
               normalize,
               num_threads,
               choice_from(wanted, "wanted", {"distance", "path", "curve", "rewards"}, false),
               int_from(direction_bytes, "direction_bytes", 1, int64_t(1) << 48, "a number of bytes")};
  const Array& like = require_alignment(in.x, in.y, in.cost, in.x_lengths, in.y_lengths);
  return visit_float(like, [&](auto zero) { return call<decltype(zero)>(in); });
}

}  // namespace

void bind_dtw(py::module_& m) {
  m.def("dtw", &dtw, py::arg("x"), py::arg("y"), py::arg("cost"), py::arg("x_lengths"), py::arg("y_lengths"),
        py::arg("metric"), py::arg("user"), py::arg("steps"), py::arg("window"), py::arg("subsequence"),
        py::arg("normalize"), py::arg("wanted"), py::arg("pairing"), py::arg("direction_bytes"),
        py::arg("num_threads"));
}

}  // namespace bindings
}  // namespace kinetrace
