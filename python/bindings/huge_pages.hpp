// Large fresh outputs on the host: asks for huge pages, as NumPy does for its own arrays. First touches of 4 KiB pages
// would otherwise cost more than the kernel that writes them.
#pragma once
#include <cstdint>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "module_device.hpp"

namespace kinetrace {
namespace bindings {

inline void advise_huge_pages(void* data, int64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (!kModuleIsCpu || bytes < (int64_t(4) << 20)) return;
  const auto page = std::uintptr_t(4096), begin = (reinterpret_cast<std::uintptr_t>(data) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(data) + std::uintptr_t(bytes)) / page * page;
  if (begin < end)
    static_cast<void>(madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE));  // a hint: failure is fine
#else
  static_cast<void>(data), static_cast<void>(bytes);
#endif
}

}  // namespace bindings
}  // namespace kinetrace
