// What the CUDA runtime reports about its devices.
#pragma once
#include <kinetrace/core/types.hpp>

namespace kinetrace {
namespace cuda {

// Number of usable devices. Any runtime error means none; the outcome keeps its message.
Outcome device_count(int* count, int* runtime_version);

}  // namespace cuda
}  // namespace kinetrace
