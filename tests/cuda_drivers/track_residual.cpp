// The track_residual kernels against plain loops over the maths of their header: every output bit.
#include "driver.hpp"

#include "track_residual.cu"

namespace {

using namespace kinetrace;

struct Case {
  int64_t problems, frames, tracks;
  int dims;
  bool masked;
};

template <class T> struct Problem {
  TrackResidualArgs<T> a;  // over host memory
  int64_t residuals() const { return a.frames - 3; }
  bool counts(int64_t b, int64_t t, int64_t n) const {
    bool all = t >= 0 && t < residuals();
    for (int64_t k = t; all && k < t + 4; ++k)
      all = !a.visible.data || a.visible.data[(b * a.frames + k) * a.tracks + n];
    return all;
  }
  double at(int64_t b, int64_t t, int64_t n, int d) const {
    return double(a.positions.data[((b * a.frames + t) * a.tracks + n) * a.dims + d]);
  }
  double residual(int64_t b, int64_t t, int64_t n, int d) const {
    return third_difference(at(b, t, n, d), at(b, t + 1, n, d), at(b, t + 2, n, d), at(b, t + 3, n, d));
  }
};

// Lane l of 32 takes items l, l + 32, ...; then the tree. One item per lane makes it the sum of a group.
template <class Get> double in_lanes(int64_t items, const Get& get) {
  double lanes[kTrackLanes] = {};
  for (int64_t i = 0; i < items; ++i) lanes[i % kTrackLanes] = lanes[i % kTrackLanes] + get(i);
  tree_sum(lanes);
  return lanes[0];
}

template <class T> void reduce(const Problem<T>& p, std::vector<T>& value, std::vector<double>& count) {
  const auto& a = p.a;
  const int sums = sums_of(a);
  for (int64_t b = 0; b < a.problems; ++b) {
    double counted = 0;
    for (int c = 0; c < sums; ++c) {
      counted = 0;
      const double total = in_lanes(groups_of(a), [&](int64_t g) {
        const int64_t left = a.tracks - g * kTrackLanes;
        return in_lanes(left < kTrackLanes ? left : kTrackLanes, [&](int64_t l) {
          double track = 0;
          for (int d = sums == 1 ? 0 : c; d < (sums == 1 ? a.dims : c + 1); ++d) {
            double sum = 0;
            for (int64_t t = 0; t < p.residuals(); ++t)
              if (p.counts(b, t, g * kTrackLanes + l))
                sum = accumulate(a.norm, p.residual(b, t, g * kTrackLanes + l, d), sum),
                counted += d == (sums == 1 ? 0 : c);
            track = d == (sums == 1 ? 0 : c) ? sum : track + sum;
          }
          return track;
        });
      });
      value[std::size_t(b * sums + c)] = value_of(a, total, counted);
    }
    count[std::size_t(b)] = counted;
  }
}

template <class T> void field(const Problem<T>& p, std::vector<T>& value) {
  const auto& a = p.a;
  std::size_t at = 0;
  for (int64_t b = 0; b < a.problems; ++b)
    for (int64_t t = 0; t < p.residuals(); ++t)
      for (int64_t n = 0; n < a.tracks; ++n) {
        double sum = 0;
        for (int d = 0; d < a.dims; ++d) {
          const double r = p.counts(b, t, n) ? p.residual(b, t, n, d) : 0;
          if (a.norm == ResidualNorm::signed_) value[at++] = T(per_frame(a.norm, a.dt, r));
          sum = accumulate(a.norm, r, sum);
        }
        if (a.norm != ResidualNorm::signed_) value[at++] = T(per_frame(a.norm, a.dt, sum));
      }
}

template <class T> void gradient(const Problem<T>& p, const std::vector<T>& upstream, const std::vector<double>& count,
                                 std::vector<T>& out) {
  const auto& a = p.a;
  const int sums = sums_of(a);
  const bool whole = a.reduction != ResidualReduction::none;
  const auto q = [&](int64_t b, int64_t t, int64_t n, int d) {
    if (!p.counts(b, t, n)) return 0.0;
    const int64_t place = (whole ? b : (b * p.residuals() + t) * a.tracks + n) * sums + (sums == 1 ? 0 : d);
    return slope(a.norm, p.residual(b, t, n, d),
                 slope_factor(a, upstream[std::size_t(place)], whole ? count[std::size_t(b)] : 0.0));
  };
  std::size_t at = 0;
  for (int64_t b = 0; b < a.problems; ++b)
    for (int64_t t = 0; t < a.frames; ++t)
      for (int64_t n = 0; n < a.tracks; ++n)
        for (int d = 0; d < a.dims; ++d)
          out[at++] = T(spread(q(b, t, n, d), q(b, t - 1, n, d), q(b, t - 2, n, d), q(b, t - 3, n, d)));
}

template <class T> int run(const Case& c, ResidualNorm norm, ResidualReduction reduction, driver::Random& random,
                           driver::Check& check) {
  const std::size_t rows = std::size_t(c.problems * c.frames * c.tracks),
                    residuals = std::size_t(c.problems * (c.frames - 3) * c.tracks);
  const std::vector<T> positions = random.uniforms<T>(rows * std::size_t(c.dims), -50, 50);
  std::vector<uint8_t> visible(rows);
  for (auto& v : visible) v = random.below(8) != 0;
  driver::DeviceArray<T> device_positions(positions);
  driver::DeviceArray<uint8_t> device_visible(visible);
  const auto fill = [&](TrackResidualArgs<T>& a, const T* p, const uint8_t* v) {
    const int64_t row = c.tracks * c.dims;
    a.problems = c.problems, a.frames = c.frames, a.tracks = c.tracks, a.dims = c.dims, a.norm = norm,
    a.reduction = reduction, a.dt = 0.3;
    a.positions = {p, {c.problems, c.frames, c.tracks, c.dims}, {c.frames * row, row, c.dims, 1}};
    if (c.masked) a.visible = {v, {c.problems, c.frames, c.tracks}, {c.frames * c.tracks, c.tracks, 1}};
  };
  TrackResidualArgs<T> a;
  Problem<T> host;
  fill(a, device_positions.data(), device_visible.data()), fill(host.a, positions.data(), visible.data());
  const bool whole = reduction != ResidualReduction::none;
  const std::size_t values = (whole ? std::size_t(c.problems) : residuals) * std::size_t(sums_of(a)),
                    counts = std::size_t(whole ? c.problems : 0);
  driver::DeviceArray<T> value(values), out(positions.size());
  driver::DeviceArray<double> count(counts), workspace(std::size_t(KT_BACKEND::track_residual_workspace(a)));
  a.value = value.data(), a.count = count.data(), a.workspace = workspace.data();
  const Outcome forward = KT_BACKEND::track_residual(a, Launch{});
  std::vector<T> want(values), want_gradient(positions.size());
  std::vector<double> want_count(counts);
  if (whole) reduce(host, want, want_count);
  else field(host, want);
  const std::vector<T> upstream = random.uniforms<T>(values, -2, 2);
  driver::DeviceArray<T> device_upstream(upstream);
  const int64_t sums = sums_of(a), residual_rows = (c.frames - 3) * c.tracks;
  if (whole) a.upstream = {device_upstream.data(), {c.problems, sums}, {sums, 1}};
  else
    a.upstream_field = {device_upstream.data(),
                        {c.problems, c.frames - 3, c.tracks, sums},
                        {residual_rows * sums, c.tracks * sums, sums, 1}};
  a.gradient = out.data();
  const Outcome backward = KT_BACKEND::track_residual_backward(a, Launch{});
  if (forward.code || backward.code) {
    std::fprintf(stderr, "%s%s\n", forward.message, backward.message);
    return 2;
  }
  gradient(host, upstream, want_count, want_gradient);
  check.same_bits("value", value.host(), want);
  if (whole) check.same_bits("count", count.host(), want_count);
  check.same_bits("gradient", out.host(), want_gradient);
  return 0;
}

}  // namespace

int main() {
  driver::Random random(3);
  driver::Check check;
  const Case cases[] = {{2, 9, 70, 2, true}, {1, 4, 32, 1, false}, {5, 40, 3, 3, true}, {1, 6, 1100, 4, true}};
  for (const Case& c : cases)
    for (const auto norm : {ResidualNorm::squared, ResidualNorm::absolute, ResidualNorm::signed_})
      for (const auto reduction : {ResidualReduction::mean, ResidualReduction::mean_elements, ResidualReduction::sum,
                                   ResidualReduction::none}) {
        if (const int code = run<float>(c, norm, reduction, random, check)) return code;
        if (const int code = run<double>(c, norm, reduction, random, check)) return code;
      }
  return check.finish();
}
