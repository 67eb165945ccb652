#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "clients/cli/command.h"
#include "clients/cli/json_output.h"
#include "clients/cli/progress.h"
#include "clients/cli/terminal.h"
#include "strata/train.h"

namespace strata::cli {
namespace {

struct TrainArguments {
  TrainOptions options;
  bool quiet = false;
  bool json = false;
};

std::atomic<bool> interrupted = false;

Json ToJson(const EpochReport& epoch) {
  return {{"epoch", epoch.epoch},
          {"train_loss", epoch.train_loss},
          {"held_out_accuracy", epoch.held_out_accuracy},
          {"held_out_macro_f1", epoch.held_out_macro_f1},
          {"held_out_log_loss", epoch.held_out_log_loss},
          {"seconds", epoch.seconds},
          {"is_best", epoch.is_best}};
}

std::string ProgressText(const TrainProgress& progress) {
  if (progress.steps == 0) return progress.stage;
  return absl::StrFormat("%s  epoch %d/%d  step %s/%s  loss %.4f  %.1f docs/s  %s left",
                         progress.stage, progress.epoch, progress.epochs,
                         FormatCount(progress.step), FormatCount(progress.steps), progress.loss,
                         progress.documents_per_second, FormatSeconds(progress.seconds_left));
}

int Train(const TrainArguments& arguments) {
  // A first Ctrl-C ends the run in order; what its last finished epoch left can be resumed.
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);

  ProgressLine line(arguments.quiet);
  double share = 0;
  const auto report = TrainClassifier(
      arguments.options,
      [&](const TrainProgress& progress) {
        // Stages without steps (reading, scoring) leave the bar where it is.
        if (progress.steps > 0) share = static_cast<double>(progress.step) / progress.steps;
        line.Show(share, ProgressText(progress));
      },
      [&](const EpochReport& epoch) {
        line.Clear();
        if (arguments.json) {
          PrintLine(ToJson(epoch));
        } else {
          std::printf("epoch %d  loss %.4f  held out: accuracy %.4f  macro-F1 %.4f  %s%s\n",
                      epoch.epoch, epoch.train_loss, epoch.held_out_accuracy,
                      epoch.held_out_macro_f1, FormatSeconds(epoch.seconds).c_str(),
                      epoch.is_best ? "  best so far" : "");
          std::fflush(stdout);
        }
      },
      [] { return interrupted.load(); });
  line.Clear();
  if (!report.ok()) {
    if (interrupted) {
      std::fprintf(stderr, "strata train: stopped; the same command with --resume goes on\n");
      return kExitError;
    }
    return Fail("train", report.status());
  }
  if (arguments.json) {
    PrintLine({{"output", arguments.options.output_folder},
               {"best_epoch", report->best_epoch},
               {"stopped_early", report->stopped_early},
               {"num_train_documents", report->num_train_documents},
               {"num_held_out_documents", report->num_held_out_documents},
               {"num_parameters", report->num_parameters},
               {"seconds", report->seconds},
               {"held_out", cli::ToJson(report->best)}});
  } else {
    std::printf(
        "%s: best epoch %d%s, held-out accuracy %.4f, macro-F1 %.4f (%s documents; trained on %s, "
        "%s parameters, %s)\n",
        arguments.options.output_folder.c_str(), report->best_epoch,
        report->stopped_early ? " (stopped early)" : "", report->best.accuracy,
        report->best.macro_f1, FormatCount(report->num_held_out_documents).c_str(),
        FormatCount(report->num_train_documents).c_str(),
        FormatCount(report->num_parameters).c_str(), FormatSeconds(report->seconds).c_str());
  }
  return kExitOk;
}

void AddArchitectureFlags(CLI::App& command, TrainArchitecture& architecture) {
  const auto count = [&command](const char* name, std::int32_t& value, const char* help) {
    command.add_option(name, value, help)
        ->check(CLI::PositiveNumber)
        ->capture_default_str()
        ->type_name("N")
        ->group("Network");
  };
  count("--vocab-size", architecture.vocab_size, "Entries of the tokenizer that is trained");
  count("--d-model", architecture.d_model, "Hidden size");
  count("--d-kv", architecture.d_kv, "Size of one attention head");
  count("--d-ff", architecture.d_ff, "Size inside the feed-forward layers");
  count("--layers", architecture.num_layers, "Layers");
  count("--heads", architecture.num_heads, "Attention heads");
  command.add_option("--feed-forward", architecture.feed_forward_proj, "Feed-forward activation")
      ->capture_default_str()
      ->type_name("NAME")
      ->group("Network");
}

void AddRecipeFlags(CLI::App& command, TrainRecipe& recipe) {
  const auto number = [&command](const char* name, auto& value, const char* help) {
    command.add_option(name, value, help)
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str()
        ->type_name("X")
        ->group("Recipe");
  };
  number("--epochs", recipe.epochs, "Rounds over the documents");
  number("--batch", recipe.batch_documents, "Documents a step");
  number("--learning-rate", recipe.learning_rate, "Highest learning rate");
  number("--warmup", recipe.warmup_share, "Share of the steps to reach it");
  number("--weight-decay", recipe.weight_decay, "Of matrices");
  number("--beta1", recipe.beta1, "AdamW");
  number("--beta2", recipe.beta2, "AdamW");
  number("--max-gradient-norm", recipe.max_gradient_norm, "Longer gradients are cut to it");
  number("--label-smoothing", recipe.label_smoothing, "Share of the target given to all labels");
  number("--sentence-loss", recipe.sentence_loss, "Weight of each sentence's own prediction");
  number("--dropout", recipe.dropout, "In the encoder");
  number("--head-dropout", recipe.head_dropout, "Before the classifier");
  number("--sentence-share", recipe.sentence_share, "Share of the sentences an epoch sees");
  number("--token-dropout", recipe.token_dropout, "Share of a sentence's tokens left out");
  number("--embedding-std", recipe.embedding_std, "Spread of the first embeddings");
  number("--patience", recipe.patience, "Epochs without a better score before it stops; 0 = never");
  number("--seed", recipe.seed, "The same seed, data and threads give the same model");
}

}  // namespace

void AddTrainCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<TrainArguments>();
  TrainOptions& options = arguments->options;
  CLI::App& command = *app.add_subcommand("train", "Trains a classifier from labelled documents");
  command
      .add_option("TRAIN", options.train_path,
                  "JSON Lines (also .gz) with \"label\" and \"text\" or \"sections\" on each line")
      ->required();
  command.add_option("OUT", options.output_folder, "The model folder to make")->required();
  command
      .add_option("--held-out", options.held_out_path,
                  "Documents to score each epoch on, never trained on")
      ->type_name("FILE");
  command
      .add_option("--held-out-share", options.held_out_share,
                  "Without --held-out: this share of TRAIN")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->type_name("X");
  command
      .add_option("--tokenizer", options.tokenizer_path,
                  "Use this one (as in `strata tokenize --model`) instead of training one")
      ->type_name("PATH");
  command.add_flag("--resume", options.resume, "Go on from the last finished epoch in OUT");
  AddArchitectureFlags(command, options.architecture);
  AddRecipeFlags(command, options.recipe);
  command.add_flag("--quiet", arguments->quiet, "No progress");
  command.add_flag("--json", arguments->json, "One JSON object an epoch, and one at the end");
  command.footer(
      "Examples:\n"
      "  strata train train.jsonl.gz my-model --held-out dev.jsonl.gz --patience 3\n"
      "  strata classify --model my-model notes.md");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Train(*arguments); }; });
}

}  // namespace strata::cli
