// Workspace: scratch memory of one thread, kept from call to call.
#ifndef STRATA_KERNELS_LAUNCH_WORKSPACE_H_
#define STRATA_KERNELS_LAUNCH_WORKSPACE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "hwy/aligned_allocator.h"

namespace strata::kernels {

// `count` floats, 64-byte aligned, of undefined content; null: no memory.
inline hwy::AlignedFreeUniquePtr<float[]> AllocateFloats(int64_t count) {
  // Highway refuses to allocate nothing.
  return hwy::AllocateAligned<float>(static_cast<size_t>(std::max<int64_t>(count, 1)));
}

// RESOURCE_EXHAUSTED, for a kernel that got no scratch of `count` floats.
inline absl::Status NoMemory(int64_t count) {
  return absl::ResourceExhaustedError(
      absl::StrCat("no memory for ", count, " numbers of a kernel's scratch"));
}

// Grows to the largest request and is freed with its thread. Not thread-safe: OfThisThread() only.
class Workspace {
 public:
  static Workspace& OfThisThread() {
    thread_local Workspace workspace;
    return workspace;
  }

  // At least `count` floats, 64-byte aligned, of undefined content; null: no memory. What an
  // earlier call of this thread returned is no longer valid.
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
