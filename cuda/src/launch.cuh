// launch.cuh: the only platform header a .cu file includes: kernel launch, shared memory, device guard and plain
// errors. With KT_CUEMU the same names run on the CPU emulator; see docs/cuda-emulator.md. No pybind11, no exceptions
// here.
#pragma once

#ifndef KT_BACKEND
#define KT_BACKEND cuda  // the namespace of the back end; the emulated module calls it cuda_emu
#endif

#ifdef KT_CUEMU
#include "cuemu.hpp"
#else
#include <cuda_runtime.h>
#endif

#include <cstddef>
#include <cstdio>
#include <type_traits>
#include <utility>

#include <kinetrace/core/types.hpp>

namespace kinetrace {
namespace cuda {

// `what` names the step that failed, for example "fit_kinematics: launch".
inline Outcome check(cudaError_t status, const char* what) {
  Outcome error;
  if (status == cudaSuccess) return error;
  error.code = static_cast<int>(status);
  const char* detail = "";
#ifdef KT_CUEMU
  if (status == cudaErrorLaunchFailure) detail = ::cuemu::last_failure();
#endif
  std::snprintf(error.message, sizeof error.message, "%s: %s (CUDA error %d)%s%s", what, cudaGetErrorString(status),
                error.code, detail[0] ? "\n" : "", detail);
  return error;
}

// Makes `device` current for its lifetime. Ask status() before using it; the destructor ignores errors and never
// throws.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) : previous_(device), status_(cudaGetDevice(&previous_)) {
    if (status_ != cudaSuccess || previous_ == device) return;
    status_ = cudaSetDevice(device);
    restore_ = status_ == cudaSuccess;
  }
  ~DeviceGuard() {
    if (restore_) static_cast<void>(cudaSetDevice(previous_));
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;
  cudaError_t status() const { return status_; }

 private:
  int previous_;
  cudaError_t status_;
  bool restore_ = false;
};

namespace detail {

// Is P{a} well formed for an `a` of type A, that is, does no argument narrow on its way into the kernel?
template <class P, class A, class = void> struct Fits : std::false_type {};
template <class P, class A> struct Fits<P, A, std::void_t<decltype(P{std::declval<A>()})>> : std::true_type {};

template <class T> struct Same {
  using type = T;
};

template <class... P, class... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
                   A... arguments) {
  static_assert(sizeof...(P) == sizeof...(A), "the kernel takes another number of arguments");
  static_assert((Fits<P, A>::value && ...), "a kernel argument would be narrowed: cast it first");
#ifdef KT_CUEMU
  static_cast<void>(stream);
  return ::cuemu::launch(kernel, grid, block, shared_bytes, arguments...);
#else
  constexpr std::size_t kWithoutOptIn = 48 * 1024;
  if (shared_bytes > kWithoutOptIn) {
    const cudaError_t status =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes));
    if (status != cudaSuccess) return status;
  }
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, static_cast<P>(arguments)...);
#endif
}

}  // namespace detail
}  // namespace cuda
}  // namespace kinetrace

// cudaError_t KT_LAUNCH(kernel, grid, block, shared_bytes, stream, arguments...); write a kernel with several template
// arguments in parentheses: KT_LAUNCH((fit<2, float>), ...). An empty grid is an error: return before launching it.
#define KT_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                             \
  (::kinetrace::cuda::detail::launch(kernel, grid, block, shared_bytes, stream, __VA_ARGS__))

// KT_DYN_SHARED(float, tile): `float* tile` is the launch's dynamic shared memory, 16-byte aligned.
// KT_SHARED(float[8][32], tile): block-shared memory of a fixed size. In the emulator it is fresh, poisoned and exactly
// sized in every block, which plain __shared__ is not. A type with commas needs an alias.
#ifdef KT_CUEMU
#define KT_DYN_SHARED(T, name) T* name = reinterpret_cast<T*>(::cuemu::dynamic_shared())
#define KT_SHARED(T, name)                                                                                            \
  static char name##_key;                                                                                             \
  auto& name =                                                                                                        \
      *static_cast<typename ::kinetrace::cuda::detail::Same<T>::type*>(::cuemu::block_shared(&name##_key, sizeof(T)))
#else
#define KT_DYN_SHARED(T, name)                                  \
  extern __shared__ __align__(16) unsigned char name##_bytes[]; \
  T* name = reinterpret_cast<T*>(name##_bytes)
#define KT_SHARED(T, name) __shared__ typename ::kinetrace::cuda::detail::Same<T>::type name
#endif
