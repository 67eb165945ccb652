#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "clients/cli/command.h"
#include "clients/cli/flag_checks.h"
#include "clients/cli/interrupt.h"
#include "clients/cli/json_output.h"
#include "clients/cli/progress.h"
#include "clients/cli/spooled_input.h"
#include "clients/cli/terminal.h"
#include "strata/embedded.h"
#include "strata/train.h"

namespace strata::cli {
namespace {

struct TrainArguments {
  TrainOptions options;
  std::string task = "documents";
  bool quiet = false;
  bool json = false;
};

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
  // With the shortest bar in 80 columns.
  return absl::StrFormat("epoch %d/%d  step %d/%d  loss %.3f  %.1f docs/s  %s left", progress.epoch,
                         progress.epochs, progress.step, progress.steps, progress.loss,
                         progress.documents_per_second, FormatSeconds(progress.seconds_left));
}

// The trainer speaks of its options by their names in the SDK.
absl::Status WithFlagNames(const absl::Status& status) {
  return absl::Status(
      status.code(),
      absl::StrReplaceAll(status.message(), {{"go on with it (resume)", "go on with it (--resume)"},
                                             {"hold out more of them", "give more with --held-out"},
                                             {"give held-out documents", "give --held-out FILE"},
                                             {"train_path", "TRAIN"},
                                             {"held_out_path", "--held-out"},
                                             {"held_out_share", "--held-out-share"},
                                             {"tokenizer_path", "--tokenizer"},
                                             {"compute_threads", "--threads"},
                                             {"vocab_size", "--vocab-size"},
                                             {"d_model", "--d-model"},
                                             {"d_kv", "--d-kv"},
                                             {"d_ff", "--d-ff"},
                                             {"num_layers", "--layers"},
                                             {"num_heads", "--heads"},
                                             {"feed_forward_proj", "--feed-forward"},
                                             {"epochs ", "--epochs "},
                                             {"batch_documents", "--batch"},
                                             {"learning_rate", "--learning-rate"},
                                             {"warmup_share", "--warmup"},
                                             {"weight_decay", "--weight-decay"},
                                             {"beta1", "--beta1"},
                                             {"beta2", "--beta2"},
                                             {"max_gradient_norm", "--max-gradient-norm"},
                                             {"label_smoothing", "--label-smoothing"},
                                             {"sentence_loss", "--sentence-loss"},
                                             {"class_balance", "--class-balance"},
                                             {"head_dropout", "--head-dropout"},
                                             {"token_dropout", "--token-dropout"},
                                             {"sentence_share", "--sentence-share"},
                                             {"embedding_std", "--embedding-std"},
                                             {"augment ", "--augment "},
                                             {"mixup ", "--mixup "},
                                             {"patch_overlap ", "--patch-overlap "},
                                             {"patience ", "--patience "},
                                             {"seed ", "--seed "}}));
}

int Train(TrainArguments arguments) {
  const auto path = SpoolStandardInput(arguments.options.train_path);
  if (!path.ok()) return Fail("train", path.status(), arguments.json);
  arguments.options.train_path = *path;
  if (arguments.task == "sections") arguments.options.task = TrainTask::kSections;
  if (arguments.task == "sentences") arguments.options.task = TrainTask::kSentences;
  if (arguments.task == "image") arguments.options.task = TrainTask::kImages;
  if (arguments.task == "audio") arguments.options.task = TrainTask::kSounds;
  // A first Ctrl-C ends the run in order; what its last finished epoch left can be resumed.
  EndInOrderOnSignal();

  ProgressLine line(arguments.quiet);
  double share = 0;
  const auto report = TrainClassifier(
      arguments.options,
      [&](const TrainProgress& progress) {
        if (!progress.warning.empty()) {
          line.Clear();
          const absl::Status warning = WithFlagNames(absl::UnknownError(progress.warning));
          std::fprintf(stderr, "strata train: note: %s\n",
                       NameStandardInput(std::string(warning.message())).c_str());
          return;
        }
        // Stages without steps (reading, scoring) leave the bar where it is.
        if (progress.steps > 0) share = static_cast<double>(progress.step) / progress.steps;
        line.Show(share, ProgressText(progress));
      },
      [&](const EpochReport& epoch) {
        if (arguments.json) {
          line.Clear();
          PrintLine(ToJson(epoch));
        } else if (!arguments.quiet) {
          line.Clear();
          std::printf("epoch %2d  loss %.4f  held out: accuracy %.4f, F1 %.4f  took %s%s\n",
                      epoch.epoch, epoch.train_loss, epoch.held_out_accuracy,
                      epoch.held_out_macro_f1, FormatSeconds(epoch.seconds).c_str(),
                      epoch.is_best ? "  best" : "");
          FlushOutput();
        }
      },
      [] { return Interrupted(); });
  line.Clear();
  if (!report.ok()) {
    if (Interrupted()) {
      return Fail("train", absl::CancelledError("stopped; the same command with --resume goes on"),
                  arguments.json);
    }
    return Fail("train", WithFlagNames(report.status()), arguments.json);
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
        "%s: epoch %d is the best%s: accuracy %.4f, macro-F1 %.4f on %s%s\n"
        "  trained on %s; %s parameters; took %s\n",
        Printable(arguments.options.output_folder).c_str(), report->best_epoch,
        report->stopped_early ? " (stopped early)" : "", report->best.accuracy,
        report->best.macro_f1, Counted(report->num_held_out_documents, "held-out document").c_str(),
        report->best.num_labels > report->num_held_out_documents
            ? absl::StrCat(", ", Counted(report->best.num_labels, "label")).c_str()
            : "",
        Counted(report->num_train_documents, "document").c_str(),
        FormatCount(report->num_parameters).c_str(), FormatSeconds(report->seconds).c_str());
  }
  return kExitOk;
}

void AddArchitectureFlags(CLI::App& command, TrainArchitecture& architecture) {
  const auto count = [&command](const char* name, std::int32_t& value, const char* help) {
    command.add_option(name, value, help)
        ->check(WholeNumber(1))
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

void AddMediaFlags(CLI::App& command, TrainMediaArchitecture& media) {
  const auto add = [&command](const char* name, auto& value, const char* help, const char* type) {
    return command.add_option(name, value, help)
        ->check(WholeNumber(1))
        ->capture_default_str()
        ->type_name(type)
        ->group("Network of images and sounds");
  };
  command.add_option("--network", media.network, "Of images: maxvit or swin; sounds have HTS-AT")
      ->check(CLI::IsMember({"maxvit", "swin"}))
      ->capture_default_str()
      ->type_name("NAME")
      ->group("Network of images and sounds");
  add("--size", media.size, "Pixels of a side of the image or of the folded spectrogram", "N");
  add("--patch", media.patch, "Pixels from patch to patch (not of maxvit)", "N");
  command
      .add_option("--patch-overlap", media.patch_overlap,
                  "Of sounds: pixels that a patch shares with its neighbours; even")
      ->check(WholeNumber(0))
      ->capture_default_str()
      ->type_name("N")
      ->group("Network of images and sounds");
  add("--window", media.window, "Tokens of an attention window's side", "N");
  add("--dim", media.dim, "Channels of the first stage; doubled from stage to stage", "N");
  add("--depths", media.depths, "Blocks of each stage", "N,...")->delimiter(',');
  add("--stage-heads", media.heads, "Attention heads of each stage", "N,...")->delimiter(',');
  add("--sample-rate", media.sample_rate, "Of sounds, Hz", "N");
  add("--fft-size", media.fft_size, "Of sounds: samples of a spectrum", "N");
  add("--hop", media.hop, "Of sounds: samples between spectra", "N");
  add("--mel-bins", media.mel_bins,
      "Of sounds: bands of a spectrum; a window of time is size * (size / bands) hops", "N");
}

void AddRecipeFlags(CLI::App& command, TrainRecipe& recipe) {
  const auto add = [&command](const char* name, auto& value, const char* help, const char* type,
                              const CLI::Validator& check) {
    command.add_option(name, value, help)
        ->check(check)
        ->capture_default_str()
        ->type_name(type)
        ->group("Recipe");
  };
  const auto number = [&add](const char* name, double& value, const char* help) {
    add(name, value, help, "X", NumberThat("of 0 or more", [](double x) { return x >= 0; }));
  };
  const auto share = [&add](const char* name, double& value, const char* help) {
    add(name, value, help, "X",
        NumberThat("of 0 or more and below 1", [](double x) { return x >= 0 && x < 1; }));
  };
  add("--epochs", recipe.epochs, "Rounds over the documents", "N", WholeNumber(1));
  add("--batch", recipe.batch_documents, "Documents a step", "N", WholeNumber(1));
  add("--learning-rate", recipe.learning_rate, "Highest learning rate", "X",
      NumberThat("above 0", [](double x) { return x > 0; }));
  share("--warmup", recipe.warmup_share, "Share of the steps to reach it");
  number("--weight-decay", recipe.weight_decay, "Of matrices");
  share("--beta1", recipe.beta1, "AdamW");
  share("--beta2", recipe.beta2, "AdamW");
  number("--max-gradient-norm", recipe.max_gradient_norm, "Longer gradients are cut to it");
  share("--label-smoothing", recipe.label_smoothing, "Share of the target given to all labels");
  number("--sentence-loss", recipe.sentence_loss,
         "Weight of each sentence's own prediction; with --task sentences or sections: of what it "
         "says without its neighbours");
  add("--class-balance", recipe.class_balance,
      "0: every label counts alike; 1: every class, however rare; between: in between", "X",
      NumberThat("0 to 1", [](double x) { return x >= 0 && x <= 1; }));
  share("--dropout", recipe.dropout, "In the encoder");
  share("--head-dropout", recipe.head_dropout, "Before the classifier");
  add("--sentence-share", recipe.sentence_share,
      "Of documents: share of the sentences an epoch sees", "X",
      NumberThat("above 0 and at most 1", [](double x) { return x > 0 && x <= 1; }));
  share("--token-dropout", recipe.token_dropout, "Share of a sentence's tokens left out");
  number("--embedding-std", recipe.embedding_std, "Spread of the first embeddings");
  number("--augment", recipe.augment,
         "Images and sounds: how much each step changes what it sees; 0 = nothing");
  number("--mixup", recipe.mixup, "Images and sounds: share of the steps that see two at once");
  command.add_flag("--mirror", recipe.mirror, "Images: also left for right")->group("Recipe");
  add("--patience", recipe.patience,
      "Epochs without a better accuracy (or the same with a lower log loss) before it stops; 0 = "
      "never",
      "N", WholeNumber(0));
  add("--seed", recipe.seed, "The same seed, data and threads give the same model", "N",
      WholeNumber(0, std::numeric_limits<std::int64_t>::max()));
}

}  // namespace

void AddTrainCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<TrainArguments>();
  TrainOptions& options = arguments->options;
  CLI::App& command =
      *app.add_subcommand("train", "Trains a classifier from labelled documents, images or sounds");
  command
      .add_option("TRAIN", options.train_path,
                  "JSON Lines (also .gz) with \"label\" (or \"labels\", see --task) and \"text\", "
                  "\"sentences\" or \"sections\" on each line; - is the standard input. Of images "
                  "and sounds: CSV with the columns path and label")
      ->required();
  command.add_option("OUT", options.output_folder, "The model folder to make; new or empty")
      ->required();
  command
      .add_option("--task", arguments->task,
                  "What gets a label: documents (field \"label\"), or sections or sentences (field "
                  "\"labels\", one for each, in order; null = not known); or image or audio files")
      ->check(CLI::IsMember({"documents", "sections", "sentences", "image", "audio"}))
      ->capture_default_str()
      ->type_name("NAME");
  command
      .add_option("--held-out", options.held_out_path,
                  "Documents to score each epoch on, never trained on")
      ->check(NotEmpty())
      ->type_name("FILE");
  command
      .add_option("--held-out-share", options.held_out_share,
                  "Without --held-out: this share of TRAIN")
      ->check(NumberThat("above 0 and below 1", [](double x) { return x > 0 && x < 1; }))
      ->capture_default_str()
      ->type_name("X");
  command
      .add_option("--tokenizer", options.tokenizer_path,
                  "Use this one (as in `strata tokenize --model`) instead of training one")
      ->check(NotEmpty())
      ->type_name("PATH");
  command
      .add_option("--threads", options.compute_threads,
                  "Threads to compute with (default: all cores)")
      ->check(WholeNumber(0, kMaxThreads))
      ->type_name("N");
  command.add_flag("--resume", options.resume, "Go on from the last finished epoch in OUT");
  AddArchitectureFlags(command, options.architecture);
  AddMediaFlags(command, options.media);
  AddRecipeFlags(command, options.recipe);
  command.add_flag("--quiet", arguments->quiet, "No progress, only the result");
  command.add_flag("--json", arguments->json, "One JSON object an epoch, and one at the end");
  command.footer(
      "Examples:\n"
      "  strata train train.jsonl.gz my-model --held-out dev.jsonl.gz --patience 3\n"
      "  strata train --task sentences roles.jsonl my-roles --layers 2\n"
      "  strata train --task image train.csv my-images --held-out dev.csv --epochs 40\n"
      "  strata classify --model my-model notes.md");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Train(*arguments); }; });
}

}  // namespace strata::cli
