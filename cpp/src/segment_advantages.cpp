// segment_advantages on the CPU: rows over threads.
#include <kinetrace/backends.hpp>

#include "simd/segment_advantages.hpp"
#include "thread_pool.hpp"

namespace kinetrace {
namespace cpu {
namespace {

constexpr int64_t kStreamFrom = 4 << 20;  // bytes of a result that will not stay in the caches
constexpr int64_t kShare = 1 << 15;       // tokens that are worth a thread's while

template <class T> Outcome run(const SegmentAdvantagesArgs<T>& a, const Launch& launch) {
  if (!a.rows || !a.tokens) return {};
  const bool streaming = a.rows * a.tokens * int64_t(sizeof(T)) >= kStreamFrom;
  const int64_t grain = 1 + kShare / a.tokens;
  parallel_for(a.rows, grain, launch.num_threads, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) KT_SIMD_CALL(segment_advantages, a, row, 0, a.tokens, streaming);
  });
  return {};
}

}  // namespace

Outcome segment_advantages(const SegmentAdvantagesArgs<float>& a, const Launch& launch) { return run(a, launch); }
Outcome segment_advantages(const SegmentAdvantagesArgs<double>& a, const Launch& launch) { return run(a, launch); }

}  // namespace cpu
}  // namespace kinetrace
