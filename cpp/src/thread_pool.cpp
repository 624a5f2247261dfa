// The pool: lazily started workers, an atomic chunk counter, and a fresh pool in every forked child.
#include "thread_pool.hpp"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace kinetrace {
namespace {

// torch.set_flush_denormal changes the caller's thread only; kernels always run with gradual underflow and round-to-nearest.
class DefaultFloatEnvironment {
#if defined(__x86_64__)
  unsigned saved_ = _mm_getcsr();

 public:
  DefaultFloatEnvironment() { _mm_setcsr(0x1f80); }
  ~DefaultFloatEnvironment() { _mm_setcsr(saved_); }
#else
 public:
  DefaultFloatEnvironment() {}
  ~DefaultFloatEnvironment() {}
#endif
};

struct Job {
  const RangeBody* body;
  int64_t count, grain;
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
  std::mutex error_mutex;

  void work() {
    DefaultFloatEnvironment environment;
    for (;;) {
      const int64_t begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= count || failed.load(std::memory_order_relaxed)) return;
      try {
        (*body)(begin, begin + grain < count ? begin + grain : count);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(error_mutex);
        if (!failed.exchange(true)) error = std::current_exception();
      }
    }
  }
};

class Pool {
 public:
  // One job at a time: a second caller finds the pool busy and does its own work alone rather than wait.
  bool try_run(Job& job, int helpers) {
    const std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
    if (!owner) return false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      while (workers_ < helpers && start_worker()) ++workers_;
      job_ = &job;
      wanted_ = helpers;
    }
    wake_.notify_all();
    job.work();
    std::unique_lock<std::mutex> lock(mutex_);
    job_ = nullptr;  // late workers find nothing to do
    done_.wait(lock, [this] { return active_ == 0; });
    return true;
  }

 private:
  // A process at its limit of threads computes with those it has.
  bool start_worker() {
    try {
      std::thread([this] { serve(); }).detach();
      return true;
    } catch (const std::system_error&) { return false; }
  }

  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return job_ && wanted_ > 0; });
      Job* job = job_;
      --wanted_;
      ++active_;
      lock.unlock();
      job->work();
      lock.lock();
      if (--active_ == 0) done_.notify_all();
    }
  }

  std::mutex owner_, mutex_;
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
  int workers_ = 0, wanted_ = 0, active_ = 0;
};

std::atomic<Pool*> current_pool{nullptr};

// A child has none of the parent's threads, and its copy of the pool may be locked: it starts with a new one. The old one
// is left alone on purpose. Nor is a pool destroyed at exit: detached workers may still be waiting in it.
void forget_pool() { current_pool.store(nullptr); }

Pool& pool() {
  static std::once_flag registered;
  std::call_once(registered, [] { pthread_atfork(nullptr, nullptr, forget_pool); });
  Pool* p = current_pool.load();
  if (!p) {
    auto fresh = std::make_unique<Pool>();
    if (current_pool.compare_exchange_strong(p, fresh.get())) p = fresh.release();
  }
  return *p;
}

struct Scratch {
  void* data = nullptr;
  std::size_t size = 0;
  ~Scratch() { std::free(data); }
};
thread_local Scratch scratch;

}  // namespace

int resolve_threads(int requested) {
  if (requested > 0) return requested;
  const char* text = std::getenv("KINETRACE_NUM_THREADS");
  if (text && *text) {
    char* end = nullptr;
    const long n = std::strtol(text, &end, 10);
    if (*end || n < 1 || n > kMaxThreads)
      throw std::invalid_argument("KINETRACE_NUM_THREADS: expected an int from 1 to " + std::to_string(kMaxThreads) +
                                  ", got '" + text + "'");
    return int(n);
  }
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
  const unsigned n = std::thread::hardware_concurrency();
  return n ? int(n) : 1;
}

void parallel_for(int64_t count, int64_t grain, int num_threads, const RangeBody& body) {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  Job job{&body, count, grain, {}, {}, nullptr, {}};
  const int64_t chunks = (count + grain - 1) / grain;
  const int threads = chunks > 1 ? resolve_threads(num_threads) : 1;
  const int helpers = int(chunks < threads ? chunks : threads) - 1;
  if (helpers <= 0 || !pool().try_run(job, helpers)) job.work();
  if (job.error) std::rethrow_exception(job.error);
}

void* thread_scratch(std::size_t bytes) {
  if (bytes > scratch.size) {
    std::free(scratch.data);
    scratch.size = 0;
    const std::size_t rounded = (bytes + 63) / 64 * 64;
    scratch.data = std::aligned_alloc(64, rounded);
    if (!scratch.data) throw std::bad_alloc();
    scratch.size = rounded;
  }
  return scratch.data;
}

}  // namespace kinetrace
