// A test of the stranger's own: its code takes a strata::Client, the test gives it a mock.
#include <cstdio>

#include "strata/client.h"
#include "strata/mock_connection.h"

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  auto connection = std::make_shared<strata::MockConnection>();
  strata::ClassifyResult answer;
  answer.labels = {{"physics", 1.0f, 3.0f}};
  EXPECT_CALL(*connection, Classify).WillOnce(testing::Return(answer));
  const auto result =
      strata::Client(connection).Classify(strata::DocumentInput::FromBytes("force"));
  std::printf("%s\n", result->labels[0].label.c_str());
  return result->labels[0].label == "physics" ? 0 : 1;
}
