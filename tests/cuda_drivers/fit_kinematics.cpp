// fit_kinematics under the emulator (or a GPU): every layout of rows against the shared maths run for one problem alone.
#include "fit_kinematics.cu"

#include "driver.hpp"

namespace {

using namespace kinetrace;

struct Case {
  int64_t problems, frames;
  bool times, weights, visible, frame_major;
  Robust robust;
};

struct Expected {
  std::vector<float> coefficients, rms, covariance, r_squared;
  std::vector<int32_t> n_points, status;
};

constexpr int D = 2, K = 2;

struct Append {
  Expected& e;

  void solution(const FitSolution<float, D, K>& r) const {
    e.coefficients.insert(e.coefficients.end(), r.coefficients[0], r.coefficients[0] + (K + 1) * D);
    e.covariance.insert(e.covariance.end(), r.covariance[0], r.covariance[0] + (K + 1) * (K + 1));
  }
  void quality(const FitQuality<float>& r) const {
    e.rms.push_back(r.residual_rms), e.r_squared.push_back(r.r_squared);
    e.n_points.push_back(int32_t(r.n_points)), e.status.push_back(int32_t(r.status));
    if (int32_t(r.status) == kOk) return;
    std::fill(e.coefficients.end() - (K + 1) * D, e.coefficients.end(), quiet_nan<float>());
    std::fill(e.covariance.end() - (K + 1) * (K + 1), e.covariance.end(), quiet_nan<float>());
  }
};

// One problem: its rows laid out with pitch 1, through the same header.
void expect(const Case& c, const float* positions, const float* times, const float* weights, const uint8_t* visible,
            Expected& e) {
  std::vector<float> rows(std::size_t(c.frames * (D + 1))), time(std::size_t(c.frames)),
      extra(std::size_t(2 * c.frames));
  for (std::size_t t = 0; t < time.size(); ++t) {
    for (std::size_t d = 0; d < D; ++d) rows[t * (D + 1) + d] = positions[t * D + d];
    rows[t * (D + 1) + D] = visible && !visible[t] ? 0.0f : weights ? weights[t] : 1.0f;
    time[t] = times ? times[t] : float(t);
  }
  const FitRows<float, D> view{rows.data(), 1, time.data(), 1, extra.data(), c.frames};
  fit_rows<float, D, K>(view, weights != nullptr, times != nullptr, c.robust, 0.0f, 3, times ? 1.0f : 2.0f, Append{e});
}

void run_case(const Case& c, driver::Random& random, driver::Check& check) {
  const std::size_t n = std::size_t(c.problems * c.frames);
  const auto positions = random.uniforms<float>(n * D, -100, 100), weights = random.uniforms<float>(n, 0.1, 1);
  auto times = random.uniforms<float>(n, 0, 0.4);
  std::vector<uint8_t> visible(n);
  for (std::size_t i = 0; i < n; ++i) times[i] += float(i % std::size_t(c.frames)), visible[i] = random.below(5) != 0;
  auto stored = positions;
  if (c.frame_major)
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t d = 0; d < D; ++d)
        stored[(i % std::size_t(c.frames) * std::size_t(c.problems) + i / std::size_t(c.frames)) * D + d] =
            positions[i * D + d];

  Expected want;
  for (int64_t b = 0; b < c.problems; ++b) {
    const int64_t at = b * c.frames;
    expect(c, &positions[std::size_t(at * D)], c.times ? &times[std::size_t(at)] : nullptr,
           c.weights ? &weights[std::size_t(at)] : nullptr, c.visible ? &visible[std::size_t(at)] : nullptr, want);
  }

  driver::DeviceArray<float> p(stored), t(times), w(weights), coefficients(want.coefficients.size()),
      rms(want.rms.size()), covariance(want.covariance.size()), r_squared(want.r_squared.size());
  driver::DeviceArray<uint8_t> v(visible);
  driver::DeviceArray<int32_t> n_points(want.n_points.size()), status(want.status.size());
  FitKinematicsArgs<float> a;
  a.problems = c.problems, a.frames = c.frames, a.dims = D, a.order = K, a.dt = 0.5, a.robust = c.robust,
  a.iterations = 3;
  a.positions = {
      p.data(), {c.problems, c.frames, D}, {c.frame_major ? D : c.frames * D, c.frame_major ? c.problems * D : D, 1}};
  if (c.times) a.times = {t.data(), {c.problems, c.frames}, {c.frames, 1}};
  if (c.weights) a.weights = {w.data(), {c.problems, c.frames}, {c.frames, 1}};
  if (c.visible) a.visible = {v.data(), {c.problems, c.frames}, {c.frames, 1}};
  a.coefficients = coefficients.data(), a.residual_rms = rms.data(), a.covariance = covariance.data(),
  a.r_squared = r_squared.data();
  a.n_points = n_points.data(), a.status = status.data();
  driver::DeviceArray<float> workspace(std::size_t(KT_BACKEND::fit_kinematics_workspace(a)));
  a.workspace = workspace.data();
  const Outcome outcome = KT_BACKEND::fit_kinematics(a, Launch{});
  if (outcome) {
    std::fprintf(stderr, "%s\n", outcome.message);
    std::exit(2);
  }
  check.same_bits("coefficients", coefficients.host(), want.coefficients);
  check.same_bits("residual_rms", rms.host(), want.rms);
  check.same_bits("covariance", covariance.host(), want.covariance);
  check.same_bits("r_squared", r_squared.host(), want.r_squared);
  check.same_bits("n_points", n_points.host(), want.n_points);
  check.same_bits("status", status.host(), want.status);
}

}  // namespace

int main() {
  kinetrace::driver::Random random(5);
  kinetrace::driver::Check check;
  using kinetrace::Robust;
  for (const Case& c :
       {Case{70, 6, false, true, true, false, Robust::none}, Case{65, 9, true, true, false, true, Robust::none},
        Case{3, 12, false, false, true, false, Robust::huber}, Case{66, 5, true, false, true, true, Robust::none},
        Case{35, 200, false, true, true, false, Robust::tukey}, Case{66, 1000, true, true, false, false, Robust::none}})
    run_case(c, random, check);
  return check.finish();
}
