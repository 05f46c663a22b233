#include "testing/fiber.h"

#include <bit>
#include <cstdint>

#include "testing/sanitizers.h"

#if defined(SPILL_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(SPILL_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace spillway::testing {

Fiber::Fiber() {
#if defined(SPILL_TSAN)
  tsan_fiber_ = __tsan_get_current_fiber();
#endif
}

Fiber::Fiber(void (*entry)(void*), void* argument)
    : stack_(new std::byte[kStackBytes]),
      entry_(entry),
      argument_(argument),
      stack_bottom_(stack_.get()),
      stack_bytes_(kStackBytes) {
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_.get();
  context_.uc_stack.ss_size = kStackBytes;
  context_.uc_link = nullptr;
  // makecontext passes ints only, so the pointer travels in two halves.
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::enter), 2,
              static_cast<unsigned>(self), static_cast<unsigned>(self >> 32));
#if defined(SPILL_TSAN)
  tsan_fiber_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
#if defined(SPILL_TSAN)
  if (entry_ != nullptr) __tsan_destroy_fiber(tsan_fiber_);
#endif
}

void Fiber::enter(unsigned low, unsigned high) {
  // makecontext passes ints only.
  auto* const self =
      std::bit_cast<Fiber*>(static_cast<std::uintptr_t>(low) | (std::uintptr_t{high} << 32));
  self->arrived();
  self->entry_(self->argument_);
}

void Fiber::switch_to(Fiber& from, Fiber& to) {
  to.came_from_ = &from;
#if defined(SPILL_ASAN)
  __sanitizer_start_switch_fiber(&from.fake_stack_, to.stack_bottom_, to.stack_bytes_);
#endif
#if defined(SPILL_TSAN)
  __tsan_switch_to_fiber(to.tsan_fiber_, 0);
#endif
  swapcontext(&from.context_, &to.context_);
  from.arrived();
}

void Fiber::arrived() {
#if defined(SPILL_ASAN)
  __sanitizer_finish_switch_fiber(fake_stack_, &came_from_->stack_bottom_,
                                  &came_from_->stack_bytes_);
#endif
}

}  // namespace spillway::testing
