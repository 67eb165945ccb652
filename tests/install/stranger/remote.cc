// Calls a service that is not there.
#include <cstdio>

#include "strata/client.h"
#include "strata/error.h"

int main() {
  strata::ClientOptions options;
  options.retry.max_attempts = 2;
  const auto client = strata::Client::Connect("127.0.0.1:9", options);
  if (!client.ok()) return 1;
  const auto result = client->Classify(strata::DocumentInput::FromBytes("text"));
  std::printf("%s, retryable: %d\n", result.status().ToString().c_str(),
              strata::IsRetryable(result.status()));
  return result.ok() ? 1 : 0;
}
