// cuemu_failure.cpp: turns a failed kernel into a report: who waits where, and why nothing can go on.
#include <atomic>
#include <cstdarg>
#include <string>

#include "cuemu_state.hpp"

namespace cuemu {

namespace {

std::atomic<FailureHandler> failure_handler{nullptr};

std::string& kept_report() {
  static thread_local std::string report;
  return report;
}

__attribute__((format(printf, 2, 3))) void append(std::string& text, const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  text += line;
}

bool same_wait(const Fiber& a, const Fiber& b) {
  return b.alive && a.warp() == b.warp() && a.arrival.op == b.arrival.op && a.arrival.mask == b.arrival.mask &&
         a.arrival.line == b.arrival.line && std::strcmp(a.arrival.file, b.arrival.file) == 0;
}

// One line per run of neighbouring threads that wait alike.
void append_waiting(std::string& text) {
  unsigned running = 0;
  for (unsigned i = 0, next; i < state.threads; i = next) {
    const Fiber& f = state.fibers[i];
    next = i + 1;
    if (!f.alive) continue;
    if (f.arrival.op == Op::none) {
      ++running;
      continue;
    }
    while (next < state.threads && same_wait(f, state.fibers[next])) ++next;
    const unsigned last = state.fibers[next - 1].lane();
    if (next == i + 1)
      append(text, "  thread %u (warp %u, lane %u) waits in %s", i, f.warp(), f.lane(), name_of(f.arrival.op));
    else
      append(text, "  threads %u-%u (warp %u, lanes %u-%u) wait in %s", i, next - 1, f.warp(), f.lane(), last,
             name_of(f.arrival.op));
    if (f.arrival.op < Op::syncthreads) append(text, " mask 0x%08x", f.arrival.mask);
    append(text, " at %s:%d\n", f.arrival.file, f.arrival.line);
  }
  append(text, "  %u threads are neither waiting nor gone, %u have exited\n", running, state.threads - state.alive);
}

void ignore(const char*) {}

}  // namespace

void fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(state.cause, sizeof state.cause, format, arguments);
  va_end(arguments);
  state.failed = true;
  if (state.current) abandon_to_host();
  std::fprintf(stderr, "cuemu: %s\n", state.cause);
  std::abort();
}

cudaError_t report_failure() {
  std::string report;
  append(report, "cuemu: %s\n", state.cause);
  append(report, "  block (%u,%u,%u) of grid (%u,%u,%u), %u threads, %s schedule\n", blockIdx.x, blockIdx.y, blockIdx.z,
         state.grid.x, state.grid.y, state.grid.z, state.threads, schedule_name());
  append_waiting(report);
  kept_report() = report;
  const FailureHandler handler = failure_handler.load();
  if (!handler) {
    std::fputs(report.c_str(), stderr);
    std::abort();
  }
  handler(kept_report().c_str());
  return cudaErrorLaunchFailure;
}

FailureHandler set_failure_handler(FailureHandler handler) { return failure_handler.exchange(handler); }
void return_failures() { set_failure_handler(&ignore); }
const char* last_failure() { return kept_report().c_str(); }

const char* name_of(Op op) {
  switch (op) {
    case Op::none: return "nothing";
    case Op::shfl: return "__shfl_sync";
    case Op::shfl_up: return "__shfl_up_sync";
    case Op::shfl_down: return "__shfl_down_sync";
    case Op::shfl_xor: return "__shfl_xor_sync";
    case Op::ballot: return "__ballot_sync";
    case Op::any: return "__any_sync";
    case Op::all: return "__all_sync";
    case Op::syncwarp: return "__syncwarp";
    case Op::syncthreads: return "__syncthreads";
    case Op::syncthreads_count: return "__syncthreads_count";
    case Op::syncthreads_and: return "__syncthreads_and";
    case Op::syncthreads_or: return "__syncthreads_or";
  }
  return "";
}

}  // namespace cuemu
