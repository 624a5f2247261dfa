// Portability layer: everything that knows which compiler reads the file. Nothing here depends on a kernel.
#pragma once

// KT_HD marks maths shared by CPU and CUDA. Always inlined on the host: a weak out-of-line copy compiled for AVX-512
// could otherwise be the one that the baseline code calls.
#if defined(__CUDACC__)
#define KT_HD __host__ __device__ __forceinline__
#else
#define KT_HD inline __attribute__((always_inline))
#endif

// A condition that hardly ever holds: what it guards moves out of the way.
#define KT_RARELY(condition) __builtin_expect(condition, 0)

// For the host's lambdas (and before the body): g++ leaves those that are called often out of line, at the price of a call
// with all registers saved per row.
#define KT_INLINE __attribute__((always_inline))

// Every instruction-set build of the shared maths lives in its own inline namespace, so that no two builds share a symbol.
#ifndef KT_ABI
#define KT_ABI portable
#endif
#define KT_PASTE_(a, b) a##b
#define KT_PASTE(a, b) KT_PASTE_(a, b)
#define KT_MATHS_BEGIN                        \
  namespace kinetrace {                       \
  inline namespace KT_PASTE(maths_, KT_ABI) {
#define KT_MATHS_END \
  }                  \
  }
