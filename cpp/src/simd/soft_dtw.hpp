// What the instruction-set builds of soft_dtw offer to the schedule.
#pragma once
#include <kinetrace/soft_dtw/types.hpp>

#include "../simd_level.hpp"

namespace kinetrace {

// Pairs that travel together at most: the lanes of the widest register.
template <class T> constexpr int64_t kSoftLanes = 64 / int64_t(sizeof(T));

// Rows whose costs, and whose gradients, are computed together.
constexpr int64_t kSoftTile = 4;

// How the scratch of one group is divided, in elements; whole registers of the widest set, so that any set may use it.
// Rows and columns are rounded up to tiles.
template <class T> struct SoftLayout {
  int64_t rows, columns;  // rounded up
  int64_t kept_rows;  // rows whose weights are kept at once; more rows: the forward direction is repeated in pieces
  int64_t x, y, x_norms, y_norms, costs, state, weights, starts, incoming, expected, rewards, x_slopes, y_slopes,
      x_shares, y_shares;
  int64_t size;

  explicit SoftLayout(const SoftDtwArgs<T>& a) {
    rows = round_up(a.rows), columns = round_up(a.columns);
    const bool given = a.metric == Metric::given, cosine = a.metric == Metric::cosine;
    const bool slopes = a.x_gradient || a.y_gradient, backward = slopes || a.alignment || a.rewards;
    const int64_t row_bytes = 1 + columns * 2 * 64;
    kept_rows = !backward ? 0 : a.kept_bytes / row_bytes / kSoftTile * kSoftTile;
    if (kept_rows < rows) kept_rows = kept_rows / 4 / kSoftTile * kSoftTile;  // pieces near a core's own cache
    if (kept_rows < kSoftTile) kept_rows = kSoftTile;
    if (kept_rows > rows) kept_rows = rows;
    size = 0;
    x = take(given ? 0 : rows * a.dims), y = take(given ? 0 : columns * a.dims);
    x_norms = take(cosine ? rows : 0), y_norms = take(cosine ? columns : 0);
    costs = take(kSoftTile * columns), state = take(2 * (columns + 1));
    weights = take(backward ? kept_rows * columns * 2 : 0);
    starts = take(backward && kept_rows < rows ? (rows / kept_rows + 1) * 2 * (columns + 1) : 0);
    incoming = take(backward ? columns : 0), expected = take(backward ? kSoftTile * columns : 0);
    rewards = take(a.rewards ? rows : 0);
    x_slopes = take(slopes ? rows * a.dims : 0), y_slopes = take(a.y_gradient ? columns * a.dims : 0);
    x_shares = take(slopes && cosine ? rows : 0), y_shares = take(slopes && cosine ? columns : 0);
  }

 private:
  static int64_t round_up(int64_t n) { return (n + kSoftTile - 1) / kSoftTile * kSoftTile; }
  int64_t take(int64_t registers) {
    const int64_t at = size;
    size += registers * kSoftLanes<T>;
    return at;
  }
};

// Pairs order[begin..end), which are best alike in length; `order` may be nullptr: 0, 1, 2, ...
KT_SIMD_DECLARE(void soft_dtw(const SoftDtwArgs<float>& a, const int64_t* order, int64_t begin, int64_t end,
                              float* scratch))
KT_SIMD_DECLARE(void soft_dtw(const SoftDtwArgs<double>& a, const int64_t* order, int64_t begin, int64_t end,
                              double* scratch))

}  // namespace kinetrace
