// cuemu_collectives.cpp: shuffles, votes, __syncwarp and the block barrier. The last thread to arrive serves all of
// them.
#include "cuemu_state.hpp"

namespace cuemu {

namespace {

// What an undefined read yields: a quiet NaN as float and as double, and an unlikely integer.
constexpr std::uint64_t kUndefined = 0xFFFFC0DEFFFFC0DEu;

void check_arrival(const Arrival& a, const Fiber& me) {
  if (((a.mask >> me.lane()) & 1u) == 0)
    fail("thread %u (warp %u, lane %u) is not in its own mask 0x%08x of %s at %s:%d", me.number, me.warp(), me.lane(),
         a.mask, name_of(a.op), a.file, a.line);
  if (a.width < 1 || a.width > 32 || (a.width & (a.width - 1)) != 0)
    fail("thread %u: width %d of %s at %s:%d is not a power of two up to 32", me.number, a.width, name_of(a.op), a.file,
         a.line);
  const unsigned gone = a.mask & ~state.warps[me.warp()].alive;
  if (state.strict && gone)
    fail("strict: lanes 0x%08x have exited or never were, but thread %u names them in mask 0x%08x of %s at %s:%d", gone,
         me.number, a.mask, name_of(a.op), a.file, a.line);
}

void check_same(const Group& group, const Arrival& a, const Fiber& me) {
  const Arrival& f = group.first;
  if (f.op != a.op)
    fail("lanes of one mask execute different operations: %s at %s:%d, and thread %u %s at %s:%d", name_of(f.op),
         f.file, f.line, me.number, name_of(a.op), a.file, a.line);
  if (f.width != a.width)
    fail("lanes of one mask shuffle with different widths: %d at %s:%d, and thread %u with %d at %s:%d", f.width,
         f.file, f.line, me.number, a.width, a.file, a.line);
  if (f.value_bytes != a.value_bytes)
    fail("lanes of one mask shuffle values of different sizes: %d at %s:%d, and thread %u with %d bytes at %s:%d",
         f.value_bytes, f.file, f.line, me.number, a.value_bytes, a.file, a.line);
}

// Two lanes that each name the other, in different masks, wait for each other for ever.
void check_other_masks(const Warp& warp, const Arrival& a, const Fiber& me) {
  for (int i = 0; i < warp.groups; ++i) {
    const Group& other = warp.group[i];
    if ((other.arrived & a.mask) != 0 && ((other.first.mask >> me.lane()) & 1u) != 0)
      fail("masks differ: %s mask 0x%08x at %s:%d, and thread %u %s mask 0x%08x at %s:%d", name_of(other.first.op),
           other.first.mask, other.first.file, other.first.line, me.number, name_of(a.op), a.mask, a.file, a.line);
  }
}

Group& join_group(Warp& warp, const Arrival& a, const Fiber& me) {
  for (int i = 0; i < warp.groups; ++i) {
    Group& group = warp.group[i];
    if (group.first.mask != a.mask) continue;
    check_same(group, a, me);
    return group;
  }
  check_other_masks(warp, a, me);
  Group& group = warp.group[warp.groups++];
  group = Group{};
  group.first = a;
  // A fresh address for each __syncwarp: a reused one would still order what an earlier mask ordered.
  if (a.op == Op::syncwarp && have_tsan()) group.tag = new (host_malloc(sizeof(SyncTag))) SyncTag;
  return group;
}

// The lane that `lane` reads, as PTX defines shfl.sync: five bits of the operand, own value beyond the segment.
unsigned source_lane(const Arrival& a, unsigned lane) {
  const unsigned width = static_cast<unsigned>(a.width), operand = a.argument & 31u;
  const unsigned first = lane & ~(width - 1), last = first + width - 1;
  switch (a.op) {
    case Op::shfl: return first | (operand & (width - 1));
    case Op::shfl_up: return lane >= first + operand ? lane - operand : lane;
    case Op::shfl_down: return lane + operand <= last ? lane + operand : lane;
    case Op::shfl_xor: return (lane ^ operand) <= last ? lane ^ operand : lane;
    default: return lane;
  }
}

std::uint64_t lane_result(const Fiber* lanes, unsigned lane, unsigned present, unsigned ballot) {
  const Arrival& a = lanes[lane].arrival;
  switch (a.op) {
    case Op::ballot: return ballot;
    case Op::any: return ballot != 0;
    case Op::all: return ballot == present;
    case Op::syncwarp: return 0;
    default: break;
  }
  const unsigned source = source_lane(a, lane);
  return ((present >> source) & 1u) != 0 ? lanes[source].arrival.value : kUndefined;
}

void complete(Warp& warp, Group& group, unsigned warp_number) {
  Fiber* lanes = &state.fibers[warp_number * 32];
  const unsigned present = group.arrived;
  unsigned ballot = 0;
  for (unsigned rest = present; rest; rest &= rest - 1) {
    const unsigned lane = static_cast<unsigned>(__builtin_ctz(rest));
    if (lanes[lane].arrival.value) ballot |= 1u << lane;
  }
  for (unsigned rest = present; rest; rest &= rest - 1) {
    const unsigned lane = static_cast<unsigned>(__builtin_ctz(rest));
    lanes[lane].result = lane_result(lanes, lane, present, ballot);
  }
  for (unsigned rest = present; rest; rest &= rest - 1) {
    Fiber& fiber = lanes[__builtin_ctz(rest)];
    fiber.arrival.op = Op::none;
    make_ready(fiber);
  }
  group = warp.group[--warp.groups];
}

bool is_barrier(Op op) { return op >= Op::syncthreads; }

void open_barrier() {
  int result = 0;
  switch (state.first_at_barrier.op) {
    case Op::syncthreads_count: result = static_cast<int>(state.predicates); break;
    case Op::syncthreads_and: result = state.predicates == state.at_barrier; break;
    case Op::syncthreads_or: result = state.predicates != 0; break;
    default: break;
  }
  state.at_barrier = 0;
  ++state.generation;
  for (unsigned i = 0; i < state.threads; ++i) {
    Fiber& fiber = state.fibers[i];
    if (!fiber.alive || !is_barrier(fiber.arrival.op)) continue;
    fiber.result = static_cast<std::uint64_t>(result);
    fiber.arrival.op = Op::none;
    make_ready(fiber);
  }
}

void check_barrier(const Arrival& a, const Fiber& me) {
  const Arrival& f = state.first_at_barrier;
  if (state.at_barrier != 0 && (f.op != a.op || f.line != a.line || std::strcmp(f.file, a.file) != 0))
    fail("threads of one block wait in different barriers: thread %u %s at %s:%d, and thread %u %s at %s:%d",
         state.first_thread_at_barrier, name_of(f.op), f.file, f.line, me.number, name_of(a.op), a.file, a.line);
  if (state.strict && state.alive < state.threads)
    fail("strict: thread %u reaches %s at %s:%d after %u threads of the block have exited", me.number, name_of(a.op),
         a.file, a.line, state.threads - state.alive);
}

Fiber& running_thread(const Arrival& a) {
  if (state.current) return *state.current;
  std::fprintf(stderr, "cuemu: %s at %s:%d is called outside of a kernel\n", name_of(a.op), a.file, a.line);
  std::abort();
}

}  // namespace

std::uint64_t warp_collective(const Arrival& a) {
  Fiber& me = running_thread(a);
  Warp& warp = state.warps[me.warp()];
  me.arrival = a;
  check_arrival(a, me);
  Group& group = join_group(warp, a, me);
  group.arrived |= 1u << me.lane();
  SyncTag* tag = group.tag;
  if (tag) {
    ++tag->readers;
    tsan_release(tag);  // only __syncwarp orders memory: shuffles and votes do not
  }
  if (group.arrived == (a.mask & warp.alive)) complete(warp, group, me.warp());
  wait_for_turn();
  if (tag) {
    tsan_acquire(tag);
    if (--tag->readers == 0) host_free(tag);
  }
  return me.result;
}

int block_barrier(const Arrival& a) {
  Fiber& me = running_thread(a);
  me.arrival = a;
  check_barrier(a, me);
  if (state.at_barrier++ == 0) {
    state.first_at_barrier = a;
    state.first_thread_at_barrier = me.number;
    state.predicates = 0;
  }
  state.predicates += a.value != 0;
  // Two addresses are enough: nobody reaches the next but one barrier before all have left this one.
  unsigned char* tag = state.barrier_tag + (state.generation & 1u) * kTagBytes;
  tsan_release(tag);
  if (state.at_barrier == state.alive) open_barrier();
  wait_for_turn();
  tsan_acquire(tag);
  return static_cast<int>(me.result);
}

// Collectives wait for the threads that have not exited, so an exit can complete some of them.
void thread_exits(Fiber& me) {
  if (state.strict && state.at_barrier != 0)
    fail("strict: thread %u exits while %u threads wait in %s at %s:%d", me.number, state.at_barrier,
         name_of(state.first_at_barrier.op), state.first_at_barrier.file, state.first_at_barrier.line);
  me.alive = false;
  --state.alive;
  Warp& warp = state.warps[me.warp()];
  warp.alive &= ~(1u << me.lane());
  for (int i = warp.groups - 1; i >= 0; --i) {
    Group& group = warp.group[i];
    if (state.strict && ((group.first.mask >> me.lane()) & 1u) != 0)
      fail("strict: thread %u exits, but mask 0x%08x of %s at %s:%d names it", me.number, group.first.mask,
           name_of(group.first.op), group.first.file, group.first.line);
    if (group.arrived == (group.first.mask & warp.alive)) complete(warp, group, me.warp());
  }
  if (state.alive != 0 && state.at_barrier == state.alive) open_barrier();
}

}  // namespace cuemu
