// soft_dtw on one instruction set: groups of pairs, one in each lane. Compiled once per level with KT_ABI naming it.
//
// Forward rows leave the softmin weights of their cells in memory, the backward rows only multiply and add. Where the weights of
// all rows would exceed the limit, the forward direction first keeps one row of Z at the start of each piece of rows, and each
// piece is done again, with its weights kept, right before its backward rows.
#include "soft_dtw.hpp"

#include "soft_dtw_backward.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

template <class T> class SoftRun {
  using V = NativePack<T>;
  static constexpr int W = lanes<V>::width;

 public:
  SoftRun(const SoftDtwArgs<T>& args, const SoftLayout<T>& layout, SoftGroup<T>& group, T* memory)
      : a(args),
        at(layout),
        g(group),
        scratch(memory),
        rate(soft_rate<T>(args.gamma)),
        banded(args.window.limited),
        slopes_wanted(args.x_gradient || args.y_gradient),
        backward_wanted(slopes_wanted || args.alignment || args.rewards) {}

  void run() {
    load();
    const int64_t rows = g.rows, piece = backward_wanted ? at.kept_rows : rows + 1;
    int64_t start = 0;
    for (; start + piece < rows; start += piece) {
      if (backward_wanted) copy_state(start_of(start / piece), scratch + at.state);
      forward<false>(start, start + piece);
    }
    if (!backward_wanted) {
      forward<false>(start, rows);
    } else {
      forward<true>(start, rows);
      begin_backward();
      backward(start, rows);
      while (start > 0) {
        start -= piece;
        copy_state(scratch + at.state, start_of(start / piece));
        forward<true>(start, start + piece);
        backward(start, start + piece);
      }
      if (slopes_wanted) write_slopes();
      if (a.alignment) finish_alignment();
      if (a.rewards) write_rewards();
    }
    for (int l = 0; l < g.used; ++l) {
      const Status status = g.status(l);
      a.status[g.pair[l]] = status;
      a.value[g.pair[l]] = status == kOk           ? soft_value(g.final_exponent[l], g.final_mantissa[l], rate)
                           : status == kInfeasible ? infinity<T>()
                                                   : quiet_nan<T>();
    }
  }

 private:
  const SoftDtwArgs<T>& a;
  const SoftLayout<T>& at;
  SoftGroup<T>& g;
  T* const scratch;
  const T rate;
  const bool banded, slopes_wanted, backward_wanted;

  T* start_of(int64_t piece) { return scratch + at.starts + piece * 2 * (at.columns + 1) * W; }
  void copy_state(T* to, const T* from) const {
    __builtin_memcpy(to, from, std::size_t(2 * (g.columns + 1) * W) * sizeof(T));
  }
  void clear(int64_t offset, int64_t registers) const {
    for (int64_t i = 0; i < registers; ++i) store(scratch + offset + i * W, V(T(0)));
  }
  static int64_t rounded(int64_t n) { return (n + kSoftTile - 1) / kSoftTile * kSoftTile; }

  void load() {
    if (a.metric != Metric::given) {
      load_samples(a.x, g.n, g.rows, rounded(g.rows), a.dims, g, scratch + at.x);
      load_samples(a.y, g.m, g.columns, rounded(g.columns), a.dims, g, scratch + at.y);
    }
    if (a.metric == Metric::cosine) {
      norms(at.x, rounded(g.rows), at.x_norms);
      norms(at.y, rounded(g.columns), at.y_norms);
    }
    for (int64_t j = 0; j <= g.columns; ++j) store_cell(scratch + at.state + 2 * j * W, absent<V>());
    store_cell(scratch + at.state, Scaled<V>{V(T(0)), V(T(1))});
  }
  void norms(int64_t samples, int64_t count, int64_t to) const {
    for (int64_t i = 0; i < count; ++i)
      store(scratch + to + i * W, norm_of<V>(scratch + samples + i * a.dims * W, a.dims, W));
  }

  // Rows [begin, end); with weights kept from row `begin` on.
  template <bool kWeights> void forward(int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row += kSoftTile) {
      const int64_t count = end - row < kSoftTile ? end - row : kSoftTile;
      const SoftSpan<T> span(g, row, count, banded);
      g.suspect += exponents(a, at, g, span, row, scratch);
      T* weights = scratch + at.weights + 2 * (row - begin) * at.columns * W;
      for (int64_t r = 0; r < count;) {
        const int64_t together = rows_together(span, row + r, count - r, 1);
        if (banded) forward_some<kWeights, true>(span, r, together, weights);
        else forward_some<kWeights, false>(span, r, together, weights);
        r += together;
        keep_last_cells(row + r);
      }
    }
  }
  // How many of `count` rows from `row` on in steps of `step` are done at once: no pair may end within, and rows that run
  // one column behind each other need as many columns.
  int64_t rows_together(const SoftSpan<T>& span, int64_t row, int64_t count, int64_t step) const {
    if (span.last + 1 - span.first < kSoftTile) return 1;
    int64_t most = 1;
    while (most < count && !g.ends_at(step > 0 ? row + most - 1 : row - most)) ++most;
    return most >= 4 ? 4 : most >= 2 ? 2 : 1;
  }
  template <bool kWeights, bool kBanded> void forward_some(const SoftSpan<T>& span, int64_t r, int64_t together,
                                                           T* weights) {
    if (span.last < span.first) return;
    const int64_t pitch = at.columns * W;
    const T* costs = scratch + at.costs + r * pitch;
    T *state = scratch + at.state, *to = weights + 2 * r * pitch;
    if (together == 4) forward_rows<kWeights, kBanded, 4>(span, r, costs, pitch, state, to);
    else if (together == 2) forward_rows<kWeights, kBanded, 2>(span, r, costs, pitch, state, to);
    else forward_rows<kWeights, kBanded, 1>(span, r, costs, pitch, state, to);
  }
  // Z of the pairs whose last row is the one before `row`.
  void keep_last_cells(int64_t row) {
    for (int l = 0; l < W; ++l)
      if (g.n[l] == row) {
        const T* cell = scratch + at.state + 2 * g.m[l] * W;
        g.final_exponent[l] = cell[l], g.final_mantissa[l] = cell[W + l];
      }
  }

  void begin_backward() {
    clear(at.incoming, g.columns);
    clear(at.expected, kSoftTile * at.columns);
    if (a.y_gradient) clear(at.y_slopes, rounded(g.columns) * a.dims);
    if (slopes_wanted && a.metric == Metric::cosine) clear(at.y_shares, g.columns);
  }
  void backward(int64_t begin, int64_t end) {
    const int64_t pitch = at.columns * W;
    for (int64_t row = begin + (end - begin - 1) / kSoftTile * kSoftTile; row >= begin; row -= kSoftTile) {
      const int64_t count = end - row < kSoftTile ? end - row : kSoftTile;
      const SoftSpan<T> span(g, row, count, banded);
      if (banded || count < kSoftTile) clear(at.expected, kSoftTile * at.columns);
      const T* weights = scratch + at.weights + 2 * (row - begin) * pitch;
      for (int64_t r = count; r > 0;) {
        plant(row + r - 1);
        const int64_t together = rows_together(span, row + r - 1, r, -1);
        r -= together;
        backward_some(span, together, weights + 2 * r * pitch, scratch + at.expected + r * pitch);
      }
      if (a.alignment) write_alignment(row, count);
      if (a.rewards) mean_costs(span, row, count);
      if (!slopes_wanted) continue;
      if (a.metric == Metric::euclidean) sample_costs<Metric::euclidean, false>(a, at, span, row, scratch);
      if (a.metric == Metric::cosine) sample_costs<Metric::cosine, false>(a, at, span, row, scratch);
      add_slopes(a, at, span, any(g.largest > V(limits<T>::largest / 2)), row, scratch);
    }
  }
  void backward_some(const SoftSpan<T>& span, int64_t together, const T* weights, T* expected) {
    const int64_t pitch = at.columns * W, first = span.first, last = span.last;
    T* incoming = scratch + at.incoming;
    if (last < first) return;
    const bool twice = slopes_wanted && a.metric == Metric::sqeuclidean;
    if (together == 4 && twice) backward_rows<4, true>(first, last, weights, pitch, incoming, expected);
    else if (together == 4) backward_rows<4, false>(first, last, weights, pitch, incoming, expected);
    else if (together == 2 && twice) backward_rows<2, true>(first, last, weights, pitch, incoming, expected);
    else if (together == 2) backward_rows<2, false>(first, last, weights, pitch, incoming, expected);
    else if (twice) backward_rows<1, true>(first, last, weights, pitch, incoming, expected);
    else backward_rows<1, false>(first, last, weights, pitch, incoming, expected);
  }
  // d value / d value = 1, in the last cells of the pairs that end with this row and have a value.
  void plant(int64_t row) {
    for (int l = 0; l < W; ++l)
      if (g.n[l] == row + 1 && soft_feasible(g.final_exponent[l])) scratch[at.incoming + (g.m[l] - 1) * W + l] = T(1);
  }

  // The costs of these rows once more, then each row's mean under the alignment (twice the alignment gives the same).
  void mean_costs(const SoftSpan<T>& span, int64_t row, int64_t count) const {
    local_costs(a, at, g, span, row, scratch);
    for (int64_t r = 0; r < count; ++r) {
      MeanCost<V> mean;
      for (int64_t j = span.first; j <= span.last; ++j) {
        const int64_t cell = (r * at.columns + j) * W;
        mean.add(kinetrace::load<V>(scratch + at.expected + cell), kinetrace::load<V>(scratch + at.costs + cell));
      }
      store(scratch + at.rewards + (row + r) * W, mean.reward());
    }
  }
  void write_rewards() {
    T* to[W];
    for (int l = 0; l < W; ++l) to[l] = a.rewards + g.pair[l] * a.rows;
    scatter_rows(scratch + at.rewards, g.n, g.used, a.rows, to);
    for (int l = 0; l < g.used; ++l)
      for (int64_t i = 0; g.status(l) != kOk && i < a.rows; ++i) to[l][i] = quiet_nan<T>();
  }

  void write_alignment(int64_t row, int64_t count) {
    for (int64_t r = 0; r < count; ++r) {
      T* to[W];
      int64_t length[W];
      for (int l = 0; l < W; ++l) {
        to[l] = a.alignment + (g.pair[l] * a.rows + row + r) * a.columns, length[l] = row + r < g.n[l] ? g.m[l] : 0;
      }
      scatter_rows(scratch + at.expected + r * at.columns * W, length, g.used, a.columns, to);
    }
  }
  void finish_alignment() {
    for (int l = 0; l < g.used; ++l) {
      T* to = a.alignment + g.pair[l] * a.rows * a.columns;
      for (int64_t i = g.rows * a.columns; i < a.rows * a.columns; ++i) to[i] = T(0);
      if (g.status(l) == kOk) continue;
      const T fill = g.status(l) == kNonFinite ? quiet_nan<T>() : T(0);
      for (int64_t i = 0; i < g.n[l]; ++i)
        for (int64_t j = 0; j < g.m[l]; ++j) to[i * a.columns + j] = fill;
    }
  }

  void write_slopes() {
    if (a.metric == Metric::cosine) {
      finish_cosine(at.x, at.x_slopes, at.x_shares, at.x_norms, g.rows);
      if (a.y_gradient) finish_cosine(at.y, at.y_slopes, at.y_shares, at.y_norms, g.columns);
    }
    if (a.x_gradient) write_slopes(at.x_slopes, g.n, a.rows, a.x_gradient);
    if (a.y_gradient) write_slopes(at.y_slopes, g.m, a.columns, a.y_gradient);
  }
  void finish_cosine(int64_t samples, int64_t gradients, int64_t shares, int64_t norms_at, int64_t count) const {
    for (int64_t i = 0; i < count; ++i) {
      const V share = kinetrace::load<V>(scratch + shares + i * W),
              norm = kinetrace::load<V>(scratch + norms_at + i * W);
      for (int64_t k = i * a.dims * W; k < (i + 1) * a.dims * W; k += W)
        store(scratch + gradients + k, cosine_slope(kinetrace::load<V>(scratch + gradients + k),
                                                    kinetrace::load<V>(scratch + samples + k), share, norm));
    }
  }
  void write_slopes(int64_t from, const int64_t* length, int64_t extent, T* out) {
    T* to[W];
    int64_t count[W];
    for (int l = 0; l < W; ++l) to[l] = out + g.pair[l] * extent * a.dims, count[l] = length[l] * a.dims;
    scatter_rows(scratch + from, count, g.used, extent * a.dims, to);
    for (int l = 0; l < g.used; ++l) {
      if (g.status(l) == kOk) continue;
      const T fill = g.status(l) == kNonFinite ? quiet_nan<T>() : T(0);
      for (int64_t i = 0; i < count[l]; ++i) to[l][i] = fill;
    }
  }
};

template <class T> void run_groups(const SoftDtwArgs<T>& a, const int64_t* order, int64_t begin, int64_t end,
                                   T* scratch) {
  const SoftLayout<T> layout(a);
  for (int64_t i = begin; i < end; i += SoftGroup<T>::W) {
    SoftGroup<T> group(a, order, i, end);
    SoftRun<T>(a, layout, group, scratch).run();
  }
}

}  // namespace

void soft_dtw(const SoftDtwArgs<float>& a, const int64_t* order, int64_t begin, int64_t end, float* scratch) {
  run_groups(a, order, begin, end, scratch);
}
void soft_dtw(const SoftDtwArgs<double>& a, const int64_t* order, int64_t begin, int64_t end, double* scratch) {
  run_groups(a, order, begin, end, scratch);
}

}  // namespace KT_ABI
}  // namespace kinetrace
