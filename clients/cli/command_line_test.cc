#include "clients/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "clients/cli/flag_checks.h"

namespace strata::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A program with two commands, one with a few flags.
class CommandLineTest : public testing::Test {
 protected:
  CommandLineTest() {
    app_.require_subcommand(1);
    app_.add_subcommand("classify", "The class of each document, and what counted most for it");
    CLI::App& train = *app_.add_subcommand("train", "Trains");
    train.add_option("IN", in_)->check(NotEmpty());
    train
        .add_option("--epochs", epochs_, "Rounds over the documents, each of them in another order")
        ->check(WholeNumber(1, 1000));
    train.add_option("--rate", rate_)->check(NumberThat("above 0", [](double x) { return x > 0; }));
    train.add_flag("--json", json_);
  }
  // What is said on stderr; "" if the command line is right, "ends" if all went well and it ends.
  std::string Parse(std::vector<std::string> arguments) {
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    const auto code = ParseCommandLine(app_, std::move(arguments));
    out_ = testing::internal::GetCapturedStdout();
    const std::string said = testing::internal::GetCapturedStderr();
    if (!code.has_value()) return "";
    EXPECT_EQ(*code, said.empty() ? 0 : 2);
    return said.empty() ? "ends" : said;
  }

  CLI::App app_{"A program.", "strata"};
  std::string in_, out_;
  int epochs_ = 10;
  double rate_ = 1;
  bool json_ = false;
};

TEST_F(CommandLineTest, TakesWhatIsRight) {
  EXPECT_EQ(Parse({"train", "a.txt", "--epochs", "3", "--rate=0.5", "--json"}), "");
  EXPECT_EQ(in_, "a.txt");
  EXPECT_EQ(epochs_, 3);
  EXPECT_EQ(rate_, 0.5);
  EXPECT_TRUE(json_);
}

TEST_F(CommandLineTest, NamesTheWrongWordAndTheOneThatWasMeant) {
  EXPECT_THAT(Parse({"clasify", "a.txt"}),
              HasSubstr("strata: there is no command 'clasify'; did you mean classify?"));
  EXPECT_THAT(Parse({"nosuch"}),
              AllOf(HasSubstr("there is no command 'nosuch'"), Not(HasSubstr("mean"))));
  EXPECT_THAT(Parse({"train", "--epoch", "3"}),
              HasSubstr("strata train: there is no flag --epoch; did you mean --epochs?"));
  EXPECT_THAT(Parse({"train", "--colour=red"}),
              AllOf(HasSubstr("there is no flag --colour"), Not(HasSubstr("mean"))));
  EXPECT_THAT(Parse({"train", "a", "b", "c"}), HasSubstr("'b' is one argument too many"));
  EXPECT_THAT(Parse({}), HasSubstr("no command is given"));
}

TEST_F(CommandLineTest, SaysInAFewWordsWhatAFlagTakes) {
  EXPECT_THAT(Parse({"train", "--epochs", "x"}),
              HasSubstr("--epochs: 'x' is not a whole number from 1 to 1000"));
  EXPECT_THAT(Parse({"train", "--epochs", "0"}), HasSubstr("'0' is not a whole number from 1"));
  EXPECT_THAT(Parse({"train", "--epochs=-1"}), HasSubstr("'-1' is not"));
  EXPECT_THAT(Parse({"train", "--epochs", "99999999999999999999"}), HasSubstr("is not a whole"));
  EXPECT_THAT(Parse({"train", "--rate", "0"}), HasSubstr("--rate: '0' is not a number above 0"));
  EXPECT_THAT(Parse({"train", "--rate", "nan"}), HasSubstr("'nan' is not a number"));
  EXPECT_THAT(Parse({"train", ""}), HasSubstr("is empty; is a variable not set?"));
}

TEST_F(CommandLineTest, HelpIsAWordAndAFlagAndFitsTheScreen) {
  EXPECT_EQ(Parse({"help", "train"}), "ends");
  const std::string help = out_;
  EXPECT_THAT(help, HasSubstr("--epochs"));
  std::size_t begin = 0;
  for (std::size_t end; (end = help.find('\n', begin)) != std::string::npos; begin = end + 1) {
    EXPECT_LE(end - begin, 80) << help.substr(begin, end - begin);
  }
  EXPECT_EQ(Parse({"train", "--help"}), "ends");
  EXPECT_EQ(out_, help);
  EXPECT_EQ(Parse({"help"}), "ends");
  EXPECT_THAT(out_, HasSubstr("classify"));
}

TEST(NearestWordTest, CountsChangesAndExchangedNeighbours) {
  const std::vector<std::string> words = {"classify", "batch", "embed"};
  EXPECT_EQ(NearestWord("clasify", words), "classify");
  EXPECT_EQ(NearestWord("bacth", words), "batch");
  EXPECT_EQ(NearestWord("embedd", words), "embed");
  EXPECT_EQ(NearestWord("zzzzz", words), "");
}

}  // namespace
}  // namespace strata::cli
