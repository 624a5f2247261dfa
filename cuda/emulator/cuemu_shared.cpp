// cuemu_shared.cpp: block-shared memory, new for every block, filled with 0xFF and guarded on both sides.
#include "cuemu_state.hpp"

namespace cuemu {

namespace {

constexpr unsigned char kGuard = 0xA5;

// AddressSanitizer brings its own red zones, and they begin right after the last byte only without ours.
std::size_t guard_bytes() { return have_asan() ? 0 : 64; }

unsigned char* allocate(std::size_t bytes) {
  const std::size_t guard = guard_bytes();
  auto* memory = static_cast<unsigned char*>(host_malloc(bytes + 2 * guard));
  if (!memory) fail("no host memory for %zu bytes of shared memory", bytes);
  for (std::size_t i = 0; i < guard; ++i) memory[i] = memory[guard + bytes + i] = kGuard;
  return memory + guard;
}

// Blocks of a grid are not ordered. A freed address that the next block gets again would look like a race between the
// two, or, ordered through the host's free and malloc, would hide one: under ThreadSanitizer memory is kept for the
// whole grid.
std::vector<unsigned char*> kept;

bool release(unsigned char* memory, std::size_t bytes) {
  const std::size_t guard = guard_bytes();
  bool intact = true;
  for (std::size_t i = 1; i <= guard; ++i)
    intact = intact && memory[-static_cast<std::ptrdiff_t>(i)] == kGuard && memory[bytes + i - 1] == kGuard;
  if (have_tsan() && !state.blocks_ordered) kept.push_back(memory - guard);
  else host_free(memory - guard);
  return intact;
}

}  // namespace

unsigned char* dynamic_shared() { return state.dynamic_memory; }

void* block_shared(const void* key, std::size_t bytes) {
  void* memory = nullptr;
  for (const BlockShared& entry : state.shared)
    if (entry.key == key) memory = entry.memory;
  if (!memory) {
    memory = allocate(bytes);
    state.shared.push_back({key, static_cast<unsigned char*>(memory), bytes});
  }
  tsan_acquire(&state.shared_tag);
  return memory;
}

void allocate_block_memory() {
  state.dynamic_memory = allocate(state.dynamic_bytes);
  state.barrier_tag = allocate(2 * kTagBytes);
}

void free_kept_memory() {
  for (unsigned char* memory : kept) host_free(memory);
  kept.clear();
}

const char* free_block_memory() {
  const bool dynamic_intact = release(state.dynamic_memory, state.dynamic_bytes);
  release(state.barrier_tag, 2 * kTagBytes);
  state.dynamic_memory = state.barrier_tag = nullptr;
  bool fixed_intact = true;
  for (const BlockShared& entry : state.shared) fixed_intact = release(entry.memory, entry.bytes) && fixed_intact;
  state.shared.clear();
  if (!dynamic_intact) return "a thread wrote outside of the dynamic shared memory";
  return fixed_intact ? nullptr : "a thread wrote outside of a KT_SHARED array";
}

}  // namespace cuemu
