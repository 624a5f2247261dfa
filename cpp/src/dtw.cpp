// dtw on the CPU: pairs of similar shape side by side, groups of them over threads.
#include <kinetrace/backends.hpp>

#include <vector>

#include "dtw_order.hpp"
#include "simd/dtw.hpp"
#include "thread_pool.hpp"

namespace kinetrace {
namespace cpu {
namespace {

constexpr int64_t kLongSide = 1024;  // sequences from which a pair is worth several threads

int lanes_of(int64_t element_bytes) {
  const int bytes = simd_level() == SimdLevel::avx512 ? 64 : simd_level() == SimdLevel::avx2 ? 32 : 16;
  return bytes / int(element_bytes);
}

// One pair at a time, its blocks of rows over threads, each following the one above it. Blocks start in ascending order, so that
// the first one unfinished never waits.
template <class T> void run_long(const DtwArgs<T>& a, int64_t at, int num_threads) {
  std::vector<T> memory(std::size_t(KT_SIMD_CALL(dtw_long_elements, a, at)));
  if (!KT_SIMD_CALL(dtw_long_begin, a, at, memory.data())) return;
  const int64_t blocks = KT_SIMD_CALL(dtw_long_blocks, a, at);
  std::vector<int64_t> done(std::size_t(blocks) + 1, 0);
  parallel_for(blocks, 1, num_threads, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block)
      KT_SIMD_CALL(dtw_long_block, a, at, memory.data(), done.data(), block);
  });
  KT_SIMD_CALL(dtw_long_end, a, at, memory.data());
}

// Few and long pairs, whose results are numbers only.
template <class T> bool are_long(const DtwArgs<T>& a, const std::vector<int64_t>& order, int64_t lanes, int threads) {
  if (threads < 2 || !dtw_long_takes(a) || wants_path(a) || int64_t(order.size()) > lanes * threads / 4) return false;
  for (const int64_t at : order) {
    const DtwPair p = pair_of(a, at);
    if (p.n < kLongSide || p.m < kLongSide) return false;
  }
  return true;
}

template <class T> Outcome run(const DtwArgs<T>& a, const Launch& launch) {
  if (a.pairs <= 0) return {};
  const int64_t lanes = lanes_of(sizeof(T));
  const std::vector<int64_t> order = ordered_pairs(a, lanes);
  const int threads = resolve_threads(launch.num_threads);
  if (are_long(a, order, lanes, threads)) {
    for (const int64_t at : order) run_long(a, at, threads);
    return {};
  }
  const int64_t count = int64_t(order.size()), groups = (count + lanes - 1) / lanes;
  // Small enough to share the work out evenly, large enough for a kernel that takes several groups at a time.
  const int64_t share = groups / (8 * threads);
  const int64_t grain = share < 1 ? 1 : share > 64 ? 64 : share;
  parallel_for(groups, grain, launch.num_threads, [&](int64_t first, int64_t last) {
    const int64_t begin = first * lanes, end = last * lanes < count ? last * lanes : count;
    KT_SIMD_CALL(dtw, a, order.data() + begin, end - begin);
  });
  return {};
}

}  // namespace

int64_t dtw_workspace(const DtwArgs<float>&) { return 0; }
int64_t dtw_workspace(const DtwArgs<double>&) { return 0; }
Outcome dtw(const DtwArgs<float>& a, const Launch& launch) { return run(a, launch); }
Outcome dtw(const DtwArgs<double>& a, const Launch& launch) { return run(a, launch); }

}  // namespace cpu
}  // namespace kinetrace
