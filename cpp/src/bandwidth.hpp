// How fast this machine reads memory: what the benchmarks hold a kernel's speed against. Not a kernel.
#pragma once
#include <cstddef>
#include <cstdint>

namespace kinetrace {

// Reads every byte of [data, data + bytes) once, in order per chunk, and returns an XOR of them: nothing but the reading
// costs time. Chunks go over `num_threads` threads (0: decide by affinity).
uint64_t stream_read(const void* data, std::size_t bytes, int num_threads);

// Reads the source and writes the target, both once and in step, past the cache: what a kernel costs that reads so much and
// answers so much. Whole lines of 64 bytes; the target begins at one.
void stream_move(const void* source, std::size_t source_bytes, void* target, std::size_t target_bytes, int num_threads);

}  // namespace kinetrace
