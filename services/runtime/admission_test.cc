#include "services/runtime/admission.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "services/runtime/error_detail.h"

namespace strata::runtime {
namespace {

TEST(AdmissionTest, LimitsAreNamedAndGivenBack) {
  const auto admission = Admission::Create(/*max_bytes=*/100, /*max_requests=*/2);
  auto first = admission->Acquire(60);
  ASSERT_TRUE(first.ok());
  const auto too_big = admission->Acquire(41);
  EXPECT_EQ(too_big.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(too_big.status().message().find("max_queued_bytes = 100"), std::string::npos);
  EXPECT_EQ(DetailOf(too_big.status()).reason, "QUEUE_FULL");
  EXPECT_GT(DetailOf(too_big.status()).retry_delay, absl::ZeroDuration());
  auto second = admission->Acquire(40);
  ASSERT_TRUE(second.ok());
  const auto too_many = admission->Acquire(0);
  EXPECT_NE(too_many.status().message().find("max_queued_requests = 2"), std::string::npos);
  first->reset();
  EXPECT_EQ(admission->num_bytes(), 40);
  EXPECT_EQ(admission->num_requests(), 1);
  EXPECT_TRUE(admission->Acquire(60).ok());
}

TEST(AdmissionTest, GrowWaitsForOthersButNotForNobody) {
  const auto admission = Admission::Create(100, 10);
  auto working = *admission->Acquire(90);
  auto arriving = *admission->Reserve();
  ASSERT_TRUE(arriving->Grow(10).ok());
  // All is held by documents that still arrive: nothing would ever make room.
  EXPECT_TRUE(admission->HasRoom());
  EXPECT_EQ(arriving->Grow(1).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(admission->num_bytes(), 100);

  working->Commit();
  EXPECT_FALSE(admission->HasRoom());
  EXPECT_TRUE(arriving->Grow(1).ok());
  int calls = 0;
  admission->WhenRoom([&] { ++calls; });
  EXPECT_EQ(calls, 0);
  working.reset();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(admission->HasRoom());
  admission->WhenRoom([&] { ++calls; });
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(arriving->num_bytes(), 11);
}

TEST(AdmissionTest, PermitOutlivesItsAdmission) {
  auto admission = Admission::Create(100, 10);
  auto permit = *admission->Acquire(5);
  admission.reset();
  EXPECT_TRUE(permit->Grow(5).ok());
  permit.reset();
}

TEST(ErrorDetailTest, RoundTrip) {
  const absl::Status status =
      WithDetail(absl::InvalidArgumentError("x"), {.reason = "INVALID_OPTIONS",
                                                   .field = "options.top_k",
                                                   .retry_delay = absl::Milliseconds(20)});
  EXPECT_EQ(DetailOf(status).reason, "INVALID_OPTIONS");
  EXPECT_EQ(DetailOf(status).field, "options.top_k");
  EXPECT_EQ(DetailOf(status).retry_delay, absl::Milliseconds(20));
  EXPECT_EQ(DetailOf(absl::CancelledError("y")).reason, "");
  EXPECT_TRUE(WithDetail(absl::OkStatus(), {.reason = "X"}).ok());
}

}  // namespace
}  // namespace strata::runtime
