// The chain_flow kernel against the maths of its header, one point at a time: every output bit.
#include "driver.hpp"

#include "chain_flow.cu"

namespace {

using kinetrace::ChainFlowArgs;
using kinetrace::ChainPoint;

struct Case {
  int64_t problems, steps, points, height, width;
  bool backward, own_start;
};

template <class T> struct Outputs {
  std::vector<T> positions, cycle_error;
  std::vector<uint8_t> visible;
};

// The definition of the order of work: frame by frame, one point alone.
template <class T> Outputs<T> expected(const ChainFlowArgs<T>& a) {
  const std::size_t rows = std::size_t(a.problems * (a.steps + 1) * a.points);
  Outputs<T> out{std::vector<T>(2 * rows), std::vector<T>(rows), std::vector<uint8_t>(rows)};
  kinetrace::Grid grid;
  grid.last_x = int32_t(a.width - 1), grid.last_y = int32_t(a.height - 1);
  for (int64_t b = 0; b < a.problems; ++b)
    for (int64_t n = 0; n < a.points; ++n) {
      ChainPoint<T> s = kinetrace::absent<T>();
      for (int64_t t = 0; t <= a.steps; ++t) {
        const ChainPoint<T> before = s;
        if (t == start_of(a, b, n)) s = begin_point(a, grid, b, n);
        else if (!before.visible) s = kinetrace::absent<T>();
        else {
          s = follow(before, flow_at(a, a.flow, b, t - 1));
          if (a.backward_flow.data) check_cycle(a, before, flow_at(a, a.backward_flow, b, t - 1), s);
        }
        const std::size_t at = std::size_t((b * (a.steps + 1) + t) * a.points + n);
        out.positions[2 * at] = s.x, out.positions[2 * at + 1] = s.y;
        out.cycle_error[at] = s.cycle_error, out.visible[at] = s.visible;
      }
    }
  return out;
}

template <class T> int run(const Case& c, kinetrace::driver::Random& random, kinetrace::driver::Check& check) {
  using namespace kinetrace;
  const std::size_t flow_size = std::size_t(c.problems * c.steps * 2 * c.height * c.width),
                    count = std::size_t(c.problems * c.points);
  const std::size_t rows = std::size_t(c.problems * (c.steps + 1) * c.points);
  const std::vector<T> flow = random.uniforms<T>(flow_size, -1.5, 1.5), back = random.uniforms<T>(flow_size, -1.5, 1.5);
  std::vector<T> points = random.uniforms<T>(2 * count, -0.5, double(c.width));
  std::vector<int32_t> start(count);
  for (auto& s : start) s = int32_t(random.below(unsigned(c.steps + 2)));  // one too many: never begins
  driver::DeviceArray<T> device_flow(flow), device_back(back), device_points(points), positions(2 * rows),
      cycle_error(rows);
  driver::DeviceArray<int32_t> device_start(start);
  driver::DeviceArray<uint8_t> visible(rows);
  const auto fill = [&](ChainFlowArgs<T>& a, const T* f, const T* b, const T* p, const int32_t* s) {
    const int64_t plane = c.height * c.width;
    a.problems = c.problems, a.steps = c.steps, a.points = c.points, a.height = c.height, a.width = c.width;
    a.flow = {f, {c.problems, c.steps, 2, c.height, c.width}, {c.steps * 2 * plane, 2 * plane, plane, c.width, 1}};
    if (c.backward)
      a.backward_flow = {
          b, {c.problems, c.steps, 2, c.height, c.width}, {c.steps * 2 * plane, 2 * plane, plane, c.width, 1}};
    a.origins = {p, {c.problems, c.points, 2}, {c.points * 2, 2, 1}};
    if (c.own_start) a.start32 = {s, {c.problems, c.points}, {c.points, 1}};
    a.start = 1, a.limited = c.backward, a.max_cycle_error = 2;
  };
  ChainFlowArgs<T> on_device, on_host;
  fill(on_device, device_flow.data(), device_back.data(), device_points.data(), device_start.data());
  fill(on_host, flow.data(), back.data(), points.data(), start.data());
  on_device.positions = positions.data(), on_device.visible = visible.data(),
  on_device.cycle_error = c.backward ? cycle_error.data() : nullptr;
  const Outcome outcome = KT_BACKEND::chain_flow(on_device, Launch{});
  if (outcome.code) {
    std::fprintf(stderr, "%s\n", outcome.message);
    return 2;
  }
  const Outputs<T> want = expected(on_host);
  check.same_bits("positions", positions.host(), want.positions);
  check.same_bits("visible", visible.host(), want.visible);
  if (c.backward) check.same_bits("cycle_error", cycle_error.host(), want.cycle_error);
  return 0;
}

}  // namespace

int main() {
  kinetrace::driver::Random random(7);
  kinetrace::driver::Check check;
  const Case cases[] = {{1, 5, 70, 9, 11, false, false},
                        {2, 4, 33, 6, 13, true, true},
                        {3, 3, 1, 1, 1, true, false},
                        {1, 2, 64, 4, 4, false, true}};
  for (const Case& c : cases) {
    if (const int code = run<float>(c, random, check)) return code;
    if (const int code = run<double>(c, random, check)) return code;
  }
  return check.finish();
}
