// chain_flow on the CPU: chunks of points over threads.
#include <kinetrace/backends.hpp>

#include "simd/chain_flow.hpp"
#include "thread_pool.hpp"

namespace kinetrace {
namespace cpu {
namespace {

// Each chunk reads every flow field again, so chunks are as large as the threads allow; above the upper bound the fields no
// longer stay in cache from one point to the next anyway.
constexpr int64_t kSmallestChunk = 256, kLargestChunk = 16384;

template <class T> Outcome run(const ChainFlowArgs<T>& a, const Launch& launch) {
  if (a.problems <= 0 || a.points <= 0) return {};
  const int64_t threads = resolve_threads(launch.num_threads);
  int64_t chunk = (a.points * a.problems + threads - 1) / threads;
  chunk = chunk < kSmallestChunk ? kSmallestChunk : chunk > kLargestChunk ? kLargestChunk : chunk;
  chunk = chunk < a.points ? chunk : a.points;
  const int64_t chunks = (a.points + chunk - 1) / chunk;
  parallel_for(a.problems * chunks, 1, launch.num_threads, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t begin = i % chunks * chunk, end = begin + chunk < a.points ? begin + chunk : a.points;
      KT_SIMD_CALL(chain_flow, a, i / chunks, begin, end);
    }
  });
  return {};
}

}  // namespace

Outcome chain_flow(const ChainFlowArgs<float>& a, const Launch& launch) { return run(a, launch); }
Outcome chain_flow(const ChainFlowArgs<double>& a, const Launch& launch) { return run(a, launch); }

}  // namespace cpu
}  // namespace kinetrace
