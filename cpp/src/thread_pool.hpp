// Fork-safe pool for loops over independent problems. No OpenMP runtime: its workers hang in a forked child.
#pragma once
#include <cstddef>
#include <cstdint>

namespace kinetrace {

// Non-owning reference to a callable (begin, end): the loop body never outlives the call.
class RangeBody {
 public:
  template <class F>
  RangeBody(const F& f)  // NOLINT: implicit on purpose
      : object_(&f), call_([](const void* o, int64_t b, int64_t e) { (*static_cast<const F*>(o))(b, e); }) {}
  void operator()(int64_t begin, int64_t end) const { call_(object_, begin, end); }

 private:
  const void* object_;
  void (*call_)(const void*, int64_t, int64_t);
};

constexpr int kMaxThreads = 4096;  // of one call; more is a mistake

// Threads a call may use: the request, else KINETRACE_NUM_THREADS, else the processors this process may run on. Throws
// std::invalid_argument when the variable is no such number.
int resolve_threads(int requested);

// Runs body over [0, count) in chunks of `grain`, the caller taking part; every chunk is done by one thread in the default
// floating-point environment, so results do not depend on who does it. Exceptions of the body reach the caller.
void parallel_for(int64_t count, int64_t grain, int num_threads, const RangeBody& body);

// 64-byte aligned memory of the calling thread, kept between calls; valid until the next call on this thread.
void* thread_scratch(std::size_t bytes);

}  // namespace kinetrace
