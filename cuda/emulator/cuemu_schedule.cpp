// cuemu_schedule.cpp: which ready thread runs next: first in first out, last in first out, or at random.
#include "cuemu_state.hpp"

namespace cuemu {

void make_ready(Fiber& fiber) {
  state.ready[(state.ready_head + state.ready_count) % kMaxThreads] = &fiber;
  ++state.ready_count;
}

std::uint64_t next_random() {  // splitmix64
  state.random += 0x9E3779B97F4A7C15u;
  std::uint64_t z = state.random;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

Fiber& next_ready() {
  const std::size_t last = (state.ready_head + state.ready_count - 1) % kMaxThreads;
  if (state.schedule == Schedule::random) {
    const std::size_t chosen = (state.ready_head + next_random() % state.ready_count) % kMaxThreads;
    std::swap(state.ready[chosen], state.ready[last]);
  }
  --state.ready_count;
  if (state.schedule != Schedule::fifo) return *state.ready[last];
  Fiber& first = *state.ready[state.ready_head];
  state.ready_head = (state.ready_head + 1) % kMaxThreads;
  return first;
}

void wait_for_turn() {
  if (state.ready_count == 0) fail("deadlock: every living thread waits for another one");
  Fiber* me = state.current;
  Fiber& next = next_ready();
  if (&next != me) switch_to_fiber(next);
}

const char* read_schedule() {
  const char* seed = std::getenv("CUEMU_SEED");
  state.random = seed ? std::strtoull(seed, nullptr, 10) : 1;
  const char* strict = std::getenv("CUEMU_STRICT");
  state.strict = strict && std::strcmp(strict, "1") == 0;
  const char* blocks = std::getenv("CUEMU_BLOCKS");
  state.blocks_ordered = blocks && std::strcmp(blocks, "ordered") == 0;
  const char* name = std::getenv("CUEMU_SCHED");
  state.schedule = Schedule::fifo;
  if (!name || !*name || !std::strcmp(name, "fifo")) return nullptr;
  state.schedule = Schedule::lifo;
  if (!std::strcmp(name, "lifo")) return nullptr;
  state.schedule = Schedule::random;
  if (!std::strcmp(name, "random")) return nullptr;
  return "CUEMU_SCHED: expected fifo, lifo or random";
}

const char* schedule_name() {
  switch (state.schedule) {
    case Schedule::fifo: return "fifo";
    case Schedule::lifo: return "lifo";
    case Schedule::random: return "random";
  }
  return "";
}

}  // namespace cuemu
