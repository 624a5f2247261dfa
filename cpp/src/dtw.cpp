// dtw on the CPU: pairs of similar shape side by side, groups of them over threads.
#include <kinetrace/backends.hpp>

#include <vector>

#include "dtw_order.hpp"
#include "simd/dtw.hpp"
#include "thread_pool.hpp"

namespace kinetrace {
namespace cpu {
namespace {

int lanes_of(int64_t element_bytes) {
  const int bytes = simd_level() == SimdLevel::avx512 ? 64 : simd_level() == SimdLevel::avx2 ? 32 : 16;
  return bytes / int(element_bytes);
}

template <class T> Outcome run(const DtwArgs<T>& a, const Launch& launch) {
  if (a.pairs <= 0) return {};
  const int64_t lanes = lanes_of(sizeof(T));
  const std::vector<int64_t> order = ordered_pairs(a, lanes);
  const int64_t count = int64_t(order.size()), groups = (count + lanes - 1) / lanes;
  // Small enough to share the work out evenly, large enough for a kernel that takes several groups at a time.
  const int64_t share = groups / (8 * resolve_threads(launch.num_threads));
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
