// cuemu.hpp: runs CUDA kernels on the CPU, one fiber per CUDA thread; this header is what a kernel sees instead of
// nvcc. Include it through cuda/src/launch.cuh with KT_CUEMU defined. docs/cuda-emulator.md says what is modelled and
// what not.
#pragma once

#include "cuemu_types.hpp"

// Real variables, not macros: the scheduler stores the running thread's indices at every switch.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace cuemu {

enum class Op : std::uint8_t {
  none,
  shfl,
  shfl_up,
  shfl_down,
  shfl_xor,
  ballot,
  any,
  all,
  syncwarp,
  syncthreads,
  syncthreads_count,
  syncthreads_and,
  syncthreads_or,
};

// What the calling thread brings to a collective. `argument` is the source lane, delta or lane mask of a shuffle.
struct Arrival {
  Op op = Op::none;
  unsigned mask = 0;
  std::uint64_t value = 0;
  unsigned argument = 0;
  int width = warpSize;
  int value_bytes = 0;
  const char* file = "";
  int line = 0;
};

// Both suspend the calling fiber until every thread that has to take part has arrived.
std::uint64_t warp_collective(const Arrival& arrival);
int block_barrier(const Arrival& arrival);

unsigned char* dynamic_shared();
// Memory that all threads of the running block get for one key; the first caller makes it, poisoned with 0xFF.
void* block_shared(const void* key, std::size_t bytes);

// Runs entry(argument) once per thread of the grid. On a failure the whole grid is abandoned: see set_failure_handler.
cudaError_t run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, void (*entry)(void*), void* argument);

// By default a failure (deadlock, bad mask, ...) prints its report and aborts. With a handler, the handler gets the
// report and the launch returns cudaErrorLaunchFailure. Returns the handler that was set before.
using FailureHandler = void (*)(const char* report);
FailureHandler set_failure_handler(FailureHandler handler);
// The same with a handler that does nothing: the report is only kept for last_failure().
void return_failures();
// The report of the calling host thread's last failed launch, "" when there was none.
const char* last_failure();

template <class T> std::uint64_t to_bits(T value) {
  static_assert(std::is_arithmetic<T>::value && (sizeof(T) == 4 || sizeof(T) == 8),
                "CUDA shuffles take 4 and 8 byte arithmetic types");
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}
template <class T> T from_bits(std::uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <class To, class From> To bit_cast(From from) {
  static_assert(sizeof(To) == sizeof(From), "sizes differ");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
template <class T>
T shuffle(Op op, unsigned mask, T value, unsigned argument, int width, const char* file, int line) {
  return from_bits<T>(
      warp_collective({op, mask, to_bits(value), argument, width, static_cast<int>(sizeof(T)), file, line}));
}
inline std::uint64_t vote(Op op, unsigned mask, int predicate, const char* file, int line) {
  return warp_collective({op, mask, predicate != 0, 0, warpSize, 0, file, line});
}
inline int barrier(Op op, int predicate, const char* file, int line) {
  return block_barrier({op, 0, predicate != 0, 0, warpSize, 0, file, line});
}

// `call` holds the converted arguments; every thread passes its own copies to the kernel.
template <class... P, class... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes, A... arguments) {
  struct Call {
    void (*kernel)(P...);
    std::tuple<P...> arguments;
  } call{kernel, std::tuple<P...>(static_cast<P>(arguments)...)};
  const auto entry = [](void* p) {
    auto* c = static_cast<Call*>(p);
    std::apply(c->kernel, c->arguments);
  };
  return remember(run_grid(grid, block, shared_bytes, entry, &call));
}

}  // namespace cuemu

// The default arguments name the call site, so every report says where a thread waits.
#define KT_CUEMU_SITE const char *file = __builtin_FILE(), int line = __builtin_LINE()

template <class T> T __shfl_sync(unsigned mask, T value, int source, int width = warpSize, KT_CUEMU_SITE) {
  return cuemu::shuffle(cuemu::Op::shfl, mask, value, static_cast<unsigned>(source), width, file, line);
}
template <class T> T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize, KT_CUEMU_SITE) {
  return cuemu::shuffle(cuemu::Op::shfl_up, mask, value, delta, width, file, line);
}
template <class T> T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize, KT_CUEMU_SITE) {
  return cuemu::shuffle(cuemu::Op::shfl_down, mask, value, delta, width, file, line);
}
template <class T> T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = warpSize, KT_CUEMU_SITE) {
  return cuemu::shuffle(cuemu::Op::shfl_xor, mask, value, static_cast<unsigned>(lanes), width, file, line);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, KT_CUEMU_SITE) {
  return static_cast<unsigned>(cuemu::vote(cuemu::Op::ballot, mask, predicate, file, line));
}
inline int __any_sync(unsigned mask, int predicate, KT_CUEMU_SITE) {
  return static_cast<int>(cuemu::vote(cuemu::Op::any, mask, predicate, file, line));
}
inline int __all_sync(unsigned mask, int predicate, KT_CUEMU_SITE) {
  return static_cast<int>(cuemu::vote(cuemu::Op::all, mask, predicate, file, line));
}
inline void __syncwarp(unsigned mask = 0xffffffffu, KT_CUEMU_SITE) {
  cuemu::vote(cuemu::Op::syncwarp, mask, 0, file, line);
}
inline void __syncthreads(KT_CUEMU_SITE) { cuemu::barrier(cuemu::Op::syncthreads, 0, file, line); }
inline int __syncthreads_count(int predicate, KT_CUEMU_SITE) {
  return cuemu::barrier(cuemu::Op::syncthreads_count, predicate, file, line);
}
inline int __syncthreads_and(int predicate, KT_CUEMU_SITE) {
  return cuemu::barrier(cuemu::Op::syncthreads_and, predicate, file, line);
}
inline int __syncthreads_or(int predicate, KT_CUEMU_SITE) {
  return cuemu::barrier(cuemu::Op::syncthreads_or, predicate, file, line);
}
// Fences order nothing that the emulator models: see "what it does not model" in docs/cuda-emulator.md.
inline void __threadfence() {}
inline void __threadfence_block() {}

// Relaxed, as CUDA's: they are atomic for ThreadSanitizer but order no other access. There is no floating-point
// atomicAdd on purpose: its result would depend on the order of the threads.
template <class T> struct KtCuemuAtomic {
  static_assert(std::is_same<T, int>::value || std::is_same<T, unsigned>::value ||
                    std::is_same<T, unsigned long long>::value,
                "atomics take int, unsigned and unsigned long long");
  using type = T;
};
template <class T> T atomicAdd(T* address, typename KtCuemuAtomic<T>::type value) {
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}
template <class T> T atomicOr(T* address, typename KtCuemuAtomic<T>::type value) {
  return __atomic_fetch_or(address, value, __ATOMIC_RELAXED);
}
template <class T> T atomicAnd(T* address, typename KtCuemuAtomic<T>::type value) {
  return __atomic_fetch_and(address, value, __ATOMIC_RELAXED);
}
template <class T> T atomicExch(T* address, typename KtCuemuAtomic<T>::type value) {
  return __atomic_exchange_n(address, value, __ATOMIC_RELAXED);
}
template <class T>
T atomicCAS(T* address, typename KtCuemuAtomic<T>::type expected, typename KtCuemuAtomic<T>::type value) {
  __atomic_compare_exchange_n(address, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}
template <class T> T atomicMax(T* address, typename KtCuemuAtomic<T>::type value) {
  T old = __atomic_load_n(address, __ATOMIC_RELAXED);
  while (old < value && !__atomic_compare_exchange_n(address, &old, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}
template <class T> T atomicMin(T* address, typename KtCuemuAtomic<T>::type value) {
  T old = __atomic_load_n(address, __ATOMIC_RELAXED);
  while (value < old && !__atomic_compare_exchange_n(address, &old, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}

template <class T> T __ldg(const T* address) { return *address; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x)); }
inline int __float_as_int(float x) { return cuemu::bit_cast<int>(x); }
inline unsigned __float_as_uint(float x) { return cuemu::bit_cast<unsigned>(x); }
inline float __int_as_float(int x) { return cuemu::bit_cast<float>(x); }
inline float __uint_as_float(unsigned x) { return cuemu::bit_cast<float>(x); }
inline long long __double_as_longlong(double x) { return cuemu::bit_cast<long long>(x); }
inline double __longlong_as_double(long long x) { return cuemu::bit_cast<double>(x); }
using std::max;
using std::min;
