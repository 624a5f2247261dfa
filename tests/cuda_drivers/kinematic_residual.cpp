// kinematic_residual under the emulator (or a GPU) against plain loops over pixels in the order that types.hpp fixes.
#include "kinematic_residual.cu"

#include "driver.hpp"

namespace {

using namespace kinetrace;

struct Case {
  int64_t problems, frames, height, width;
  ResidualNorm norm;
  ResidualReduction reduction;
  int mask;  // 0: none, 1: bytes, 2: values
  MaskRule rule;
  bool advected, channels_last;
  int iterations;
  bool spoilt;  // a NaN and an infinity in the flow
};

// Residual t of pixel (y, x) and its weight, straight from the definition.
template <class T> void residual_of(const KinematicResidualArgs<T>& a, int64_t b, int64_t t, int64_t y, int64_t x,
                                    T& rx, T& ry, T& w) {
  const auto at = [&](int64_t frame, int c) {
    return a.flow.data[b * a.flow.stride[0] + frame * a.flow.stride[1] + c * a.flow.stride[2] + y * a.flow.stride[3] +
                       x * a.flow.stride[4]];
  };
  w = residual_weight(a, b, t, y, x);
  rx = second_difference(at(t - 1, 0), at(t, 0), at(t + 1, 0)),
  ry = second_difference(at(t - 1, 1), at(t, 1), at(t + 1, 1));
  if (!a.advected) return;
  const auto r = advected_residual(flow_field(a, b, t - 1), flow_field(a, b, t + 1), T(x), T(y), at(t - 1, 0),
                                   at(t - 1, 1), at(t, 0), at(t, 1), a.iterations);
  rx = r.x, ry = r.y;
  if (!r.valid) w = 0;
}

template <class T> void add(ResidualNorm norm, T x, T y, T w, T (&sum)[3]) {
  const auto run = [&](auto sums) {
    sums.first = sum[0], sums.second = sum[1], sums.weight = sum[2];
    sums.add(x, y, w);
    sum[0] = sums.first, sum[1] = sums.second, sum[2] = sums.weight;
  };
  if (norm == ResidualNorm::squared) run(ResidualSums<ResidualNorm::squared, T>{});
  else if (norm == ResidualNorm::absolute) run(ResidualSums<ResidualNorm::absolute, T>{});
  else run(ResidualSums<ResidualNorm::signed_, T>{});
}

// Sums of one problem, in order: lanes over pixels and four frames, double over time, tree over lanes, lanes over strips.
template <class T> void expect_sums(const KinematicResidualArgs<T>& a, int64_t b, double (&total)[3]) {
  std::vector<double> over_strips(3 * 32, 0.0);
  for (int64_t s = 0; s < a.strips(); ++s) {
    std::vector<double> lanes(3 * 32, 0.0);
    for (int64_t l = 0; l < 32; ++l)
      for (int64_t t0 = 1; t0 < a.frames - 1; t0 += 4) {
        T sum[3] = {0, 0, 0};
        for (int64_t pixel = s * 256 + l; pixel < (s + 1) * 256 && pixel < a.pixels(); pixel += 32)
          for (int64_t t = t0; t < t0 + 4 && t < a.frames - 1; ++t) {
            T x, y, w;
            residual_of(a, b, t, pixel / a.width, pixel % a.width, x, y, w);
            add(a.norm, x, y, w, sum);
          }
        for (int i = 0; i < 3; ++i) lanes[std::size_t(i * 32 + l)] += double(sum[i]);
      }
    for (int i = 0; i < 3; ++i) over_strips[std::size_t(i * 32 + s % 32)] += residual_tree(&lanes[std::size_t(i * 32)]);
  }
  for (int i = 0; i < 3; ++i) total[i] = residual_tree(&over_strips[std::size_t(i * 32)]);
}

template <class T> std::vector<T> expect_value(const KinematicResidualArgs<T>& a, std::vector<double>& weights) {
  std::vector<T> value;
  const int channels = a.norm == ResidualNorm::signed_ ? 2 : 1;
  for (int64_t b = 0; b < a.problems; ++b) {
    if (a.reduction != ResidualReduction::none) {
      double total[3];
      expect_sums(a, b, total);
      weights.push_back(total[2]);
      for (int c = 0; c < channels; ++c)
        value.push_back(T(residual_value(a.norm, a.reduction, a.dt, total[c], total[2])));
      continue;
    }
    for (int64_t t = 1; t < a.frames - 1; ++t)
      for (int c = 0; c < channels; ++c)
        for (int64_t p = 0; p < a.pixels(); ++p) {
          T x, y, w, sum[3] = {0, 0, 0};
          residual_of(a, b, t, p / a.width, p % a.width, x, y, w);
          add(a.norm, x / T(a.dt), y / T(a.dt), w, sum);
          value.push_back(sum[c]);
        }
  }
  return value;
}

// Gradient of one problem by adding each residual's part to the frames around it.
template <class T> void expect_gradient(const KinematicResidualArgs<T>& a, int64_t b, std::vector<T>& gradient) {
  const std::size_t n = std::size_t(a.frames * 2 * a.pixels());
  std::vector<T> own(n, T(0)), q(n, T(0));
  std::vector<int64_t> sums(n, 0);
  const T factor[2] = {problem_factor(a, b, 0), problem_factor(a, b, 1)};
  const auto place = [&](int64_t t, int c, int64_t p) { return std::size_t((t * 2 + c) * a.pixels() + p); };
  std::vector<double> bounds(std::size_t(a.frames * 2), 0.0);
  const auto scale = [&](int64_t f) {
    const double ahead = f > 0 ? bounds[std::size_t(2 * f - 2)] : 0,
                 behind = f + 1 < a.frames ? bounds[std::size_t(2 * f + 3)] : 0;
    return fixed_scale(ahead > behind ? ahead : behind, double(a.iterations + 3) * 4 * double(a.pixels()));
  };
  std::vector<std::size_t> odd;
  for (int pass = 0; pass < 2; ++pass)
    for (int64_t t = 1; t < a.frames - 1; ++t)
      for (int64_t p = 0; p < a.pixels(); ++p) {
        const int64_t y = p / a.width, x = p % a.width;
        if (!a.advected) {
          T r[2], w;
          residual_of(a, b, t, y, x, r[0], r[1], w);
          for (int c = 0; c < 2; ++c) {
            const T k =
                a.reduction == ResidualReduction::none ? factor[c] * field_upstream(a, b, t, c, y, x) : factor[c];
            q[place(t, c, p)] = w != T(0) ? k * w * residual_slope_of(a.norm, r[c]) : T(0);
          }
          continue;
        }
        const auto pixel = advected_pixel(a, b, t, y, x, factor);
        const auto spread_one = [&](int64_t frame, int which) {
          return [&, frame, which](int c, int64_t at, T value) {
            double& bound = bounds[std::size_t(2 * t + which)];
            const double size = value < 0 ? -double(value) : double(value);
            if (!is_finite(value)) odd.push_back(place(frame, c, at));
            else if (pass == 0) bound = bound > size ? bound : size;
            else sums[place(frame, c, at)] += to_fixed(double(value), scale(frame));
          };
        };
        spread_ahead(pixel, spread_one(t + 1, 0));
        spread_behind(pixel, a.iterations, spread_one(t - 1, 1));
        T mine[2];
        own_part(pixel, mine);
        for (int c = 0; c < 2; ++c) own[place(t, c, p)] = mine[c];
      }
  for (int64_t t = 0; t < a.frames; ++t)
    for (int c = 0; c < 2; ++c)
      for (int64_t p = 0; p < a.pixels(); ++p) {
        const std::size_t i = place(t, c, p);
        const T before = t > 0 ? q[place(t - 1, c, p)] : T(0), after = t + 1 < a.frames ? q[place(t + 1, c, p)] : T(0);
        gradient.push_back(a.advected ? T(double(own[i]) + from_fixed(sums[i], scale(t)))
                                      : second_difference(before, q[i], after));
      }
  for (const std::size_t i : odd) gradient[gradient.size() - n + i] = quiet_nan<T>();
}

template <class T> void run_case(const Case& c, driver::Random& random, driver::Check& check) {
  const std::size_t pixels = std::size_t(c.height * c.width), n = std::size_t(c.problems * c.frames) * 2 * pixels;
  const int64_t HW = c.height * c.width, M = c.rule == MaskRule::explicit_ ? c.frames - 2 : c.frames;
  auto values = random.uniforms<T>(n, -2, 2), mask = random.uniforms<T>(std::size_t(c.problems * M) * pixels, -0.5, 1);
  std::vector<uint8_t> bytes(mask.size());
  for (std::size_t i = 0; i < mask.size(); ++i) bytes[i] = mask[i] > 0, mask[i] = mask[i] > 0 ? mask[i] : T(0);
  if (c.spoilt) values[n / 2] = quiet_nan<T>(), values[n / 3] = T(1) / T(0);
  const int channels = c.norm == ResidualNorm::signed_ ? 2 : 1;
  const bool field = c.reduction == ResidualReduction::none;
  const auto upstream =
      random.uniforms<T>(std::size_t(c.problems * channels) * (field ? std::size_t(c.frames - 2) * pixels : 1), -1, 1);

  KinematicResidualArgs<T> a;
  a.problems = c.problems, a.frames = c.frames, a.height = c.height, a.width = c.width;
  a.norm = c.norm, a.reduction = c.reduction, a.mask_rule = c.rule, a.advected = c.advected,
  a.iterations = c.iterations, a.dt = 0.5;
  const int64_t extent[5] = {c.problems, c.frames, 2, c.height, c.width};
  const int64_t planes[5] = {c.frames * 2 * HW, 2 * HW, HW, c.width, 1},
                last[5] = {c.frames * 2 * HW, 2 * HW, 1, 2 * c.width, 2};
  const auto set_strides = [&](Strided<const T, 5>& s) {
    for (int i = 0; i < 5; ++i) s.extent[i] = extent[i], s.stride[i] = c.channels_last ? last[i] : planes[i];
  };
  set_strides(a.flow);
  driver::DeviceArray<T> flow(values), weights(mask), up(upstream);
  driver::DeviceArray<uint8_t> used(bytes);
  // Once with host pointers for the reference, once with device pointers for the kernels.
  const auto point = [&](const T* f, const uint8_t* m, const T* w, const T* u) {
    a.flow.data = f;
    if (c.mask == 1) a.mask_bytes = {m, {c.problems, M, c.height, c.width}, {M * HW, HW, c.width, 1}};
    if (c.mask == 2) a.mask_values = {w, {c.problems, M, c.height, c.width}, {M * HW, HW, c.width, 1}};
    a.upstream = {u, {c.problems, channels}, {channels, 1}};
    a.upstream_field = {u,
                        {c.problems, c.frames - 2, channels, c.height, c.width},
                        {(c.frames - 2) * channels * HW, channels * HW, HW, c.width, 1}};
  };
  const auto call = [](const Outcome& outcome) {
    if (!outcome) return;
    std::fprintf(stderr, "%s\n", outcome.message);
    std::exit(2);
  };

  point(values.data(), bytes.data(), mask.data(), upstream.data());
  std::vector<double> want_weights;
  const std::vector<T> want = expect_value(a, want_weights);
  a.total_weight = want_weights.data();
  std::vector<T> want_gradient;
  for (int64_t b = 0; b < c.problems; ++b) expect_gradient(a, b, want_gradient);

  point(flow.data(), used.data(), weights.data(), up.data());
  driver::DeviceArray<T> value(want.size()), gradient(n);
  driver::DeviceArray<double> total(want_weights.size());
  a.value = value.data(), a.total_weight = total.data();
  driver::DeviceArray<double> forward_space(std::size_t(KT_BACKEND::kinematic_residual_workspace(a)));
  a.workspace = forward_space.data();
  call(KT_BACKEND::kinematic_residual(a, Launch{}));
  a.gradient = gradient.data();
  driver::DeviceArray<double> backward_space(std::size_t(KT_BACKEND::kinematic_residual_workspace(a)));
  a.workspace = backward_space.data();
  call(KT_BACKEND::kinematic_residual_backward(a, Launch{}));
  check.close("value", value.host(), want, 0, 0);
  if (!field) check.same_bits("total_weight", total.host(), want_weights);
  check.close("gradient", gradient.host(), want_gradient, 0, 0);
}

}  // namespace

int main() {
  kinetrace::driver::Random random(7);
  kinetrace::driver::Check check;
  using N = kinetrace::ResidualNorm;
  using R = kinetrace::ResidualReduction;
  using M = kinetrace::MaskRule;
  for (const Case& c : {Case{2, 7, 17, 19, N::squared, R::mean, 0, M::center, false, false, 0, false},
                        Case{3, 3, 5, 60, N::absolute, R::mean, 1, M::center, false, true, 0, false},
                        Case{1, 3, 2, 3, N::squared, R::mean, 0, M::center, false, false, 0, false},
                        Case{1, 9, 2, 150, N::signed_, R::sum, 2, M::all, false, false, 0, true},
                        Case{2, 6, 9, 33, N::squared, R::none, 1, M::explicit_, false, true, 0, true},
                        Case{1, 5, 11, 13, N::signed_, R::none, 2, M::any, false, false, 0, false},
                        Case{2, 5, 16, 18, N::squared, R::mean, 0, M::center, true, false, 0, false},
                        Case{1, 6, 12, 30, N::absolute, R::mean_elements, 1, M::any, true, true, 1, true},
                        Case{1, 4, 7, 9, N::signed_, R::none, 2, M::center, true, false, 2, true}})
    run_case<float>(c, random, check);
  run_case<double>(Case{2, 6, 13, 21, N::squared, R::mean, 2, M::center, false, false, 0, false}, random, check);
  run_case<double>(Case{1, 5, 13, 11, N::squared, R::sum, 1, M::center, true, false, 1, true}, random, check);
  return check.finish();
}
