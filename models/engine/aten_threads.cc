#include "models/engine/aten_threads.h"

#include <ATen/Parallel.h>

#include "kernels/launch/thread_pool.h"

namespace strata::models {
namespace {

int All() { return kernels::SharedThreadPool()->size(); }

}  // namespace

AtenThreads::AtenThreads(Layers layers) {
  at::set_num_threads(layers == Layers::kOnKernels ? 1 : All());
}

AtenThreads::~AtenThreads() { at::set_num_threads(All()); }

}  // namespace strata::models
