// dtw under the emulator (or a GPU): every schedule in turn against the shared maths run by one thread for one pair.
#include "dtw.cu"

#include "driver.hpp"

namespace {

using namespace kinetrace;

enum class Steps { symmetric1, symmetric2, diagonal, jump };

struct Case {
  const char* plan;  // KINETRACE_DTW_TEAM; "" leaves the choice to the library
  int64_t pairs, rows, columns, dims;
  Metric metric;
  Steps steps;
  double radius;  // negative: no window
  int free_ends;  // 1: start, 2: end
  int wanted;  // 0: distance, 1: path, 2: curve, 3: rewards, 4: normalize by the path alone
  bool ragged, spoilt, all_pairs;
};

StepTable table_of(Steps steps) {
  StepTable t;
  const auto add = [&](int di, int dj, double weight, bool same_group) {
    t.di[t.count] = di, t.dj[t.count] = dj, ++t.count;
    t.groups += !same_group, t.weight[t.groups - 1] = weight, t.group_end[t.groups - 1] = t.count;
    t.max_di = di > t.max_di ? di : t.max_di, t.max_dj = dj > t.max_dj ? dj : t.max_dj;
  };
  add(1, 1, steps == Steps::symmetric2 ? 2 : 1, false);
  if (steps == Steps::diagonal) return t;
  add(1, 0, 1, steps != Steps::symmetric2), add(0, 1, 1, true);
  if (steps == Steps::jump) add(1, 2, 1, true);
  return t;
}

template <class T> struct Outputs {
  std::vector<T> distance, curve, rewards;
  std::vector<int32_t> status, path, path_lengths;

  Outputs(const DtwArgs<T>& a, int wanted)
      : distance(std::size_t(a.pairs), T(-7)),
        curve(std::size_t(wanted == 2 ? a.pairs * a.columns : 0), T(-7)),
        rewards(std::size_t(wanted == 3 ? a.pairs * a.rows : 0), T(-7)),
        status(distance.size(), -7),
        path(std::size_t(wanted == 1 ? a.pairs * a.path_capacity * 2 : 0), -7),
        path_lengths(wanted == 1 ? distance.size() : 0, -7) {}
  void point(DtwArgs<T>& a) {
    const auto or_none = [](auto& v) { return v.empty() ? nullptr : v.data(); };
    a.distance = or_none(distance), a.curve = or_none(curve), a.rewards = or_none(rewards);
    a.status = or_none(status), a.path = or_none(path), a.path_lengths = or_none(path_lengths);
  }
};

// Every pair by itself, by the CPU's maths.
template <class T> void expect(DtwArgs<T> a, Outputs<T>& want) {
  want.point(a);
  const DtwSpace<T> space = space_of(a);
  std::vector<T> ring(std::size_t(space.ring));
  std::vector<uint32_t> directions(std::size_t(space.directions) + 1);
  std::vector<int32_t> cells(std::size_t(2 * a.path_capacity));
  for (int64_t at = 0; at < a.pairs; ++at) {
    if (a.pairing == Pairing::upper && at / a.y_count > at % a.y_count) continue;
    DtwThread<T> thread(a, ring.data(), wants_path(a) ? directions.data() : nullptr, 1, at);
    thread.solve(a.path ? a.path + at * 2 * a.path_capacity : cells.data());
  }
}

template <class T> void run_case(const Case& c, driver::Random& random, driver::Check& check) {
  setenv("KINETRACE_DTW_TEAM", c.plan, 1);
  DtwArgs<T> a;
  a.pairs = c.all_pairs ? c.pairs * c.pairs : c.pairs, a.x_count = a.y_count = c.pairs;
  a.pairing = c.all_pairs ? Pairing::upper : Pairing::zipped;
  a.rows = c.rows, a.columns = c.columns, a.dims = c.dims, a.metric = c.metric;
  a.steps = table_of(c.steps);
  for (int g = 0; g < a.steps.groups; ++g) a.weights[g] = T(a.steps.weight[g]);
  a.window.limited = c.radius >= 0, a.window.radius = c.radius;
  a.free_start = c.free_ends & 1, a.free_end = c.free_ends & 2;
  a.normalize = c.wanted == 4 ? Normalize::path : Normalize::sum;
  a.path_capacity = c.rows + c.columns - 1;
  const bool given = c.metric == Metric::given;
  const std::size_t x_size = std::size_t(c.pairs * c.rows * c.dims), y_size = std::size_t(c.pairs * c.columns * c.dims);
  auto x = random.uniforms<T>(x_size, -1, 1), y = random.uniforms<T>(y_size, -1, 1);
  auto cost = random.uniforms<T>(given ? std::size_t(c.pairs * c.rows * c.columns) : 0, -0.2, 1);
  // Every third sample is a small integer, so that there are ties.
  for (auto* values : {&x, &y, &cost})
    for (std::size_t i = 0; i < values->size(); i += 3) (*values)[i] = T(random.below(3));
  if (c.spoilt) {
    x[x_size / 2] = quiet_nan<T>(), y[y_size / 3] = infinity<T>();
    x[0] = limits<T>::largest;
    for (std::size_t i = 0; i < cost.size(); ++i)
      if (random.below(9) == 0) cost[i] = infinity<T>();
    if (given) cost[cost.size() - 1] = quiet_nan<T>();
    // Off the way that leads through: only the lane that has this column can tell.
    if (given) cost[cost.size() - std::size_t(5 * c.columns + 7)] = quiet_nan<T>();
    for (std::size_t i = 0; given && i < std::size_t(c.rows * c.columns); ++i) cost[i] = limits<T>::largest;
  }
  if (c.all_pairs) y = x;  // rows = columns
  std::vector<int32_t> x_lengths(std::size_t(c.pairs)), y_lengths(std::size_t(c.pairs));
  for (std::size_t b = 0; b < x_lengths.size(); ++b) {
    x_lengths[b] = b < 3 ? int32_t(b % 2) : int32_t(random.below(unsigned(c.rows + 1)));
    y_lengths[b] = b % 5 == 2 ? 1 : int32_t(random.below(unsigned(c.columns + 1)));
    if (b == 3) x_lengths[b] = int32_t(c.rows), y_lengths[b] = int32_t(c.columns);
    if (b == 4) x_lengths[b] = int32_t(c.rows) + 5;  // counts as 0
  }
  const auto view = [&](const T* px, const T* py, const T* pc, const int32_t* xl, const int32_t* yl) {
    if (!given) a.x = {px, {c.pairs, c.rows, c.dims}, {c.rows * c.dims, c.dims, 1}};
    if (!given) a.y = {py, {c.pairs, c.columns, c.dims}, {c.columns * c.dims, c.dims, 1}};
    if (given) a.cost = {pc, {c.pairs, c.rows, c.columns}, {c.rows * c.columns, c.columns, 1}};
    a.x_lengths = {c.ragged ? xl : nullptr, nullptr, 1, c.rows};
    a.y_lengths = {c.ragged ? c.all_pairs ? xl : yl : nullptr, nullptr, 1, c.columns};
  };
  view(x.data(), y.data(), cost.data(), x_lengths.data(), y_lengths.data());
  Outputs<T> want(a, c.wanted), got(a, c.wanted);
  expect(a, want);

  driver::DeviceArray<T> dx(x), dy(y), dc(cost), distance(got.distance), curve(got.curve), rewards(got.rewards);
  driver::DeviceArray<int32_t> dxl(x_lengths), dyl(y_lengths), status(got.status), path(got.path),
      path_lengths(got.path_lengths);
  view(dx.data(), dy.data(), dc.data(), dxl.data(), dyl.data());
  a.distance = distance.data(), a.status = status.data();
  a.path = c.wanted == 1 ? path.data() : nullptr, a.path_lengths = c.wanted == 1 ? path_lengths.data() : nullptr;
  a.curve = c.wanted == 2 ? curve.data() : nullptr, a.rewards = c.wanted == 3 ? rewards.data() : nullptr;
  driver::DeviceArray<unsigned char> workspace(std::size_t(KT_BACKEND::dtw_workspace(a)));
  a.workspace = workspace.data();
  const Outcome outcome = KT_BACKEND::dtw(a, Launch{});
  if (outcome) {
    std::fprintf(stderr, "%s\n", outcome.message);
    std::exit(2);
  }
  const std::string name = std::string("[") + c.plan + "] " + std::to_string(c.rows) + "x" + std::to_string(c.columns);
  // NaN has many patterns: one of them for all.
  const auto plain = [](std::vector<T> values) {
    for (T& v : values)
      if (v != v) v = T(-12345);
    return values;
  };
  check.same_bits(name + " distance", plain(distance.host()), plain(want.distance));
  check.same_bits(name + " status", status.host(), want.status);
  check.same_bits(name + " curve", plain(curve.host()), plain(want.curve));
  check.same_bits(name + " rewards", plain(rewards.host()), plain(want.rewards));
  check.same_bits(name + " path", path.host(), want.path);
  check.same_bits(name + " path_lengths", path_lengths.host(), want.path_lengths);
}

}  // namespace

int main() {
  kinetrace::driver::Random random(11);
  kinetrace::driver::Check check;
  using M = kinetrace::Metric;
  using S = Steps;
  const Case cases[] = {
      // schedule, pairs, rows, columns, dims, metric, steps, radius, free ends, wanted, ragged, spoilt, all pairs
      {"4,8,1", 19, 21, 30, 1, M::sqeuclidean, S::symmetric1, -1, 0, 0, true, false, false},
      {"4,8,1", 9, 13, 70, 1, M::l1, S::symmetric1, 3, 0, 1, true, false, false},
      {"16,1,1", 70, 9, 16, 1, M::sqeuclidean, S::symmetric1, -1, 3, 2, true, true, false},
      {"16,2,1", 17, 12, 75, 1, M::sqeuclidean, S::symmetric1, 5, 2, 3, true, false, false},
      {"4,32,1", 5, 40, 270, 1, M::sqeuclidean, S::symmetric1, -1, 3, 1, true, false, false},
      {"16,32,1", 5, 33, 530, 1, M::l1, S::symmetric1, -1, 1, 4, true, false, false},
      {"4,32,2", 5, 75, 400, 1, M::sqeuclidean, S::symmetric1, -1, 2, 2, true, false, false},
      {"4,32,3", 4, 150, 800, 1, M::sqeuclidean, S::symmetric1, 20, 0, 1, false, false, false},
      {"4,32,2", 5, 70, 390, 1, M::given, S::symmetric2, -1, 2, 1, true, true, false},
      {"4,4,1", 11, 14, 33, 3, M::cosine, S::symmetric1, -1, 0, 2, true, false, false},
      {"4,4,1", 11, 14, 33, 3, M::dot, S::symmetric1, 2, 3, 1, true, true, false},
      {"4,2,1", 23, 9, 11, 5, M::euclidean, S::diagonal, -1, 3, 0, true, false, false},
      {"4,8,1", 9, 15, 20, 1, M::given, S::diagonal, -1, 0, 1, true, true, false},
      {"4,8,1", 5, 40, 40, 1, M::sqeuclidean, S::symmetric1, -1, 0, 0, false, false, true},
      {"0,1,1", 67, 9, 11, 1, M::sqeuclidean, S::jump, -1, 3, 1, true, false, false},
      // Little workspace: a team takes several pairs, one after another.
      {"4,4,1,12000", 41, 14, 33, 1, M::sqeuclidean, S::symmetric1, -1, 2, 3, true, false, false},
      {"4,32,2,9000", 7, 30, 300, 1, M::sqeuclidean, S::symmetric1, -1, 0, 4, true, false, false},
      {"4,32,2,9000", 7, 30, 300, 1, M::given, S::diagonal, -1, 1, 4, true, true, false},
      {"4,32,2", 4, 30, 250, 1, M::given, S::symmetric2, -1, 0, 0, false, true, false},
      {"0,1,1,5000", 90, 9, 11, 1, M::sqeuclidean, S::jump, -1, 0, 1, true, false, false},
      {"", 12, 10, 40, 2, M::sqeuclidean, S::symmetric2, -1, 1, 1, true, true, false},
      {"", 3, 40, 600, 1, M::sqeuclidean, S::symmetric1, -1, 3, 1, true, true, false},
  };
  for (const Case& c : cases) {
    run_case<float>(c, random, check);
    run_case<double>(c, random, check);
  }
  return check.finish();
}
