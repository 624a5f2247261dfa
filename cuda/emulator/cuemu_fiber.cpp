// cuemu_fiber.cpp: stacks, the switch between them, and what the sanitizers must be told about it.
#include <sys/mman.h>

#include "cuemu_state.hpp"

extern "C" {
__attribute__((weak)) void* __tsan_get_current_fiber();
__attribute__((weak)) void* __tsan_create_fiber(unsigned flags);
__attribute__((weak)) void __tsan_destroy_fiber(void* fiber);
__attribute__((weak)) void __tsan_switch_to_fiber(void* fiber, unsigned flags);
__attribute__((weak)) void __tsan_acquire(void* address);
__attribute__((weak)) void __tsan_release(void* address);
__attribute__((weak)) void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom, std::size_t bytes);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void* fake_stack, const void** bottom, std::size_t* bytes);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void* address, std::size_t bytes);

// Saves the callee-saved registers on the running stack, stores its pointer in *save and continues on stack `to`.
void kt_cuemu_switch(void** save, void* to);
}

#if defined(__x86_64__)
asm(R"(
    .text
    .globl kt_cuemu_switch
    .hidden kt_cuemu_switch
    .type kt_cuemu_switch, @function
kt_cuemu_switch:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
    .size kt_cuemu_switch, .-kt_cuemu_switch
)");
#elif defined(__aarch64__)
asm(R"(
    .text
    .globl kt_cuemu_switch
    .hidden kt_cuemu_switch
    .type kt_cuemu_switch, %function
kt_cuemu_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .size kt_cuemu_switch, .-kt_cuemu_switch
)");
#else
#error "cuemu: write kt_cuemu_switch for this processor (x86-64 and aarch64 are there)"
#endif

namespace cuemu {

namespace {

constexpr std::size_t kStackBytes = 256 * 1024;
constexpr std::size_t kGuardBytes = 64 * 1024;     // a multiple of every page size in use
constexpr unsigned kNoSynchronisation = 1;         // __tsan_switch_to_fiber: the switch orders no memory access

void map_stack(Context& context) {
  void* low = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (low == MAP_FAILED || mprotect(low, kGuardBytes, PROT_NONE) != 0) {
    std::fprintf(stderr, "cuemu: no memory for the stack of a thread\n");
    std::abort();
  }
  context.stack_low = static_cast<char*>(low) + kGuardBytes;
  context.stack_bytes = kStackBytes;
}

// Called on the stack that has just been switched to.
void arrive(void* fake_stack) {
  if (!__sanitizer_finish_switch_fiber) return;
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(fake_stack, &bottom, &bytes);
  if (state.previous == &state.host) {  // the host's stack is known only from here
    state.host.stack_low = bottom;
    state.host.stack_bytes = bytes;
  }
}

void switch_context(Context& from, Context& to, bool from_dies) {
  if (__sanitizer_start_switch_fiber)
    __sanitizer_start_switch_fiber(from_dies ? nullptr : &from.asan_fake_stack, to.stack_low, to.stack_bytes);
  if (__tsan_switch_to_fiber) __tsan_switch_to_fiber(to.tsan_fiber, kNoSynchronisation);
  state.previous = &from;
  kt_cuemu_switch(&from.stack_pointer, to.stack_pointer);
  arrive(from.asan_fake_stack);
}

}  // namespace

void prepare_fiber(Fiber& fiber, void (*main)()) {
  Context& context = *fiber.context;
  if (!context.stack_low) map_stack(context);
  if (__tsan_create_fiber && !context.tsan_fiber) context.tsan_fiber = __tsan_create_fiber(0);
  auto** top = reinterpret_cast<void**>(const_cast<char*>(static_cast<const char*>(context.stack_low)) + kStackBytes);
#if defined(__x86_64__)
  // As after a call: the entry's rsp is 8 modulo 16, or aligned moves of the compiled kernel would fault.
  top -= 8;  // six registers, the entry's address, and its null return address at the top
  for (int i = 0; i < 8; ++i) top[i] = nullptr;
  top[6] = reinterpret_cast<void*>(main);
#else
  top -= 20;  // the frame of kt_cuemu_switch; x30 is entry 11
  for (int i = 0; i < 20; ++i) top[i] = nullptr;
  top[11] = reinterpret_cast<void*>(main);
#endif
  context.stack_pointer = top;
  context.asan_fake_stack = nullptr;
}

void enter_first_time() { arrive(nullptr); }

void switch_to_fiber(Fiber& to) {
  Context& from = state.current ? *state.current->context : state.host;
  if (!state.current && __tsan_get_current_fiber) state.host.tsan_fiber = __tsan_get_current_fiber();
  state.current = &to;
  threadIdx = to.index;
  switch_context(from, *to.context, false);
}

void leave_to(Fiber* to) {
  Context& from = *state.current->context;
  state.current = to;
  if (to) threadIdx = to->index;
  switch_context(from, to ? *to->context : state.host, true);
  std::abort();  // never reached: nobody switches back to a thread that has ended
}

void abandon_to_host() {
  Context& from = *state.current->context;
  state.current = nullptr;
  switch_context(from, state.host, false);
  std::abort();
}

// An abandoned thread's frames stay half open. Its accesses are ordered before whatever the host does next, then its
// sanitizer state is dropped, because shadow call stacks and poisoned frames would mislead the next kernel's reports.
void discard_contexts() {
  for (Context& context : state.contexts) {
    if (context.tsan_fiber) {
      __tsan_switch_to_fiber(context.tsan_fiber, kNoSynchronisation);
      __tsan_release(&state.end_tag);
      __tsan_switch_to_fiber(state.host.tsan_fiber, kNoSynchronisation);
      __tsan_destroy_fiber(context.tsan_fiber);
      context.tsan_fiber = nullptr;
    }
    if (__asan_unpoison_memory_region && context.stack_low)
      __asan_unpoison_memory_region(context.stack_low, context.stack_bytes);
  }
  tsan_acquire(&state.end_tag);
}

void tsan_release(void* tag) {
  if (__tsan_release) __tsan_release(tag);
}
void tsan_acquire(void* tag) {
  if (__tsan_acquire) __tsan_acquire(tag);
}
bool have_tsan() { return __tsan_switch_to_fiber != nullptr; }
bool have_asan() { return __asan_unpoison_memory_region != nullptr; }

void* host_malloc(std::size_t bytes) {
  if (!have_tsan() || !state.current) {
    void* memory = std::malloc(bytes);
    if (memory) std::memset(memory, 0xFF, bytes);
    return memory;
  }
  __tsan_switch_to_fiber(state.host.tsan_fiber, kNoSynchronisation);
  void* memory = std::malloc(bytes);
  if (memory) std::memset(memory, 0xFF, bytes);
  __tsan_release(&state.shared_tag);
  __tsan_switch_to_fiber(state.current->context->tsan_fiber, kNoSynchronisation);
  return memory;
}

void host_free(void* memory) {
  if (!have_tsan() || !state.current) return std::free(memory);
  __tsan_switch_to_fiber(state.host.tsan_fiber, kNoSynchronisation);
  std::free(memory);
  __tsan_switch_to_fiber(state.current->context->tsan_fiber, kNoSynchronisation);
}

}  // namespace cuemu
