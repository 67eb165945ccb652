#include "kernels/launch/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <system_error>

namespace strata::kernels {
namespace {

int DefaultNumThreads() {
  cpu_set_t processors;
  if (sched_getaffinity(0, sizeof(processors), &processors) == 0) return CPU_COUNT(&processors);
  return static_cast<int>(std::thread::hardware_concurrency());
}

std::mutex& PoolMutex() {
  static std::mutex mutex;
  return mutex;
}

// Never destroyed at exit: tensors may still be computed by other static destructors.
std::shared_ptr<ThreadPool>& PoolSlot() {
  static auto* pool = new std::shared_ptr<ThreadPool>();
  return *pool;
}

}  // namespace

// Shared with the workers: one that comes late, or was held up on its way out, only finds no task
// left and lets go of the job. The call need not wait for it, nor does such a worker touch fn.
struct ThreadPool::Job {
  Job(absl::FunctionRef<void(int64_t, int)> run, int64_t count)
      : fn(run), num_tasks(count), left(count) {}

  absl::FunctionRef<void(int64_t, int)> fn;
  int64_t num_tasks;
  std::atomic<int64_t> next{0};  // the first task that nobody has begun
  std::atomic<int64_t> left;     // tasks that are not yet done
  std::condition_variable done;
};

ThreadPool::ThreadPool(int num_threads) {
  try {
    for (int worker = 1; worker < num_threads; ++worker) {
      threads_.emplace_back([this, worker] { WorkerLoop(worker); });
    }
  } catch (const std::system_error&) {
    // The system has no more: those that run do all the work.
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  job_added_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::ParallelFor(int64_t num_tasks, absl::FunctionRef<void(int64_t, int)> fn) {
  if (num_tasks <= 1 || threads_.empty()) {
    for (int64_t task = 0; task < num_tasks; ++task) fn(task, 0);
    return;
  }
  const auto job = std::make_shared<Job>(fn, num_tasks);
  std::list<std::shared_ptr<Job>>::iterator place;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    place = jobs_.insert(jobs_.end(), job);
  }
  if (num_tasks > 2) {
    job_added_.notify_all();
  } else {
    job_added_.notify_one();
  }
  RunTasks(*job, 0);
  std::unique_lock<std::mutex> lock(mutex_);
  jobs_.erase(place);
  job->done.wait(lock, [&] { return job->left.load(std::memory_order_acquire) == 0; });
}

void ThreadPool::ParallelForRows(int64_t num_rows, int64_t most,
                                 absl::FunctionRef<void(int64_t, int64_t)> fn) {
  const int64_t ranges = NumRanges(num_rows, most, size());
  ParallelFor(ranges, [&](int64_t range, int) {
    fn(num_rows * range / ranges, num_rows * (range + 1) / ranges);
  });
}

int64_t NumRanges(int64_t num_rows, int64_t most, int num_threads) {
  const int64_t per_round = num_threads * most;
  return std::min(num_rows, (num_rows + per_round - 1) / per_round * num_threads);
}

void ThreadPool::RunTasks(Job& job, int worker) {
  for (int64_t task = job.next.fetch_add(1, std::memory_order_relaxed); task < job.num_tasks;
       task = job.next.fetch_add(1, std::memory_order_relaxed)) {
    job.fn(task, worker);
    if (job.left.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      // Under the lock, or the call could miss it between its look at `left` and its sleep.
      std::lock_guard<std::mutex> lock(mutex_);
      job.done.notify_one();
    }
  }
}

void ThreadPool::WorkerLoop(int worker) {
  std::unique_lock<std::mutex> lock(mutex_);
  auto open_job = [this]() -> std::shared_ptr<Job> {
    for (const std::shared_ptr<Job>& job : jobs_) {
      if (job->next.load(std::memory_order_relaxed) < job->num_tasks) return job;
    }
    return nullptr;
  };
  while (true) {
    std::shared_ptr<Job> job;
    job_added_.wait(lock, [&] { return stopping_ || (job = open_job()) != nullptr; });
    if (stopping_) return;
    lock.unlock();
    RunTasks(*job, worker);
    job.reset();
    lock.lock();
  }
}

std::shared_ptr<ThreadPool> SharedThreadPool() {
  std::lock_guard<std::mutex> lock(PoolMutex());
  if (PoolSlot() == nullptr) PoolSlot() = std::make_shared<ThreadPool>(DefaultNumThreads());
  return PoolSlot();
}

void SetNumThreads(int n) {
  auto pool = std::make_shared<ThreadPool>(n < 1 ? DefaultNumThreads() : n);
  std::lock_guard<std::mutex> lock(PoolMutex());
  PoolSlot() = std::move(pool);
}

}  // namespace strata::kernels
