// The soft_dtw kernel against the maths of its headers, one cell after the other: every output bit.
#include "driver.hpp"

#define KT_SOFT_DTW_WORKSPACE_BYTES 30000  // some pairs have to wait for another's workspace
#include "soft_dtw.cu"

namespace {

using kinetrace::Metric;
using kinetrace::Scaled;
using kinetrace::SoftDtwArgs;

struct Case {
  int64_t pairs, rows, columns, dims;
  Metric metric;
  int64_t radius;  // of the window; -1: none
  bool ragged;
  const char* wanted;  // any of 'a'lignment, 'g'radients, 'r'ewards
};

template <class T> struct Data {
  std::vector<T> x, y;
  std::vector<int32_t> n, m;
};
template <class T> struct Outputs {
  std::vector<T> value, alignment, x_gradient, y_gradient, rewards;
};

template <class T> T norm_of_x(const SoftDtwArgs<T>& a, int64_t p, int64_t i) {
  return kinetrace::norm_of<T>(a.x.data + p * a.x.stride[0] + i * a.x.stride[1], a.dims, 1);
}
template <class T> T norm_of_y(const SoftDtwArgs<T>& a, int64_t p, int64_t j) {
  return kinetrace::norm_of<T>(a.y.data + p * a.y.stride[0] + j * a.y.stride[1], a.dims, 1);
}
template <class T> T norms(const SoftDtwArgs<T>& a, int64_t p, int64_t i, int64_t j) {
  return norm_of_x(a, p, i) * norm_of_y(a, p, j);
}

template <class T> T cost(const SoftDtwArgs<T>& a, int64_t p, int64_t i, int64_t j) {
  const T *x = a.x.data + p * a.x.stride[0] + i * a.x.stride[1], *y = a.y.data + p * a.y.stride[0] + j * a.y.stride[1];
  if (a.metric == Metric::euclidean) return kinetrace::local_cost<Metric::euclidean, T>(x, 1, y, 1, a.dims, T(1));
  if (a.metric == Metric::dot) return kinetrace::local_cost<Metric::dot, T>(x, 1, y, 1, a.dims, T(1));
  if (a.metric == Metric::cosine)
    return kinetrace::local_cost<Metric::cosine, T>(x, 1, y, 1, a.dims, norms(a, p, i, j));
  return kinetrace::local_cost<Metric::sqeuclidean, T>(x, 1, y, 1, a.dims, T(1));
}

// E of one pair into `e` (N, M); returns its value.
template <class T> T solve(const SoftDtwArgs<T>& a, int64_t p, int64_t n, int64_t m, T* e) {
  const T rate = kinetrace::soft_rate<T>(a.gamma);
  const kinetrace::Band band = kinetrace::band_of(a.window, n, m);
  const auto cell = [&](int64_t i, int64_t j) { return std::size_t((i + 1) * (m + 1) + j + 1); };
  std::vector<Scaled<T>> z(std::size_t((n + 1) * (m + 1)), kinetrace::absent<T>());
  std::vector<kinetrace::SoftWeights<T>> w(std::size_t((n + 2) * (m + 2)));
  z[0] = {T(0), T(1)};
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j) {
      const bool inside = first_column(band, i) <= j && j <= last_column(band, i);
      const T c = cost(a, p, i, j);
      const T x = !inside                       ? T(0)
                  : costs_need_checks(a.metric) ? kinetrace::soft_exponent_signed(c, rate)
                                                : kinetrace::soft_exponent(c, rate);
      z[cell(i, j)] = kinetrace::soft_cell<true>(x, z[cell(i - 1, j - 1)], z[cell(i - 1, j)], z[cell(i, j - 1)],
                                                 w[std::size_t(i * m + j)]);
      if (!inside) z[cell(i, j)].exponent = kinetrace::absent<T>().exponent;
    }
  for (int64_t i = n - 1; i >= 0; --i)
    for (int64_t j = m - 1; j >= 0; --j) {
      const auto passed = [&](int64_t k, int64_t l) { return k < n && l < m ? e[k * a.columns + l] : T(0); };
      const auto weight = [&](int64_t k, int64_t l) {
        return k < n && l < m ? w[std::size_t(k * m + l)] : kinetrace::SoftWeights<T>{T(0), T(0), false};
      };
      const T from_corner = passed(i + 1, j + 1) * weight(i + 1, j + 1).diagonal();
      T incoming = kinetrace::fma(passed(i + 1, j), weight(i + 1, j).up, from_corner);
      if (i == n - 1 && j == m - 1) incoming = T(1);
      e[i * a.columns + j] = kinetrace::soft_flush(incoming + passed(i, j + 1) * weight(i, j + 1).left);
    }
  return kinetrace::soft_value(z[cell(n - 1, m - 1)].exponent, z[cell(n - 1, m - 1)].mantissa, rate);
}

template <class T> T factor(const SoftDtwArgs<T>& a, int64_t p, int64_t i, int64_t j, T e) {
  if (a.metric == Metric::euclidean) return kinetrace::slope_factor<Metric::euclidean>(e, cost(a, p, i, j), T(1));
  if (a.metric == Metric::dot) return kinetrace::slope_factor<Metric::dot>(e, T(0), T(1));
  if (a.metric == Metric::cosine) return kinetrace::slope_factor<Metric::cosine>(e, T(0), norms(a, p, i, j));
  return kinetrace::slope_factor<Metric::sqeuclidean>(e, T(0), T(1));
}

template <class T> Outputs<T> expected(const SoftDtwArgs<T>& a, const Data<T>& data) {
  const auto size = [](int64_t n) { return std::size_t(n); };
  Outputs<T> out{std::vector<T>(size(a.pairs)), std::vector<T>(size(a.pairs * a.rows * a.columns)),
                 std::vector<T>(size(a.pairs * a.rows * a.dims)), std::vector<T>(size(a.pairs * a.columns * a.dims)),
                 std::vector<T>(size(a.pairs * a.rows))};
  const bool cosine = a.metric == Metric::cosine, product = cosine || a.metric == Metric::dot;
  for (int64_t p = 0; p < a.pairs; ++p) {
    const int64_t n = data.n[size(p)], m = data.m[size(p)];
    T* e = out.alignment.data() + p * a.rows * a.columns;
    out.value[size(p)] = solve(a, p, n, m, e);
    for (int64_t i = 0; i < n; ++i) {
      kinetrace::MeanCost<T> mean;
      for (int64_t j = 0; j < m; ++j) mean.add(e[i * a.columns + j], cost(a, p, i, j));
      out.rewards[size(p * a.rows + i)] = mean.reward();
    }
    for (int64_t d = 0; d < a.dims; ++d) {
      const T *x = a.x.data + p * a.x.stride[0] + d, *y = a.y.data + p * a.y.stride[0] + d;
      for (int64_t i = 0; i < n; ++i) {
        T sum = T(0), share = T(0);
        const T own = x[i * a.dims];
        for (int64_t j = 0; j < m; ++j) {
          const T other = y[j * a.dims], weight = e[i * a.columns + j];
          sum = kinetrace::fma(factor(a, p, i, j, weight), product ? other : own - other, sum);
          share = kinetrace::fma(weight, T(1) - cost(a, p, i, j), share);
        }
        out.x_gradient[size((p * a.rows + i) * a.dims + d)] =
            cosine ? kinetrace::cosine_slope(sum, own, share, norm_of_x(a, p, i)) : sum;
      }
      for (int64_t j = 0; j < m; ++j) {
        T sum = T(0), share = T(0);
        const T own = y[j * a.dims];
        for (int64_t i = n - 1; i >= 0; --i) {
          const T other = x[i * a.dims], weight = e[i * a.columns + j];
          sum = kinetrace::fma(factor(a, p, i, j, weight), product ? other : -(other - own), sum);
          share = kinetrace::fma(weight, T(1) - cost(a, p, i, j), share);
        }
        out.y_gradient[size((p * a.columns + j) * a.dims + d)] =
            cosine ? kinetrace::cosine_slope(sum, own, share, norm_of_y(a, p, j)) : sum;
      }
    }
  }
  return out;
}

template <class T> int run(const Case& c, kinetrace::driver::Random& random, kinetrace::driver::Check& check) {
  using namespace kinetrace;
  const auto wants = [&](char output) { return std::strchr(c.wanted, output) != nullptr; };
  const auto size = [](int64_t n) { return std::size_t(n); };
  Data<T> data{random.uniforms<T>(size(c.pairs * c.rows * c.dims), -1, 1),
               random.uniforms<T>(size(c.columns * c.dims), -1, 1), std::vector<int32_t>(size(c.pairs)),
               std::vector<int32_t>(size(c.pairs))};
  for (std::size_t p = 0; p < size(c.pairs); ++p) {
    data.n[p] = int32_t(c.ragged ? 1 + random.below(unsigned(c.rows)) : unsigned(c.rows));
    data.m[p] = int32_t(c.ragged ? 1 + random.below(unsigned(c.columns)) : unsigned(c.columns));
  }
  driver::DeviceArray<T> x(data.x), y(data.y), value(size(c.pairs)), alignment(size(c.pairs * c.rows * c.columns)),
      x_gradient(size(c.pairs * c.rows * c.dims)), y_gradient(size(c.pairs * c.columns * c.dims)),
      rewards(size(c.pairs * c.rows));
  driver::DeviceArray<int32_t> n(data.n), m(data.m), status(size(c.pairs));
  const auto fill = [&](SoftDtwArgs<T>& a, const T* x_data, const T* y_data, const int32_t* ns, const int32_t* ms) {
    a.pairs = c.pairs, a.rows = c.rows, a.columns = c.columns, a.dims = c.dims, a.metric = c.metric, a.gamma = 0.3;
    a.x = {x_data, {c.pairs, c.rows, c.dims}, {c.rows * c.dims, c.dims, 1}};
    a.y = {y_data, {1, c.columns, c.dims}, {0, c.dims, 1}};
    a.x_lengths.data32 = ns, a.y_lengths.data32 = ms, a.x_lengths.stride = a.y_lengths.stride = 1;
    a.x_lengths.extent = c.rows, a.y_lengths.extent = c.columns;
    a.window.limited = c.radius >= 0, a.window.radius = double(c.radius);
  };
  SoftDtwArgs<T> on_device, on_host;
  fill(on_device, x.data(), y.data(), n.data(), m.data());
  fill(on_host, data.x.data(), data.y.data(), data.n.data(), data.m.data());
  on_device.value = value.data(), on_device.status = status.data();
  if (wants('a')) on_device.alignment = alignment.data();
  if (wants('g')) on_device.x_gradient = x_gradient.data(), on_device.y_gradient = y_gradient.data();
  if (wants('r')) on_device.rewards = rewards.data();
  driver::DeviceArray<uint8_t> workspace(size(KT_BACKEND::soft_dtw_workspace(on_device)));
  on_device.workspace = workspace.data();
  const Outcome outcome = KT_BACKEND::soft_dtw(on_device, Launch{});
  if (outcome.code) {
    std::fprintf(stderr, "%s\n", outcome.message);
    return 2;
  }
  const Outputs<T> want = expected(on_host, data);
  check.same_bits("value", value.host(), want.value);
  check.same_bits("status", status.host(), std::vector<int32_t>(size(c.pairs)));
  if (wants('a')) check.same_bits("alignment", alignment.host(), want.alignment);
  if (wants('g')) check.same_bits("x_gradient", x_gradient.host(), want.x_gradient);
  if (wants('g')) check.same_bits("y_gradient", y_gradient.host(), want.y_gradient);
  if (wants('r')) check.same_bits("rewards", rewards.host(), want.rewards);
  return 0;
}

}  // namespace

int main() {
  kinetrace::driver::Random random(7);
  kinetrace::driver::Check check;
  const Case cases[] = {{5, 6, 9, 2, Metric::sqeuclidean, -1, true, "a"},
                        {2, 37, 270, 1, Metric::euclidean, -1, false, "g"},
                        {3, 40, 131, 3, Metric::sqeuclidean, 6, true, "g"},
                        {2, 9, 133, 3, Metric::cosine, -1, true, "g"},
                        {3, 60, 40, 2, Metric::cosine, -1, false, "r"},
                        {3, 40, 5, 2, Metric::cosine, -1, false, "rg"},
                        {2, 37, 11, 2, Metric::sqeuclidean, -1, false, "rg"},
                        {2, 3, 129, 2, Metric::dot, -1, false, "a"},
                        {1, 1, 1, 1, Metric::dot, 0, false, "g"}};
  for (const Case& c : cases) {
    if (const int code = run<float>(c, random, check)) return code;
    if (const int code = run<double>(c, random, check)) return code;
  }
  return check.finish();
}
