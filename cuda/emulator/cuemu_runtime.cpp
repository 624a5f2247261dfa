// cuemu_runtime.cpp: runs a grid, block after block, one emulated kernel at a time per process.
#include <mutex>

#include "cuemu_state.hpp"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace cuemu {

State state;

namespace {

constexpr std::size_t kMaxSharedBytes = 227 * 1024;  // of one block on compute capability 9.0

[[noreturn]] void thread_main() {
  enter_first_time();
  tsan_acquire(&state.start_tag);
  state.entry(state.entry_argument);
  tsan_release(&state.end_tag);
  thread_exits(*state.current);
  if (state.alive == 0) leave_to(nullptr);
  if (state.ready_count == 0) fail("deadlock: every living thread waits for another one");
  leave_to(&next_ready());
}

bool valid(dim3 grid, dim3 block, std::size_t shared_bytes) {
  const auto within = [](unsigned n, unsigned limit) { return n >= 1 && n <= limit; };
  return within(grid.x, 0x7fffffffu) && within(grid.y, 65535) && within(grid.z, 65535) && within(block.x, 1024) &&
         within(block.y, 1024) && within(block.z, 64) && block.x * block.y * block.z <= kMaxThreads &&
         shared_bytes <= kMaxSharedBytes;
}

// For ThreadSanitizer a stack is one thread of execution, and what it did in an earlier block is ordered before the
// next. Two or more sets of stacks in turn let it see two neighbouring blocks as what they are: not ordered.
unsigned choose_context_sets() {
  if (!have_tsan() || state.blocks_ordered || state.threads > 512) return 1;  // each costs TSan 0.9 MB
  return std::clamp(512u / state.threads, 2u, 8u);
}

void prepare_grid(dim3 grid, dim3 block, std::size_t shared_bytes, void (*entry)(void*), void* argument) {
  state.grid = gridDim = grid;
  state.block = blockDim = block;
  state.threads = block.x * block.y * block.z;
  state.dynamic_bytes = shared_bytes;
  state.entry = entry;
  state.entry_argument = argument;
  state.failed = false;
  state.fibers.resize(kMaxThreads);
  state.context_sets = choose_context_sets();
  state.contexts.resize(std::max(state.contexts.size(), std::size_t{state.context_sets} * state.threads));
  state.warps.resize(kMaxThreads / 32);
  state.ready.resize(kMaxThreads);
  state.shared.reserve(256);  // never grows inside a kernel, where a thread would own the allocation
}

// `ordinal` counts the blocks as they run.
void prepare_block(std::uint64_t ordinal) {
  const dim3 block = state.block;
  state.alive = state.threads;
  state.at_barrier = 0;
  state.ready_head = state.ready_count = 0;
  for (unsigned w = 0; w * 32 < state.threads; ++w) {
    const unsigned lanes = std::min(32u, state.threads - w * 32);
    state.warps[w].groups = 0;
    state.warps[w].alive = 0xffffffffu >> (32 - lanes);
  }
  for (unsigned i = 0; i < state.threads; ++i) {
    Fiber& fiber = state.fibers[i];
    fiber.number = i;
    fiber.index = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
    fiber.context = &state.contexts[ordinal % state.context_sets * state.threads + i];
    fiber.alive = true;
    fiber.arrival.op = Op::none;
    prepare_fiber(fiber, &thread_main);
    make_ready(fiber);
  }
}

// Returns false when the block failed; state.cause says why.
bool run_block(std::uint64_t number, std::uint64_t ordinal) {
  blockIdx = {static_cast<unsigned>(number % state.grid.x), static_cast<unsigned>(number / state.grid.x % state.grid.y),
              static_cast<unsigned>(number / state.grid.x / state.grid.y)};
  allocate_block_memory();
  prepare_block(ordinal);
  tsan_release(&state.start_tag);
  switch_to_fiber(next_ready());
  if (state.failed) discard_contexts();
  if (state.blocks_ordered) tsan_acquire(&state.end_tag);
  const char* overwritten = free_block_memory();
  if (overwritten && !state.failed) {
    std::snprintf(state.cause, sizeof state.cause, "%s", overwritten);
    state.failed = true;
  }
  return !state.failed;
}

// Blocks may run in any order on a GPU: ascending under fifo, descending under lifo, shuffled under random.
bool run_blocks() {
  const std::uint64_t blocks = std::uint64_t{state.grid.x} * state.grid.y * state.grid.z;
  std::vector<std::uint64_t> order;
  if (state.schedule == Schedule::random) {
    order.resize(blocks);
    for (std::uint64_t i = 0; i < blocks; ++i) order[i] = i;
    for (std::uint64_t i = blocks; i > 1; --i) std::swap(order[i - 1], order[next_random() % i]);
  }
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const std::uint64_t number = state.schedule == Schedule::fifo ? i : blocks - 1 - i;
    if (!run_block(order.empty() ? number : order[number], i)) return false;
  }
  return true;
}

}  // namespace

cudaError_t run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, void (*entry)(void*), void* argument) {
  static std::mutex one_at_a_time;
  static thread_local bool inside = false;
  if (inside) return cudaErrorNotPermitted;  // a kernel that launches a kernel
  if (!valid(grid, block, shared_bytes)) return cudaErrorInvalidConfiguration;
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  if (const char* problem = read_schedule()) {
    std::fprintf(stderr, "cuemu: %s\n", problem);
    return cudaErrorInvalidValue;
  }
  inside = true;
  prepare_grid(grid, block, shared_bytes, entry, argument);
  const bool good = run_blocks();
  tsan_acquire(&state.end_tag);
  free_kept_memory();
  const cudaError_t status = good ? cudaSuccess : report_failure();
  inside = false;
  return status;
}

}  // namespace cuemu
