// soft_dtw on the CPU: groups of pairs of like lengths over threads.
#include <kinetrace/alignment/window.hpp>
#include <kinetrace/backends.hpp>

#include <algorithm>
#include <vector>

#include "simd/soft_dtw.hpp"
#include "thread_pool.hpp"

namespace kinetrace {
namespace cpu {
namespace {

// Pairs from short to long: a group works on as many rows and columns as its longest pair has. Every pair's bits are its own.
template <class T> std::vector<int64_t> by_length(const SoftDtwArgs<T>& a) {
  struct Key {
    int64_t n, m, pair;
    bool operator<(const Key& k) const { return n != k.n ? n < k.n : m != k.m ? m < k.m : pair < k.pair; }
  };
  std::vector<Key> keys;
  keys.reserve(std::size_t(a.pairs));
  for (int64_t p = 0; p < a.pairs; ++p) {
    const int64_t n = length_of(a.x_lengths, p), m = length_of(a.y_lengths, p);
    keys.push_back(n == 0 || m == 0 ? Key{0, 0, p} : Key{n, m, p});
  }
  std::sort(keys.begin(), keys.end());
  std::vector<int64_t> order;
  order.reserve(keys.size());
  for (const Key& k : keys) order.push_back(k.pair);
  return order;
}

template <class T> Outcome run(const SoftDtwArgs<T>& a, const Launch& launch) {
  const bool ragged = a.x_lengths.data32 || a.x_lengths.data64 || a.y_lengths.data32 || a.y_lengths.data64;
  std::vector<int64_t> order;
  if (ragged) order = by_length(a);
  const int64_t elements = SoftLayout<T>(a).size;
  // Whole groups, and at least some 50 us a chunk.
  const int64_t group_ns = 1 + a.rows * a.columns * (8 + a.dims);
  const int64_t grain = kSoftLanes<T> * (1 + 50000 / group_ns);
  parallel_for(a.pairs, grain, launch.num_threads, [&](int64_t begin, int64_t end) {
    T* scratch = static_cast<T*>(thread_scratch(std::size_t(elements) * sizeof(T)));
    KT_SIMD_CALL(soft_dtw, a, ragged ? order.data() : nullptr, begin, end, scratch);
  });
  return {};
}

}  // namespace

int64_t soft_dtw_workspace(const SoftDtwArgs<float>&) { return 0; }
int64_t soft_dtw_workspace(const SoftDtwArgs<double>&) { return 0; }
Outcome soft_dtw(const SoftDtwArgs<float>& a, const Launch& launch) { return run(a, launch); }
Outcome soft_dtw(const SoftDtwArgs<double>& a, const Launch& launch) { return run(a, launch); }

}  // namespace cpu
}  // namespace kinetrace
