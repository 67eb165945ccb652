// Workspace: scratch memory of one thread, kept from call to call.
#ifndef STRATA_KERNELS_LAUNCH_WORKSPACE_H_
#define STRATA_KERNELS_LAUNCH_WORKSPACE_H_

#include <cstddef>

#include "hwy/aligned_allocator.h"

namespace strata::kernels {

// Grows to the largest request and is freed with its thread. Not thread-safe: OfThisThread() only.
class Workspace {
 public:
  static Workspace& OfThisThread() {
    thread_local Workspace workspace;
    return workspace;
  }

  // At least `count` floats, 64-byte aligned, of undefined content; what an earlier call of this
  // thread returned is no longer valid.
  float* Floats(size_t count) {
    if (count > capacity_) {
      floats_ = nullptr;  // Freed first, so that old and new never stand side by side.
      floats_ = hwy::AllocateAligned<float>(count);
      capacity_ = floats_ == nullptr ? 0 : count;
    }
    return floats_.get();
  }

 private:
  hwy::AlignedFreeUniquePtr<float[]> floats_;
  size_t capacity_ = 0;
};

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_LAUNCH_WORKSPACE_H_
