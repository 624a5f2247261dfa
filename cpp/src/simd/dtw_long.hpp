// dtw: one long pair of symmetric1 without a window, on one instruction set. A block of rows is a skewed column of lanes: lane r
// handles column t - r at step t, so that no cell of a step depends on another and a pair alone fills the registers.
//
// Between blocks only the last row is kept. Costs are not negative, so that under a free start a row of zeros above the table
// gives D[0, j] = C[0, j]. Cells beyond the table's sides are computed too; they reach none inside.
#pragma once
#include "dtw_trace.hpp"

KT_MATHS_BEGIN

// (low's last lane, a's lanes but the last).
template <class T, int W, std::size_t... I> KT_HD Pack<T, W> shift_in(Pack<T, W> a, Pack<T, W> low,
                                                                      std::index_sequence<I...>) {
  return Pack<T, W>(__builtin_shufflevector(low.v, a.v, (W - 1 + int(I))...));
}

template <class T> struct DtwLong {
  using V = NativePack<T>;
  static constexpr int W = lanes<V>::width, U = 4, R = U * W;  // rows of a block
  static constexpr int64_t kChunk = 256;  // steps between looks at what others have done

  const DtwArgs<T>* args = nullptr;
  DtwPair pair = {};
  T* border = nullptr;  // (m): the row above the next block
  T* y = nullptr;  // (D, m + 2 R): reversed, R zeros on either side
  int64_t* done = nullptr;  // (blocks + 1): columns of a block's last row that are there; nullptr: blocks come in order

  KT_HD int64_t blocks() const { return (pair.n + R - 1) / R; }
  KT_HD int64_t y_length() const { return pair.m + 2 * R; }
  KT_HD static int64_t elements(const DtwArgs<T>& a, const DtwPair& p) {
    return p.m + 16 + a.dims * (p.m + 2 * R) + 16;
  }

  KT_HD void place(T* memory) { border = memory, y = memory + (pair.m + 15) / 16 * 16; }

  // Borders and y; false where a sample is not finite.
  bool prepare() {
    const DtwArgs<T>& a = *args;
    bool finite = true;
    for (int64_t j = 0; j < pair.m; ++j) border[j] = a.free_start ? T(0) : infinity<T>();
    for (int64_t d = 0; d < a.dims; ++d) {
      T* plane = y + d * y_length();
      for (int64_t k = 0; k < R; ++k) plane[k] = plane[y_length() - 1 - k] = T(0);
      const T* source = a.y.data + pair.y_at * a.y.stride[0] + d * a.y.stride[2];
      for (int64_t j = 0; j < pair.m; ++j) {
        const T value = source[j * a.y.stride[1]];
        finite = finite & is_finite(value);
        plane[pair.m - 1 + R - j] = value;
      }
      const T* x = a.x.data + pair.x_at * a.x.stride[0] + d * a.x.stride[2];
      for (int64_t i = 0; i < pair.n; ++i) finite = finite & is_finite(x[i * a.x.stride[1]]);
    }
    return finite;
  }

  // Directions: per step and register a word of "up beats diagonal", then one of "left beats both".
  KT_HD int64_t block_bytes() const { return (pair.m + R) * U * 2 * int64_t(sizeof(LaneWord<W>)); }
  KT_HD int step_at(const uint8_t* block, int64_t i, int64_t j) const {
    const int64_t r = i % R, word = ((j + r) * U + r / W) * 2;
    const auto* words = reinterpret_cast<const LaneWord<W>*>(block);
    if (words[word + 1] >> (r % W) & 1) return 2;
    return words[word] >> (r % W) & 1;
  }

  void advance(int64_t block, uint8_t* directions) const {
    switch (args->metric) {
      case Metric::euclidean: return choose<Metric::euclidean, false>(block, directions);
      case Metric::l1:
        return args->dims == 1 ? choose<Metric::l1, true>(block, directions)
                               : choose<Metric::l1, false>(block, directions);
      default:
        return args->dims == 1 ? choose<Metric::sqeuclidean, true>(block, directions)
                               : choose<Metric::sqeuclidean, false>(block, directions);
    }
  }

  // After the last block.
  KT_HD void read_end(DtwEnds<T, T>& ends) const {
    ends.read_row(*args, pair, band_of(args->window, pair.n, pair.m), 0, border, 1, args->curve != nullptr);
  }

 private:
  template <Metric kMetric, bool kOne> void choose(int64_t block, uint8_t* directions) const {
    const bool last = block + 1 == blocks();
    if (directions)
      last ? run<kMetric, kOne, true, true>(block, directions) : run<kMetric, kOne, true, false>(block, directions);
    else last ? run<kMetric, kOne, false, true>(block, nullptr) : run<kMetric, kOne, false, false>(block, nullptr);
  }

  KT_HD void await(int64_t block, int64_t columns) const {
    if (!done || block == 0) return;
    columns = columns < pair.m ? columns : pair.m;
    for (int spins = 0; __atomic_load_n(done + block - 1, __ATOMIC_ACQUIRE) < columns; ++spins) relax(spins);
  }
  KT_HD void announce(int64_t block, int64_t columns) const {
    if (done) __atomic_store_n(done + block, columns, __ATOMIC_RELEASE);
  }

  // The steps of one block. kOne: one coordinate. kLast: the last row need not lie in the last lane.
  template <Metric kMetric, bool kOne, bool kPath, bool kLast> void run(int64_t block, uint8_t* directions) const {
    const DtwArgs<T>& a = *args;
    const int64_t D = a.dims, m = pair.m, first = block * R;
    const int64_t lag = kLast ? (pair.n - 1) % R : R - 1, steps = m + lag;
    alignas(64) T samples[R];
    HeapBlock more(kOne ? 0 : R * D * int64_t(sizeof(T)));
    T* xs = kOne ? samples : static_cast<T*>(more.data);
    for (int64_t r = 0; r < R; ++r)
      for (int64_t d = 0; d < D; ++d)
        xs[d * R + r] = first + r < pair.n
                            ? a.x.data[pair.x_at * a.x.stride[0] + (first + r) * a.x.stride[1] + d * a.x.stride[2]]
                            : T(0);
    V value[U], up[U], x[U];  // of the step before; up: what will be the diagonal
    unroll<U>([&](auto u) KT_INLINE { value[u] = up[u] = V(infinity<T>()), x[u] = load<V>(xs + u * W); });
    if (block == 0) {
      alignas(64) T corner[W];
      for (int l = 0; l < W; ++l) corner[l] = l ? infinity<T>() : T(0);
      up[0] = load<V>(corner);
    }
    auto* words = reinterpret_cast<LaneWord<W>*>(directions);
    T* const row = border;
    const T* const reversed = y + (m - 1 + R);
    for (int64_t t = 0; t < steps; ++t) {
      if (t % kChunk == 0) {
        await(block, t + kChunk);
        announce(block, t > lag ? t - lag : 0);
      }
      V above = V(t < m ? row[t] : infinity<T>());
      unroll<U>([&](auto u) KT_INLINE {
        const V diagonal = up[u], left = value[u];
        up[u] = shift_in(left, above, std::make_index_sequence<W>{});
        above = left;
        const V nearer = min(up[u], diagonal), nearest = min(left, nearer);
        if constexpr (kPath) {
          words[(t * U + u) * 2] = LaneWord<W>(bits_of<V>(up[u] < diagonal));
          words[(t * U + u) * 2 + 1] = LaneWord<W>(bits_of<V>(left < nearer));
        }
        const T* const ys = reversed - t + u * W;
        if constexpr (kOne && kMetric == Metric::sqeuclidean) {
          value[u] = add_square(nearest, V(T(1)), x[u] - load<V>(ys));
        } else if constexpr (kOne) {
          value[u] = nearest + add_coordinate<kMetric>(V(T(0)), x[u], load<V>(ys));
        } else {
          V sum = V(T(0));
          for (int64_t d = 0; d < D; ++d)
            sum = add_coordinate<kMetric>(sum, load<V>(xs + d * R + u * W), load<V>(ys + d * y_length()));
          value[u] = nearest + finish_cost<kMetric>(sum, V(T(0)));
        }
      });
      if (t < lag) continue;
      if constexpr (kLast) {
        unroll<U>([&](auto u) KT_INLINE { store(samples + u * W, value[u]); });
        row[t - lag] = samples[lag];
      } else {
        row[t - lag] = value[U - 1][W - 1];
      }
    }
    announce(block, m);
  }
};

// The blocks of a pair as units of dtw_trace.hpp.
template <class T> struct DtwLongUnits {
  DtwLong<T>& pair;
  DtwEnds<T, T>& ends;
  const DtwArgs<T>* args;
  int64_t units, unit_bytes, state_elements;
  T* state;
  static constexpr int64_t unit_rows = DtwLong<T>::R;

  KT_HD DtwLongUnits(DtwLong<T>& p, DtwEnds<T, T>& e)
      : pair(p),
        ends(e),
        args(p.args),
        units(p.blocks()),
        unit_bytes(p.block_bytes()),
        state_elements(p.pair.m),
        state(p.border) {}
  KT_HD void advance(int64_t block, uint8_t* directions) { pair.advance(block, directions); }
  KT_HD int step_at(const uint8_t* block, int64_t i, int64_t j) const { return pair.step_at(block, i, j); }
  KT_HD void end(DtwWalk& walk) {
    pair.read_end(ends);
    walk.i = status_of(pair.pair, ends.value[0], false) == kOk ? pair.pair.n - 1 : -1, walk.j = ends.column[0];
  }
};

KT_MATHS_END
