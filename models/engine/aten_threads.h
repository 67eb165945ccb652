// ATen's threads for the length of a pass.
#ifndef STRATA_MODELS_ENGINE_ATEN_THREADS_H_
#define STRATA_MODELS_ENGINE_ATEN_THREADS_H_

namespace strata::models {

// They spin for a while after each piece of work, on cores that the kernels' pool needs: where the
// layers run there, ATen gets one. ATen keeps the number both for the thread that sets it and for
// threads that are new to it, so that what is found on entry may be another thread's: both ends of
// the scope set a number of their own. A scope belongs to one thread.
class AtenThreads {
 public:
  enum class Layers : unsigned char { kOnKernels, kOnAten };
  explicit AtenThreads(Layers layers);
  ~AtenThreads();  // all of them again
  AtenThreads(const AtenThreads&) = delete;
  AtenThreads& operator=(const AtenThreads&) = delete;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_ATEN_THREADS_H_
