// Plain data that crosses every boundary: statuses, strided arrays, how to launch. No code of any instruction set.
#pragma once
#include <cstdint>

namespace kinetrace {

// Per-problem outcome; the Python enum kinetrace.Status has the same numbers and a test compares them.
enum Status : int32_t {
  kOk = 0,
  kTooFewPoints = 1,
  kNonFinite = 2,
  kSingular = 3,
  kInvalidWeight = 4,
  kInfeasible = 5,
  kEmpty = 6
};

// An array as the caller holds it: pointer and strides in elements (0 repeats, negative runs backwards), never a copy.
template <class T, int Rank> struct Strided {
  T* data = nullptr;  // nullptr: the optional array was not given
  int64_t extent[Rank] = {};
  int64_t stride[Rank] = {};
};

// Where and how wide to run: `num_threads` for the CPU (0: decide by affinity), stream and device for CUDA.
struct Launch {
  int num_threads = 0;
  void* stream = nullptr;
  int device = 0;
};

// Outcome of a back end call: 0, or a code (a cudaError_t) and a message for the caller. CUDA code reports errors by value: no exception crosses a .cu file.
struct Outcome {
  int code = 0;
  char message[2048] = {};

  explicit operator bool() const { return code != 0; }  // true: it failed
};

}  // namespace kinetrace
