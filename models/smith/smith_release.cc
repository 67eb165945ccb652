#include "models/smith/smith_release.h"

#include <cctype>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 16;
// Paths of the machine that trained; a model folder has its files beside it.
constexpr const char* kPathFields[] = {"init_checkpoint", "predict_checkpoint", "bert_config_file",
                                       "doc_bert_config_file", "vocab_file"};

// The part of protobuf's text format that the settings use: `name: scalar`, `name { … }` or
// `name: { … }`, comments from # to the end of the line. Names that repeat keep the last value.
class TextFormat {
 public:
  explicit TextFormat(std::string_view text) : rest_(text) {}

  // False where the text breaks off or holds something else; error() says what.
  bool Message(Json& message, int depth = 0) {
    message = Json::object();
    while (true) {
      SkipSpace();
      if (rest_.empty()) return depth == 0 || Fail("a message is not closed");
      if (rest_.front() == '}') return depth > 0 || Fail("'}' without '{'");
      const std::string name = Word();
      if (name.empty()) return Fail("a field's name is missing");
      SkipSpace();
      const bool has_colon = Take(':');
      SkipSpace();
      if (Take('{')) {
        if (depth >= kMaxDepth) return Fail("messages are nested too deep");
        if (!Message(message[name], depth + 1)) return false;
        Take('}');
      } else if (!has_colon || !Scalar(message[name])) {
        return Fail(absl::StrCat("field '", name, "' has no value"));
      }
      Take(',');
      Take(';');
    }
  }

  const std::string& error() const { return error_; }

 private:
  bool Fail(absl::string_view what) {
    if (error_.empty()) error_ = std::string(what);
    return false;
  }

  void SkipSpace() {
    while (!rest_.empty()) {
      if (std::isspace(static_cast<unsigned char>(rest_.front())) != 0) {
        rest_.remove_prefix(1);
      } else if (rest_.front() == '#') {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      } else {
        return;
      }
    }
  }

  bool Take(char wanted) {
    SkipSpace();
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string Word() {
    size_t size = 0;
    while (size < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[size])) != 0 ||
                                   std::string_view("_-+.").find(rest_[size]) != rest_.npos)) {
      ++size;
    }
    std::string word(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return word;
  }

  bool Scalar(Json& value) {
    if (rest_.empty()) return false;
    if (const char quote = rest_.front(); quote == '"' || quote == '\'') {
      const size_t end = rest_.find(quote, 1);
      if (end == rest_.npos) return false;
      value = std::string(rest_.substr(1, end - 1));
      rest_.remove_prefix(end + 1);
      return true;
    }
    const std::string word = Word();
    if (word == "true" || word == "false") {
      value = word == "true";
      return true;
    }
    const Json number = Json::parse(word, nullptr, /*allow_exceptions=*/false);
    if (!number.is_number()) return false;
    value = number;
    return true;
  }

  std::string_view rest_;
  std::string error_;
};

}  // namespace

absl::StatusOr<std::string> SmithConfigFromSettings(
    const std::string& text,
    const std::function<absl::StatusOr<std::string>(const std::string& file_name)>& read,
    const std::string& where) {
  const auto refuse = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
  };
  Json settings;
  TextFormat format(text);
  if (!format.Message(settings)) return refuse(format.error());
  Json& encoder = settings["encoder_config"];
  if (!encoder.is_object()) return refuse("encoder_config is missing");
  Json config = {{"model_type", "smith"}, {"architectures", {"SmithDualEncoder"}}};
  for (const char* part : {"bert_config", "doc_bert_config"}) {
    const std::string field = absl::StrCat(part, "_file");
    if (!encoder.contains(field) || !encoder[field].is_string()) {
      return refuse(absl::StrCat("encoder_config names no ", field));
    }
    const std::string path = encoder[field].get<std::string>();
    auto content = read(path.substr(path.rfind('/') + 1));
    if (!content.ok()) return content.status();
    config[part] = Json::parse(*content, nullptr, /*allow_exceptions=*/false);
    if (!config[part].is_object()) return refuse(absl::StrCat(path, " is not a JSON object"));
  }
  for (const char* field : kPathFields) encoder.erase(field);
  config["encoder_config"] = encoder;
  if (settings.contains("loss_config")) config["loss_config"] = settings["loss_config"];
  const Json& training = settings["train_eval_config"];
  if (training.is_object() && training.contains("neg_to_pos_example_ratio")) {
    config["train_eval_config"]["neg_to_pos_example_ratio"] = training["neg_to_pos_example_ratio"];
  }
  // A quoted setting may hold any bytes; those that are no UTF-8 become U+FFFD.
  return config.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

bool IsSmithTrainingState(const std::string& variable) {
  return variable == "global_step" || absl::EndsWith(variable, "/adam_m") ||
         absl::EndsWith(variable, "/adam_v");
}

}  // namespace strata::models
