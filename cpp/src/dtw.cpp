// dtw on the CPU: pairs of similar shape side by side, groups of them over threads.
#include <kinetrace/backends.hpp>
#include <kinetrace/dtw/pair.hpp>

#include <algorithm>
#include <vector>

#include "simd/dtw.hpp"
#include "thread_pool.hpp"

namespace kinetrace {
namespace cpu {
namespace {

int lanes_of(int64_t element_bytes) {
  const int bytes = simd_level() == SimdLevel::avx512 ? 64 : simd_level() == SimdLevel::avx2 ? 32 : 16;
  return bytes / int(element_bytes);
}

struct Shape {
  int64_t n, m, at;
};

// Sorts by length of x into slabs, and each slab by length of y: neighbours then differ little in both. Results do not
// depend on the order, so a plain sort will do; equal shapes stay in the caller's order, which is that of memory.
void sort_by_shape(std::vector<Shape>& shapes, int64_t lanes) {
  const auto before = [](const Shape& a, const Shape& b) {
    return a.n != b.n ? a.n > b.n : a.m != b.m ? a.m > b.m : a.at < b.at;
  };
  if (std::is_sorted(shapes.begin(), shapes.end(), before)) return;
  std::sort(shapes.begin(), shapes.end(), before);
  const int64_t count = int64_t(shapes.size());
  int64_t slab = lanes;
  while (slab * slab < count * lanes) slab += lanes;
  for (int64_t first = 0; first < count; first += slab)
    std::sort(shapes.begin() + first, shapes.begin() + std::min(first + slab, count),
              [](const Shape& a, const Shape& b) { return a.m != b.m ? a.m > b.m : a.at < b.at; });
}

template <class T> std::vector<int64_t> ordered_pairs(const DtwArgs<T>& a, int64_t lanes) {
  std::vector<Shape> shapes;
  shapes.reserve(std::size_t(a.pairs));
  for (int64_t at = 0; at < a.pairs; ++at) {
    const DtwPair p = pair_of(a, at);
    if (a.pairing == Pairing::upper && p.x_at > p.y_at) continue;
    shapes.push_back({p.n, p.m, at});
  }
  sort_by_shape(shapes, lanes);
  std::vector<int64_t> order(shapes.size());
  for (std::size_t k = 0; k < order.size(); ++k) order[k] = shapes[k].at;
  return order;
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
