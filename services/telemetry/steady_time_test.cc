#include "services/telemetry/steady_time.h"

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace strata::telemetry {
namespace {

TEST(SteadyTimeTest, CrossesToTheWallAndBack) {
  const absl::Time wall = absl::Now() + absl::Seconds(90);
  const absl::Time steady = SteadyFromWall(wall);
  EXPECT_NEAR(absl::ToDoubleSeconds(steady - SteadyNow()), 90, 5);
  EXPECT_NEAR(absl::ToDoubleSeconds(WallFromSteady(steady) - wall), 0, 5);
}

TEST(SteadyTimeTest, TheEndsOfTimeStayThemselves) {
  EXPECT_EQ(SteadyFromWall(absl::InfiniteFuture()), absl::InfiniteFuture());
  EXPECT_EQ(SteadyFromWall(absl::InfinitePast()), absl::InfinitePast());
  EXPECT_EQ(WallFromSteady(absl::InfiniteFuture()), absl::InfiniteFuture());
}

TEST(SteadyTimeTest, GoesOn) {
  const absl::Time begin = SteadyNow();
  while (SteadyNow() == begin) {
  }
  EXPECT_GT(SteadyNow(), begin);
}

}  // namespace
}  // namespace strata::telemetry
