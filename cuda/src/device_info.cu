// Device count and versions; called by `kinetrace info` only, never at import.
#include "device_info.hpp"

#include "launch.cuh"

namespace kinetrace {
namespace cuda {

Outcome device_count(int* count, int* runtime_version) {
  *count = 0;
  *runtime_version = 0;
#ifndef KT_CUEMU
  static_cast<void>(cudaRuntimeGetVersion(runtime_version));
#endif
  const Outcome outcome = check(cudaGetDeviceCount(count), "cudaGetDeviceCount");
  if (outcome.code) {
    *count = 0;
    static_cast<void>(cudaGetLastError());  // the error is reported here; it must not surface in a later launch
  }
  return outcome;
}

}  // namespace cuda
}  // namespace kinetrace
