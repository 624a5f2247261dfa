// group_advantages on one instruction set: a group per lane, its rewards in double one below the other.
#include "group_advantages.hpp"

#include <kinetrace/core/pack.hpp>
#include <kinetrace/group_advantages/statistics.hpp>

#include "../thread_pool.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

using V = NativePack<double>;
using M = mask_of<V>;
constexpr int W = KT_VECTOR_BYTES / int(sizeof(double));

// Squares are summed in the same pass as long as they fit the registers' room; W groups at a time.
template <class T> class Block {
 public:
  Block(const GroupAdvantagesArgs<T>& args, const GroupIndex& groups, int64_t first_group, int64_t count)
      : a(args), index(groups), first(first_group), used(int(count)) {
    for (int l = 0; l < W; ++l) {
      begin[l] = l < used ? index.start[first + l] : 0;
      size[l] = l < used ? index.start[first + l + 1] - begin[l] : 0;
      if (size[l] > longest) longest = size[l];
    }
    const bool weighted = a.mode == AdvantageMode::opo;
    x = static_cast<double*>(thread_scratch(std::size_t(longest) * W * sizeof(double) * (weighted ? 2 : 1)));
    tokens = weighted ? x + longest * W : nullptr;
  }

  void run(int64_t column) {
    load(column);
    const GroupStatistics<V> s = statistics();
    for (int64_t j = 0; j < longest; ++j) store(x + j * W, row_value(a, s, kinetrace::load<V>(x + j * W)));
    write(column);
  }

 private:
  int64_t row(int l, int64_t j) const {
    const int64_t at = begin[l] + j;
    return index.order ? index.order[at] : at;
  }

  // Lanes that end early hold NaN, as unavailable rewards do.
  void load(int64_t column) {
    const T* data = a.rewards.data;
    const int64_t step = a.rewards.stride[0];
    const bool plain = !index.order && (a.apart || a.columns == 1) && (columns_apart(a) || a.weights[0] == 1);
    for (int l = 0; l < W; ++l) {
      double* lane = x + l;
      if (plain) {
        const T* from = data + begin[l] * step + column * a.rewards.stride[1];
        for (int64_t j = 0; j < size[l]; ++j) lane[j * W] = double(from[j * step]);
      } else {
        for (int64_t j = 0; j < size[l]; ++j) lane[j * W] = row_reward(a, row(l, j), column);
      }
      for (int64_t j = size[l]; j < longest; ++j) lane[j * W] = quiet_nan<double>();
      if (tokens)
        for (int64_t j = 0; j < longest; ++j) tokens[l + j * W] = j < size[l] ? length_at(a, row(l, j)) : 0.0;
    }
  }

  GroupStatistics<V> statistics() {
    Extremes<V> e;
    for (int64_t j = 0; j < longest; ++j) {
      const V value = kinetrace::load<V>(x + j * W);
      const M available = abs(value) < V(kTooLarge);
      store(x + j * W, select(available, value, V(quiet_nan<double>())));
      e.add(value, available);
      if (tokens) {
        const V length = select(available, kinetrace::load<V>(tokens + j * W), V(0.0));
        e.tokens = e.tokens + length, e.longest = max(length, e.longest);
      }
    }
    GroupStatistics<V> s;
    double rows[W];
    for (int l = 0; l < W; ++l) rows[l] = double(size[l]);
    s.rows = kinetrace::load<V>(rows);
    ExactSum<V> total(tokens ? e.bound() * e.longest : e.bound(), e.count);
    for (int64_t j = 0; j < longest; ++j) {
      const V value = kinetrace::load<V>(x + j * W);
      const V term = tokens ? value * kinetrace::load<V>(tokens + j * W) : value;
      total.add(select(value == value, term, V(0.0)));
    }
    set_mean(a, e, total.total(), s);
    if (needs_squares(a)) {
      ExactSum<V> squares(e.square_bound(), e.count);
      for (int64_t j = 0; j < longest; ++j) {
        const V value = kinetrace::load<V>(x + j * W), d = value - s.mean;
        squares.add(select(value == value, d * d, V(0.0)));
      }
      set_deviation(a, squares.total(), s);
    }
    if (a.mode == AdvantageMode::passk) s.second = second_best(s.high);
    return s;
  }

  // The largest but one, which equals the largest if that occurs twice.
  V second_best(V high) const {
    V second(-infinity<double>()), at_top(0.0);
    for (int64_t j = 0; j < longest; ++j) {
      const V value = kinetrace::load<V>(x + j * W);
      at_top = at_top + select(value == high, V(1.0), V(0.0));
      second = max(select(value < high, value, second), second);
    }
    return select(at_top > V(1.0), high, second);
  }

  void write(int64_t column) {
    for (int l = 0; l < used; ++l) {
      const double* lane = x + l;
      if (ends_with_batch(a)) {
        for (int64_t j = 0; j < size[l]; ++j) stage(row(l, j), column, lane[j * W]);
      } else if (!index.order && !a.apart) {
        T* to = a.value + begin[l];
        for (int64_t j = 0; j < size[l]; ++j) to[j] = rounded<T>(shown(a, lane[j * W]));
      } else {
        for (int64_t j = 0; j < size[l]; ++j) {
          const int64_t at = a.apart ? row(l, j) * a.columns + column : row(l, j);
          a.value[at] = rounded<T>(shown(a, lane[j * W]));
        }
      }
    }
  }

  void stage(int64_t at, int64_t column, double value) {
    if (a.mode != AdvantageMode::gdpo) {
      a.stage[at] = value;
      a.stage[a.rows + at] = combined_reward(a, at);
      return;
    }
    const double before = column ? a.stage[at] : 0.0;
    const bool missing = !(value == value);
    a.stage[at] = missing && !a.propagate ? before : fma(a.weights[column], value, before);
    if (column + 1 == a.columns && !is_scorable(a, at)) a.stage[at] = quiet_nan<double>();
  }

  const GroupAdvantagesArgs<T>& a;
  const GroupIndex& index;
  int64_t first;
  int used;
  int64_t begin[W], size[W], longest = 0;
  double *x, *tokens;
};

template <class T>
void run(const GroupAdvantagesArgs<T>& a, const GroupIndex& index, int64_t first, int64_t last) {
  const int64_t columns = columns_apart(a) ? a.columns : 1;
  for (int64_t g = first; g < last; g += W) {
    Block<T> block(a, index, g, last - g < W ? last - g : W);
    for (int64_t k = 0; k < columns; ++k) block.run(k);
  }
}

}  // namespace

void group_advantages(const GroupAdvantagesArgs<float>& a, const GroupIndex& index, int64_t first, int64_t last) {
  run(a, index, first, last);
}
void group_advantages(const GroupAdvantagesArgs<double>& a, const GroupIndex& index, int64_t first, int64_t last) {
  run(a, index, first, last);
}

}  // namespace KT_ABI
}  // namespace kinetrace
