// A plain streaming read. Eight independent 16-byte accumulators keep one core's misses in flight; wider loads, software
// prefetch and several streams per thread measured no faster, so there is one version for all instruction sets.
#include "bandwidth.hpp"

#include <atomic>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "thread_pool.hpp"

namespace kinetrace {
namespace {

typedef uint64_t Lane __attribute__((vector_size(16)));
typedef uint64_t UnalignedLane __attribute__((vector_size(16), aligned(1), may_alias));

uint64_t read_chunk(const unsigned char* p, std::size_t n) {
  Lane sum[8] = {};
  std::size_t i = 0;
  for (; i + sizeof sum <= n; i += sizeof sum) {
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) sum[k] ^= (Lane) * reinterpret_cast<const UnalignedLane*>(p + i + 16 * k);
  }
  uint64_t r = 0;
  for (const Lane& lane : sum) r ^= lane[0] ^ lane[1];
  for (; i < n; ++i) r ^= uint64_t(p[i]) << (i % 8 * 8);
  return r;
}

// One line of 64 bytes, past the cache where there is such a store.
void write_line(unsigned char* p, Lane value) {
#if defined(__x86_64__)
  for (int k = 0; k < 4; ++k) _mm_stream_si128(reinterpret_cast<__m128i*>(p) + k, (__m128i)value);
#else
  for (int k = 0; k < 4; ++k) memcpy(p + 16 * k, &value, sizeof value);
#endif
}

}  // namespace

uint64_t stream_read(const void* data, std::size_t bytes, int num_threads) {
  std::atomic<uint64_t> total{0};
  const auto* p = static_cast<const unsigned char*>(data);
  constexpr int64_t kGrain =
      int64_t(1) << 20;  // long enough for the hardware prefetcher, short enough to share out evenly
  parallel_for(int64_t(bytes), kGrain, num_threads, [&](int64_t begin, int64_t end) {
    total.fetch_xor(read_chunk(p + begin, std::size_t(end - begin)), std::memory_order_relaxed);
  });
  return total.load();
}

void stream_move(const void* source, std::size_t source_bytes, void* target, std::size_t target_bytes,
                 int num_threads) {
  constexpr int64_t kLine = 64, kGrain = 1 << 14;  // lines written by a thread before it asks for more
  const auto* from = static_cast<const unsigned char*>(source);
  auto* to = static_cast<unsigned char*>(target);
  const auto lines = int64_t(target_bytes) / kLine, reads = int64_t(source_bytes) / kLine;
  parallel_for(lines, kGrain, num_threads, [&](int64_t begin, int64_t end) {
    Lane mixed = {};
    int64_t next = reads * begin / lines;
    for (int64_t i = begin; i < end; ++i) {
      for (const int64_t last = reads * (i + 1) / lines; next < last; ++next)
        for (int k = 0; k < 4; ++k)
          mixed ^= (Lane) * reinterpret_cast<const UnalignedLane*>(from + next * kLine + 16 * k);
      write_line(to + i * kLine, mixed);
    }
#if defined(__x86_64__)
    _mm_sfence();
#endif
  });
}

}  // namespace kinetrace
