// How fast this machine reads memory: what the benchmarks hold a kernel's speed against. Not a kernel.
#pragma once
#include <cstddef>
#include <cstdint>

namespace kinetrace {

// Reads every byte of [data, data + bytes) once, in order per chunk, and returns an XOR of them: nothing but the reading
// costs time. Chunks go over `num_threads` threads (0: decide by affinity).
uint64_t stream_read(const void* data, std::size_t bytes, int num_threads);

}  // namespace kinetrace
