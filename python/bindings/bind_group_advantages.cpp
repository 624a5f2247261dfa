// group_advantages: array arguments to back end arguments.
#include <kinetrace/backends.hpp>

#include "arrays.hpp"
#include "bindings.hpp"
#include "scalars.hpp"

namespace kinetrace {
namespace bindings {
namespace {

// Everything but the arrays.
struct Options {
  AdvantageMode mode = AdvantageMode::grpo;
  bool apart = false, singleton_raw = false, propagate = false, scale = true;
  double eps = 0, ddof = 0, var_floor = 0, f_norm = 1;
};

double at_least_zero(py::handle value, const char* name) {
  const char* expected = "a finite number >= 0";
  const double x = real_from(value, name, expected);
  if (!(x >= 0) || x > 1e300) bad_value(name, expected, std::string(py::str(value)));
  return x;
}

Options parse(py::handle mode, py::handle apart, py::handle eps, py::handle ddof, py::handle var_floor,
              py::handle f_norm, py::handle singleton, py::handle nan_policy, py::handle scale) {
  Options o;
  o.mode = AdvantageMode(choice_from(mode, "mode",
                                     {"grpo", "dr_grpo", "batch_std", "rloo", "gdpo", "passk", "opo",
                                      "reinforce_pp_baseline", "gpg", "mean", "sum", "range"},
                                     false));
  o.apart = bool_from(apart, "apart");
  o.eps = at_least_zero(eps, "eps"), o.var_floor = at_least_zero(var_floor, "var_floor");
  o.ddof = double(int_from(ddof, "ddof", 0, 1 << 30, "an int >= 0"));
  o.f_norm = positive_from(f_norm, "f_norm", "a positive finite number");
  o.singleton_raw = choice_from(singleton, "singleton", {"zero", "raw"}, false) == 1;
  o.propagate = choice_from(nan_policy, "nan_policy", {"omit", "propagate"}, false) == 1;
  o.scale = bool_from(scale, "scale");
  if (!o.scale && o.mode == AdvantageMode::grpo) o.mode = AdvantageMode::dr_grpo;
  if (o.singleton_raw && o.mode == AdvantageMode::passk) bad_value("singleton", "'zero' with mode 'passk'", "'raw'");
  return o;
}

int64_t columns_of(const Array& rewards) {
  rewards.require_float();
  const int n = rewards.ndim();
  if (n != 1 && n != 2) rewards.bad("shape (B,) or (B, K)", rewards.shape_text());
  const int64_t K = n == 1 ? 1 : rewards.shape(1);
  if (K < 1 || K > kMaxRewards) rewards.bad("1 to 64 rewards K", std::to_string(K));
  if (rewards.shape(0) >= int64_t(1) << 30) rewards.bad("fewer than 2^30 rows B", std::to_string(rewards.shape(0)));
  return K;
}

template <class T> void set_rewards(const Array& rewards, int64_t K, GroupAdvantagesArgs<T>& a) {
  a.rows = rewards.shape(0), a.columns = K;
  if (rewards.ndim() == 2) {
    a.rewards = rewards.view<const T, 2>();
    return;
  }
  const Strided<const T, 1> v = rewards.view<const T, 1>();
  a.rewards = {v.data, {v.extent[0], 1}, {v.stride[0], 0}};
}

template <class T> void set_weights(py::handle weights, int64_t K, GroupAdvantagesArgs<T>& a) {
  for (int64_t k = 0; k < K; ++k) a.weights[k] = 1;
  if (weights.is_none()) return;
  const char* expected = "finite numbers, one per reward";
  if (!PySequence_Check(weights.ptr()) || PyUnicode_Check(weights.ptr()))
    bad_type("weights", expected, Py_TYPE(weights.ptr())->tp_name);
  const auto listed = py::reinterpret_borrow<py::sequence>(weights);
  if (int64_t(listed.size()) != K)
    bad_value("weights", std::to_string(K) + " numbers, one per reward", std::to_string(listed.size()));
  for (int64_t k = 0; k < K; ++k) {
    const py::object item = listed[std::size_t(k)];
    a.weights[k] = real_from(item, "weights", expected);
    if (!(a.weights[k] >= -1e100 && a.weights[k] <= 1e100)) bad_value("weights", expected, std::string(py::str(item)));
  }
}

py::object group_advantages(py::handle rewards_, py::handle groups_, py::handle mode, py::handle apart,
                            py::handle weights, py::handle lengths_, py::handle eps, py::handle ddof,
                            py::handle var_floor, py::handle f_norm, py::handle singleton, py::handle nan_policy,
                            py::handle scale, py::handle num_threads) {
  const Array rewards(rewards_, "rewards"), groups(groups_, "groups"), lengths = Array::optional(lengths_, "lengths");
  const int64_t K = columns_of(rewards), B = rewards.shape(0);
  const Options o = parse(mode, apart, eps, ddof, var_floor, f_norm, singleton, nan_policy, scale);
  for (const Array* ids : {&groups, &lengths})
    ids->require_integer(), ids->require_shape("(B,)", {B}), ids->require_device_of(rewards);
  const bool by_length = o.mode == AdvantageMode::opo || o.mode == AdvantageMode::reinforce_pp_baseline;
  if (by_length && !lengths.given()) bad_value("lengths", "an array of response tokens with this mode", "None");
  return visit_float(rewards, [&](auto zero) {
    using T = decltype(zero);
    GroupAdvantagesArgs<T> a;
    set_rewards(rewards, K, a), set_weights(weights, K, a);
    if (groups.dtype() == DType::int32) a.groups32 = groups.view<const int32_t, 1>();
    else a.groups64 = groups.view<const int64_t, 1>();
    if (lengths.given() && lengths.dtype() == DType::int32) a.lengths32 = lengths.view<const int32_t, 1>();
    else if (lengths.given()) a.lengths64 = lengths.view<const int64_t, 1>();
    a.mode = o.mode, a.apart = o.apart, a.eps = o.eps, a.ddof = o.ddof, a.var_floor = o.var_floor;
    a.f_norm = o.f_norm, a.singleton_raw = o.singleton_raw, a.propagate = o.propagate, a.scale = o.scale;
    const bool staged = o.mode == AdvantageMode::batch_std || o.mode == AdvantageMode::gdpo ||
                        o.mode == AdvantageMode::reinforce_pp_baseline || o.mode == AdvantageMode::gpg;
    if (a.apart && staged) bad_value("mode", "one without statistics of the batch", std::string(py::str(mode)));
    const Output value = a.apart ? allocate<T>(rewards, {B, K}) : allocate<T>(rewards, {B});
    const Output stage = allocate<double>(rewards, {staged ? 2 * B : 0});
    const Output workspace = allocate(rewards, DType::int64, {KT_BACKEND::group_advantages_workspace(a)});
    a.value = value.as<T>(), a.stage = stage.as<double>(), a.workspace = workspace.as<int64_t>();
    const Launch launch = launch_for(rewards, num_threads);
    run([&] { return KT_BACKEND::group_advantages(a, launch); });
    return value.object;
  });
}

}  // namespace

void bind_group_advantages(py::module_& m) {
  m.def("group_advantages", &group_advantages, py::arg("rewards"), py::arg("groups"), py::arg("mode"), py::arg("apart"),
        py::arg("weights"), py::arg("lengths"), py::arg("eps"), py::arg("ddof"), py::arg("var_floor"),
        py::arg("f_norm"), py::arg("singleton"), py::arg("nan_policy"), py::arg("scale"), py::arg("num_threads"));
}

}  // namespace bindings
}  // namespace kinetrace
