// fit_segments under the emulator (or a GPU): batches of every kind against the shared maths run for one problem alone.
#include "fit_segments.cu"

#include "driver.hpp"

namespace {

using namespace kinetrace;

struct Case {
  int64_t problems, frames;
  bool times, weights, visible;
  int max_segments;
  Criterion criterion;
};

constexpr int D = 2, K = 2;

struct Buffers {
  std::vector<float> contact_times, coefficients, rms;
  std::vector<int32_t> n_segments, boundaries, status;

  explicit Buffers(const Case& c)
      : contact_times(std::size_t(c.problems * (c.max_segments - 1))),
        coefficients(std::size_t(c.problems * c.max_segments * (K + 1) * D)),
        rms(std::size_t(c.problems)),
        n_segments(std::size_t(c.problems)),
        boundaries(contact_times.size()),
        status(std::size_t(c.problems)) {}
  void point(FitSegmentsArgs<float>& a) {
    a.n_segments = n_segments.data(), a.boundaries = boundaries.data(), a.contact_times = contact_times.data();
    a.coefficients = coefficients.data(), a.residual_rms = rms.data(), a.status = status.data();
  }
};

// Every problem by itself: rows of pitch 1 and a table of its own, through the same headers.
void expect(FitSegmentsArgs<float> a, Buffers& want) {
  want.point(a);
  const SegmentLayout layout = segment_layout(a);
  std::vector<double> rows(std::size_t(layout.rows())), table(std::size_t(a.frames * segment_step_size(K)));
  write_step_table<K>(table.data(), a.frames);
  for (int64_t b = 0; b < a.problems; ++b) {
    load_problem<float, D>(a, layout, b, {rows.data(), 1});
    const SegmentRows<double> mine{rows.data(), 1, layout};
    const int64_t count = int64_t(mine.get(SegmentLayout::kCount));
    const bool regular = mine.get(SegmentLayout::kRegular) != 0;
    SegmentPreparation<double, D>(mine, segment_options(a), count).run();
    SegmentSearch<double, D, K>(mine, table.data(), segment_options(a), count).run(regular, regular);
    SegmentPieces<double, D, K>(mine, table.data(), segment_options(a), count).run(regular);
    write_problem(a, layout, b, {rows.data(), 1});
  }
}

void run_case(const Case& c, driver::Random& random, driver::Check& check) {
  const std::size_t n = std::size_t(c.problems * c.frames);
  auto positions = random.uniforms<float>(n * D, -1, 1), times = random.uniforms<float>(n, 0, 0.4);
  const auto weights = random.uniforms<float>(n, 0.1, 1);
  std::vector<uint8_t> visible(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t t = i % std::size_t(c.frames), b = i / std::size_t(c.frames);
    times[i] += float(t), visible[i] = random.below(6) != 0;
    const std::size_t kick = std::size_t(c.frames) / 3 + b % 5;
    for (std::size_t d = 0; d < D; ++d)
      positions[i * D + d] += 5.0f * float(t) - (t > kick && b % 3 ? 12.0f * float(t - kick) : 0.0f);
  }
  FitSegmentsArgs<float> a;
  a.problems = c.problems, a.frames = c.frames, a.dims = D, a.order = K, a.dt = 0.5;
  a.max_segments = c.max_segments, a.min_points = K + 2, a.criterion = c.criterion;
  const auto view = [&](float* p, float* t, float* w, uint8_t* v) {
    a.positions = {p, {c.problems, c.frames, D}, {c.frames * D, D, 1}};
    if (c.times) a.times = {t, {c.problems, c.frames}, {c.frames, 1}};
    if (c.weights) a.weights = {w, {c.problems, c.frames}, {c.frames, 1}};
    if (c.visible) a.visible = {v, {c.problems, c.frames}, {c.frames, 1}};
  };
  auto host_weights = weights;
  view(positions.data(), times.data(), host_weights.data(), visible.data());
  Buffers want(c);
  expect(a, want);

  driver::DeviceArray<float> p(positions), t(times), w(weights), contact_times(want.contact_times.size()),
      coefficients(want.coefficients.size()), rms(want.rms.size());
  driver::DeviceArray<uint8_t> v(visible);
  driver::DeviceArray<int32_t> n_segments(want.n_segments.size()), boundaries(want.boundaries.size()),
      status(want.status.size());
  view(p.data(), t.data(), w.data(), v.data());
  a.n_segments = n_segments.data(), a.boundaries = boundaries.data(), a.contact_times = contact_times.data();
  a.coefficients = coefficients.data(), a.residual_rms = rms.data(), a.status = status.data();
  // What an allocator hands out may look like a long track: 1e6 points.
  driver::DeviceArray<double> workspace(std::vector<double>(std::size_t(KT_BACKEND::fit_segments_workspace(a)), 1e6));
  a.workspace = workspace.data();
  const Outcome outcome = KT_BACKEND::fit_segments(a, Launch{});
  if (outcome) {
    std::fprintf(stderr, "%s\n", outcome.message);
    std::exit(2);
  }
  check.same_bits("n_segments", n_segments.host(), want.n_segments);
  check.same_bits("boundaries", boundaries.host(), want.boundaries);
  check.same_bits("contact_times", contact_times.host(), want.contact_times);
  check.same_bits("coefficients", coefficients.host(), want.coefficients);
  check.same_bits("residual_rms", rms.host(), want.rms);
  check.same_bits("status", status.host(), want.status);
}

}  // namespace

int main() {
  kinetrace::driver::Random random(7);
  kinetrace::driver::Check check;
  using kinetrace::Criterion;
  for (const Case& c :
       {Case{70, 18, false, false, false, 3, Criterion::bic}, Case{65, 16, true, true, true, 4, Criterion::bic},
        Case{3, 20, false, true, true, 2, Criterion::fixed}, Case{66, 9, false, false, true, 3, Criterion::fixed},
        Case{64, 12, true, false, false, 1, Criterion::bic}})
    run_case(c, random, check);
  return check.finish();
}
