// cuemu_state.hpp: what the emulator's own source files share; kernels never see it.
#pragma once

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#error "compile the cuemu_*.cpp files without sanitizers: their hooks are called, not instrumented"
#endif

#include <vector>

#include "cuemu.hpp"

namespace cuemu {

// A stack that can be switched to, with what the sanitizers know about it.
struct Context {
  void* stack_pointer = nullptr;
  const void* stack_low = nullptr;
  std::size_t stack_bytes = 0;
  void* tsan_fiber = nullptr;
  void* asan_fake_stack = nullptr;
};

struct Fiber {
  Context* context = nullptr;
  uint3 index{};
  unsigned number = 0;  // linear index in the block
  bool alive = false;
  Arrival arrival;  // op is none while the thread can run
  std::uint64_t result = 0;
  unsigned warp() const { return number / 32; }
  unsigned lane() const { return number % 32; }
};

// The address whose happens-before edges one __syncwarp carries; `readers` lanes have yet to leave it.
struct SyncTag {
  alignas(8) int readers = 0;
};

// Lanes that wait together: all of one mask.
struct Group {
  Arrival first;  // of the lane that arrived first
  unsigned arrived = 0;
  SyncTag* tag = nullptr;
};

struct Warp {
  unsigned alive = 0;
  int groups = 0;
  Group group[32];
};

struct BlockShared {
  const void* key;
  unsigned char* memory;
  std::size_t bytes;
};

enum class Schedule { fifo, lifo, random };

struct State {
  // the grid
  dim3 grid, block;
  unsigned threads = 0;
  void (*entry)(void*) = nullptr;
  void* entry_argument = nullptr;
  std::size_t dynamic_bytes = 0;
  // the block
  unsigned alive = 0;
  std::vector<Fiber> fibers;
  std::vector<Context> contexts;  // `context_sets` for every thread
  unsigned context_sets = 1;
  std::vector<Warp> warps;
  std::vector<BlockShared> shared;
  unsigned char* dynamic_memory = nullptr;
  // the block barrier
  unsigned at_barrier = 0, generation = 0;
  Arrival first_at_barrier;
  unsigned first_thread_at_barrier = 0;
  unsigned predicates = 0;
  // Addresses that carry happens-before: block barrier (two, by parity), start of a block, end of a thread, new shared
  // memory. ThreadSanitizer keeps one clock per 8 aligned bytes, hence kTagBytes. The barrier's are new in every block,
  // or they would order one block after another.
  unsigned char* barrier_tag = nullptr;
  std::uint64_t start_tag = 0, end_tag = 0, shared_tag = 0;
  // the schedule
  Schedule schedule = Schedule::fifo;
  bool strict = false, blocks_ordered = false;
  std::uint64_t random = 1;
  std::vector<Fiber*> ready;  // a ring
  std::size_t ready_head = 0, ready_count = 0;
  Fiber* current = nullptr;
  Context host;
  Context* previous = nullptr;
  // failure
  bool failed = false;
  char cause[1024] = {};
};
extern State state;

constexpr unsigned kMaxThreads = 1024;
constexpr std::size_t kTagBytes = 8;

// cuemu_fiber.cpp
void prepare_fiber(Fiber& fiber, void (*main)());
void enter_first_time();                 // the first statement of a fiber's main
void switch_to_fiber(Fiber& to);         // from the host or from the running fiber
[[noreturn]] void leave_to(Fiber* to);   // from a fiber that never runs again; nullptr: to the host
[[noreturn]] void abandon_to_host();     // from a fiber that is dropped half way
void discard_contexts();                 // after a failure: forgets every stack's sanitizer state
void tsan_release(void* tag);
void tsan_acquire(void* tag);
bool have_tsan();
bool have_asan();
// Memory filled with 0xFF whose sanitizer history belongs to the host, so that making it orders nothing between
// threads; a thread that uses it must tsan_acquire(&state.shared_tag) first.
void* host_malloc(std::size_t bytes);
void host_free(void* memory);

// cuemu_schedule.cpp
void make_ready(Fiber& fiber);
Fiber& next_ready();
std::uint64_t next_random();
void wait_for_turn();  // suspends the running fiber until something makes it ready again
const char* read_schedule();  // from the environment; nullptr or what is wrong
const char* schedule_name();

// cuemu_collectives.cpp
void thread_exits(Fiber& fiber);

// cuemu_failure.cpp
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
cudaError_t report_failure();  // on the host's stack

// cuemu_shared.cpp
void allocate_block_memory();
const char* free_block_memory();  // nullptr or which guard was overwritten
void free_kept_memory();          // at the end of the grid: what ThreadSanitizer needed until then

const char* name_of(Op op);

}  // namespace cuemu
