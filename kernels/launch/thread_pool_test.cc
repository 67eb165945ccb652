#include "kernels/launch/thread_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <thread>
#include <vector>

namespace strata::kernels {
namespace {

TEST(ThreadPoolTest, RunsEveryTaskOnce) {
  for (int threads : {-1, 1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads < 1 ? 1 : threads);
    for (int64_t tasks : {0, 1, 2, 3, 1000}) {
      std::vector<std::atomic<int>> runs(tasks);
      pool.ParallelFor(tasks, [&](int64_t task, int worker) {
        EXPECT_GE(worker, 0);
        EXPECT_LT(worker, pool.size());
        ++runs[task];
      });
      for (const auto& count : runs) ASSERT_EQ(count, 1);
    }
  }
}

// Stacks that no machine has room for stand for a system that gives no more threads.
TEST(ThreadPoolTest, WorksWithFewerThreadsWhereTheSystemGivesNoMore) {
  pthread_attr_t before, huge;
  ASSERT_EQ(::pthread_getattr_default_np(&before), 0);
  ASSERT_EQ(::pthread_attr_init(&huge), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&huge, std::size_t{1} << 47), 0);
  ASSERT_EQ(::pthread_setattr_default_np(&huge), 0);
  ThreadPool pool(8);
  ASSERT_EQ(::pthread_setattr_default_np(&before), 0);
  EXPECT_EQ(pool.size(), 1);
  std::atomic<int> runs = 0;
  pool.ParallelFor(100, [&](int64_t, int) { ++runs; });
  EXPECT_EQ(runs, 100);
}

TEST(ThreadPoolTest, OneTaskAtATimeUnderAWorker) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> busy(4);
  pool.ParallelFor(2000, [&](int64_t, int worker) {
    EXPECT_EQ(busy[worker].fetch_add(1), 0);
    busy[worker].fetch_sub(1);
  });
}

TEST(ThreadPoolTest, WorkersHelp) {
  // The first task ends only once another thread has begun the second.
  ThreadPool pool(2);
  std::atomic<bool> second_begun = false;
  pool.ParallelFor(2, [&](int64_t task, int) {
    if (task == 1) second_begun = true;
    while (!second_begun) std::this_thread::yield();
  });
}

TEST(ThreadPoolTest, SeveralCallersAndNestedCalls) {
  ThreadPool pool(3);
  std::atomic<int64_t> sum = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        pool.ParallelFor(
            8, [&](int64_t, int) { pool.ParallelFor(5, [&](int64_t task, int) { sum += task; }); });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 4 * 50 * 8 * (0 + 1 + 2 + 3 + 4));
}

TEST(ThreadPoolTest, RangesCoverAllRowsOnce) {
  ThreadPool pool(3);
  for (int64_t rows : {0, 1, 2, 3, 100, 359, 360, 361, 1000}) {
    std::vector<std::atomic<int>> visits(rows);
    std::atomic<int64_t> ranges = 0, largest = 0;
    pool.ParallelForRows(rows, 120, [&](int64_t begin, int64_t end) {
      ++ranges;
      if (end - begin > largest) largest = end - begin;
      for (int64_t row = begin; row < end; ++row) ++visits[row];
    });
    for (const auto& count : visits) EXPECT_EQ(count, 1);
    EXPECT_LE(largest, 120);
    EXPECT_EQ(ranges, NumRanges(rows, 120, 3));
    EXPECT_EQ(ranges, rows < 3 ? rows : (rows + 359) / 360 * 3) << rows;
  }
}

}  // namespace
}  // namespace strata::kernels
