#include "services/runtime/batcher.h"

#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BatcherTest : public ::testing::Test {
 protected:
  void Add(Batcher& batcher, int64_t sequence, int64_t num_tokens, int model = 0) {
    auto call = std::make_shared<PendingCall>();
    call->sequence = sequence;
    call->num_tokens = num_tokens;
    call->payload.model = models_[model];
    batcher.Add(call);
    calls_.push_back(std::move(call));
  }

  static std::vector<int64_t> Take(Batcher& batcher) {
    std::vector<int64_t> sequences;
    for (const auto& call : batcher.Take()) sequences.push_back(call->sequence);
    return sequences;
  }

  const std::shared_ptr<const ServedModel> models_[2] = {std::make_shared<ServedModel>(),
                                                         std::make_shared<ServedModel>()};
  std::vector<std::shared_ptr<PendingCall>> calls_;
};

TEST_F(BatcherTest, FillsByTokensInOrderOfArrival) {
  Batcher batcher({.max_tokens = 100});
  Add(batcher, 2, 30);
  Add(batcher, 0, 40);
  Add(batcher, 1, 30);
  Add(batcher, 3, 30);
  EXPECT_EQ(batcher.num_tokens(), 130);
  EXPECT_THAT(Take(batcher), ElementsAre(0, 1, 2));
  EXPECT_EQ(batcher.num_tokens(), 30);
  EXPECT_THAT(Take(batcher), ElementsAre(3));
  EXPECT_THAT(Take(batcher), IsEmpty());
  EXPECT_EQ(batcher.num_tokens(), 0);
}

TEST_F(BatcherTest, SummariesGoAmongThemselves) {
  Batcher batcher({.max_tokens = 100});
  for (int i = 0; i < 4; ++i) {
    Add(batcher, i, 10);
    if (i % 2 == 1) calls_.back()->payload.request.task.task = models::Task::kSummarize;
  }
  EXPECT_THAT(Take(batcher), ElementsAre(0, 2));
  EXPECT_THAT(Take(batcher), ElementsAre(1, 3));
}

TEST_F(BatcherTest, FillsByDocuments) {
  Batcher batcher({.max_tokens = 100, .max_documents = 2});
  for (int i = 0; i < 5; ++i) Add(batcher, i, 1);
  EXPECT_THAT(Take(batcher), ElementsAre(0, 1));
  EXPECT_THAT(Take(batcher), ElementsAre(2, 3));
  EXPECT_THAT(Take(batcher), ElementsAre(4));
}

TEST_F(BatcherTest, DocumentOverTheLimitRunsAlone) {
  Batcher batcher({.max_tokens = 100});
  Add(batcher, 0, 1000);
  Add(batcher, 1, 1);
  EXPECT_THAT(Take(batcher), ElementsAre(0));
  EXPECT_THAT(Take(batcher), ElementsAre(1));
}

TEST_F(BatcherTest, LooksPastWhatDoesNotFit) {
  Batcher batcher({.max_tokens = 100});
  Add(batcher, 0, 60);
  Add(batcher, 1, 60);
  Add(batcher, 2, 30);
  Add(batcher, 3, 10);
  EXPECT_THAT(Take(batcher), ElementsAre(0, 2, 3));
  EXPECT_THAT(Take(batcher), ElementsAre(1));
}

TEST_F(BatcherTest, LookIsBounded) {
  Batcher batcher({.max_tokens = 100, .max_look_ahead = 2});
  Add(batcher, 0, 60);
  for (int i = 1; i <= 3; ++i) Add(batcher, i, 60);
  Add(batcher, 4, 10);
  EXPECT_THAT(Take(batcher), ElementsAre(0));
  EXPECT_THAT(Take(batcher), ElementsAre(1, 4));
}

// Newcomers that fit may pass a big document only so often, even where it is not the head.
TEST_F(BatcherTest, AgedCallEndsTheLook) {
  Batcher batcher({.max_tokens = 100, .max_skips = 2});
  int64_t next = 0;
  for (int i = 0; i < 5; ++i) Add(batcher, next++, 10);  // each the head of a later batch
  Add(batcher, 100, 95);
  std::vector<std::vector<int64_t>> batches;
  int64_t newcomer = 200;
  while (true) {
    Add(batcher, newcomer++, 5);
    batches.push_back(Take(batcher));
    if (batches.back().front() == 100) break;
    ASSERT_LT(batches.size(), 10u);
  }
  // All heads fit in the first pass with the newcomer behind the big one; then the big one leads.
  EXPECT_THAT(batches[0], ElementsAre(0, 1, 2, 3, 4, 200));
  EXPECT_THAT(batches[1], ElementsAre(100, 201));

  // Heads too big to share: two passes may overtake 100, not more.
  for (int i = 0; i < 5; ++i) Add(batcher, 300 + i, 60);
  Add(batcher, 310, 50);
  for (int pass = 0; pass < 4; ++pass) {
    Add(batcher, 400 + pass, 40);
    const std::vector<int64_t> batch = Take(batcher);
    EXPECT_EQ(batch.size(), pass < 2 ? 2u : 1u) << "pass " << pass;
  }
}

TEST_F(BatcherTest, OneModelABatch) {
  Batcher batcher({.max_tokens = 100});
  Add(batcher, 0, 10, 0);
  Add(batcher, 1, 10, 1);
  Add(batcher, 2, 10, 0);
  Add(batcher, 3, 10, 1);
  EXPECT_THAT(Take(batcher), ElementsAre(0, 2));
  EXPECT_THAT(Take(batcher), ElementsAre(1, 3));
}

TEST_F(BatcherTest, RemovedCallIsNotTaken) {
  Batcher batcher({.max_tokens = 100});
  for (int i = 0; i < 3; ++i) Add(batcher, i, 10);
  batcher.Remove(*calls_[1]);
  EXPECT_EQ(batcher.num_tokens(), 20);
  EXPECT_THAT(Take(batcher), ElementsAre(0, 2));
}

}  // namespace
}  // namespace strata::runtime
