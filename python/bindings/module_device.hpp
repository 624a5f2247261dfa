// Which memory this extension module works on: the CPU module and the emulated CUDA module read host memory.
#pragma once

#if !defined(KT_BACKEND)
#error "KT_BACKEND names the back end: cpu, cuda or cuda_emu"
#endif
#define KT_STRING_(x) #x
#define KT_STRING(x) KT_STRING_(x)

namespace kinetrace {
namespace bindings {

constexpr const char* kBackendName = KT_STRING(KT_BACKEND);
constexpr bool kModuleIsCpu = kBackendName[0] == 'c' && kBackendName[1] == 'p';
constexpr bool kModuleOnHost = kModuleIsCpu || (kBackendName[4] == '_');

}  // namespace bindings
}  // namespace kinetrace
