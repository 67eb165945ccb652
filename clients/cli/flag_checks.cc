#include "clients/cli/flag_checks.h"

#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace strata::cli {
namespace {

// CLI11 shows a validator's description in the help and in errors; ours say it themselves.
CLI::Validator Silent(std::function<std::string(std::string&)> check) {
  return CLI::Validator(std::move(check), "");
}

}  // namespace

CLI::Validator WholeNumber(std::int64_t lowest, std::int64_t highest) {
  return Silent([=](std::string& text) -> std::string {
    std::int64_t value = 0;
    if (absl::SimpleAtoi(text, &value) && value >= lowest && value <= highest) return "";
    const bool open = highest >= std::numeric_limits<std::int32_t>::max() && value <= highest;
    return absl::StrCat("'", text, "' is not a whole number ",
                        open ? absl::StrCat("of ", lowest, " or more")
                             : absl::StrCat("from ", lowest, " to ", highest));
  });
}

CLI::Validator NumberThat(const std::string& range, std::function<bool(double)> holds) {
  return Silent([range, holds = std::move(holds)](std::string& text) -> std::string {
    double value = 0;
    if (absl::SimpleAtod(text, &value) && std::isfinite(value) && holds(value)) return "";
    return absl::StrCat("'", text, "' is not a number ", range);
  });
}

CLI::Validator NotEmpty() {
  return Silent([](std::string& text) -> std::string {
    return text.empty() ? "is empty; is a variable not set?" : "";
  });
}

}  // namespace strata::cli
