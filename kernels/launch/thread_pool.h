// ThreadPool: the threads that a kernel call is given.
#ifndef STRATA_KERNELS_LAUNCH_THREAD_POOL_H_
#define STRATA_KERNELS_LAUNCH_THREAD_POOL_H_

#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace strata::kernels {

// A fixed set of threads that run the tasks of ParallelFor calls. The caller's own thread works
// too, so ThreadPool(1) starts no thread. Thread-safe: several threads may call ParallelFor at once
// (they share the workers), and a task may call it again; each call is done when it returns.
class ThreadPool {
 public:
  // num_threads: threads at work in one call, the caller's included; less than 1 counts as 1. Where
  // the system gives fewer, size() tells how many there are.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();  // No call may be under way.
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(threads_.size()) + 1; }

  // Runs fn(task, worker) once for each task in [0, num_tasks) and returns when all are done. Tasks
  // are begun in rising order. worker is in [0, size()); no two tasks of one call run at the same
  // time under the same worker. fn must not throw.
  void ParallelFor(int64_t num_tasks, absl::FunctionRef<void(int64_t task, int worker)> fn);

  // The same for rows: fn(begin, end) on ranges of nearly equal size that cover [0, num_rows), see
  // NumRanges.
  void ParallelForRows(int64_t num_rows, int64_t most,
                       absl::FunctionRef<void(int64_t begin, int64_t end)> fn);

 private:
  struct Job;
  void WorkerLoop(int worker);
  void RunTasks(Job& job, int worker);

  std::mutex mutex_;
  std::condition_variable job_added_;
  std::list<std::shared_ptr<Job>>
      jobs_;  // guarded by mutex_; those that may still have tasks to begin
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// Ranges of at most `most` rows that num_rows are cut into, as many for every thread (fewer only if
// there are fewer rows).
int64_t NumRanges(int64_t num_rows, int64_t most, int num_threads);

// The process-wide pool; made on first use, by default with one thread for each processor that this
// process may run on. Thread-safe.
std::shared_ptr<ThreadPool> SharedThreadPool();

// Replaces the shared pool with one of n threads (less than 1: the default). Calls under way keep
// the pool that they began with. Thread-safe.
void SetNumThreads(int n);

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_LAUNCH_THREAD_POOL_H_
