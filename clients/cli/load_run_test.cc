#include "clients/cli/load_run.h"

#include <atomic>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "strata/error.h"
#include "strata/mock_connection.h"

namespace strata::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::NiceMock;
using ::testing::Pair;

TEST(TimeHistogramTest, QuantilesAreWithinTwoPercent) {
  TimeHistogram times;
  EXPECT_EQ(times.Quantile(0.5), absl::ZeroDuration());
  for (int i = 1; i <= 1000; ++i) times.Add(absl::Milliseconds(i));
  EXPECT_NEAR(absl::ToDoubleMilliseconds(times.Quantile(0.5)), 500, 10);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(times.Quantile(0.99)), 990, 20);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(times.Quantile(1)), 1000, 20);
  TimeHistogram other;
  for (int i = 0; i < 3000; ++i) other.Add(absl::Microseconds(1));
  times.Add(other);
  EXPECT_LT(times.Quantile(0.7), absl::Microseconds(11));
  EXPECT_GT(times.Quantile(0.8), absl::Milliseconds(150));
  times.Add(absl::Hours(100));  // the last bucket holds whatever is longer
  EXPECT_GT(times.Quantile(1), absl::Hours(1));
}

class LoadRunTest : public testing::Test {
 protected:
  LoadCounts Run(const LoadOptions& options) {
    const Client client(connection_);
    return RunLoad(client, {DocumentInput::FromBytes("one"), DocumentInput::FromBytes("three")},
                   options, [this](const LoadCounts& window) { windows_.Add(window); });
  }

  std::shared_ptr<NiceMock<MockConnection>> connection_ =
      std::make_shared<NiceMock<MockConnection>>();
  LoadCounts windows_;
};

TEST_F(LoadRunTest, EveryCallIsCountedOnceByItsOutcome) {
  std::atomic<int> classified = 0, embedded = 0;
  ON_CALL(*connection_, Classify)
      .WillByDefault([&](const DocumentInput&, const ClassifyOptions& options) {
        absl::StatusOr<ClassifyResult> answer = ClassifyResult();
        const int number = classified++;
        EXPECT_EQ(options.model, "m");
        if (number % 4 == 1) {
          absl::Status full = absl::ResourceExhaustedError("full");
          SetRetryDelay(absl::Milliseconds(5), full);
          SetErrorReason("QUEUE_FULL", full);
          answer = full;
        } else if (number % 4 == 3) {
          answer = absl::InternalError("broken");
        }
        absl::SleepFor(absl::Milliseconds(1));
        return answer;
      });
  ON_CALL(*connection_, Embed).WillByDefault([&](const DocumentInput&, const EmbedOptions&) {
    ++embedded;
    absl::SleepFor(absl::Milliseconds(1));
    return EmbedResult();
  });
  LoadOptions options;
  options.model = "m";
  options.in_flight = 2;
  options.length = absl::Milliseconds(200);
  options.window = absl::Milliseconds(50);
  options.embed_share = 0.25;
  const LoadCounts total = Run(options);
  EXPECT_EQ(total.ok + total.refused + total.failed, classified + embedded);
  EXPECT_NEAR(static_cast<double>(embedded) / (classified + embedded), 0.25, 0.05);
  EXPECT_GT(total.refused, 0);
  EXPECT_EQ(total.hinted, total.refused);
  EXPECT_GT(total.failed, 0);
  EXPECT_EQ(total.late, 0);
  EXPECT_GE(total.bytes, 3 * total.ok);
  EXPECT_THAT(total.errors, ElementsAre(Pair("INTERNAL ", total.failed),
                                        Pair("RESOURCE_EXHAUSTED QUEUE_FULL", total.refused)));
  EXPECT_LE(windows_.ok, total.ok);
  EXPECT_GE(total.times.Quantile(0.5), absl::Microseconds(980));
}

TEST_F(LoadRunTest, ARateIsKeptWhateverComesBack) {
  std::atomic<int> calls = 0, short_timeouts = 0;
  ON_CALL(*connection_, Classify)
      .WillByDefault([&](const DocumentInput&,
                         const ClassifyOptions& options) -> absl::StatusOr<ClassifyResult> {
        ++calls;
        if (options.timeout < absl::Milliseconds(100)) {
          ++short_timeouts;
          return absl::DeadlineExceededError("given up");
        }
        return ClassifyResult();
      });
  LoadOptions options;
  options.rate = 250;
  options.length = absl::Milliseconds(400);
  options.window = absl::Milliseconds(100);
  options.cancel_share = 0.5;
  const LoadCounts total = Run(options);
  EXPECT_EQ(calls, 100);  // begun at their times, so this does not depend on the machine
  EXPECT_EQ(total.given_up, short_timeouts);
  EXPECT_EQ(total.given_up, 50);
  EXPECT_EQ(total.ok, 50);
  EXPECT_EQ(total.failed, 0);
}

}  // namespace
}  // namespace strata::cli
