// Weight files: safetensors, PyTorch archives and their pickles, TensorFlow bundles. The first byte
// chooses the reader, and whether it gets the bytes as they are or inside of a sound frame, so that
// checksums do not keep everything out.
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "models/checkpoint/safetensors.h"
#include "models/checkpoint/tensor_bundle.h"
#include "models/checkpoint/testing/bundle_file.h"
#include "models/checkpoint/testing/temporary_folder.h"
#include "models/checkpoint/testing/torch_file.h"
#include "models/checkpoint/torch_checkpoint.h"
#include "tests/fuzz/fuzz_target.h"

namespace strata::fuzz {
namespace {

using models::TensorMap;

enum Way : size_t { kSafetensors, kTorchFile, kTorchPickle, kBundleTable, kBundleEntry, kNumWays };

const std::string kData = std::string(64, '\x3f');

const models::TemporaryFolder& Folder() {
  static const auto& folder = *new models::TemporaryFolder("checkpoint_fuzz");
  return folder;
}

std::string Pickle() {
  return models::PickleFile(
      models::PickleDict({{"w", models::PickleTensor("FloatStorage", "0", 16, 0, {4, 4}, {4, 1})},
                          {"b", models::PickleTensor("FloatStorage", "0", 16, 8, {2}, {3})}}));
}

std::string TorchFile(const std::string& pickle) {
  models::WriteTorchFile(Folder().File("made.pt"), pickle, {{"0", kData}});
  return Folder().Read("made.pt");
}

std::string Entry() {
  return models::BundleEntry{
      .data_type = 1, .shape = {4, 4}, .size = 64, .crc = models::MaskedCrc(kData)}
      .Serialize();
}

std::string Table(const std::string& entry) {
  return models::TableWriter(false).Write(
      {{"", models::BundleHeader(1)}, {"a", Entry()}, {"w", entry}});
}

void Touch(const absl::StatusOr<TensorMap>& tensors) {
  if (!tensors.ok()) return;
  for (const auto& [name, tensor] : *tensors) {
    Require(tensor.size_bytes == tensor.num_elements() * models::TensorTypeBytes(tensor.type),
            "bytes are shape times element");
    // A view outside of its file would fault here.
    const volatile unsigned sum = std::accumulate(
        tensor.data, tensor.data + tensor.size_bytes, 0u,
        [](unsigned total, std::byte byte) { return total + std::to_integer<unsigned>(byte); });
    (void)sum;
  }
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<float> values(16, 0.5f);
  models::TensorView view{
      .shape = {4, 4}, .data = reinterpret_cast<const std::byte*>(values.data()), .size_bytes = 64};
  (void)models::WriteSafetensors(Folder().File("made.safetensors"), {{"a.b", view}, {"w", view}},
                                 {{"format", "pt"}});
  return {WithChoice(kSafetensors, Folder().Read("made.safetensors")),
          WithChoice(kTorchFile, TorchFile(Pickle())), WithChoice(kTorchPickle, Pickle()),
          WithChoice(kBundleTable, Table(Entry())), WithChoice(kBundleEntry, Entry())};
}

void Run(std::string_view input) {
  const size_t way = TakeChoice(input, kNumWays);
  const std::string bytes(input);
  switch (way) {
    case kSafetensors:
      Folder().Write("in.safetensors", bytes);
      Touch(models::ReadSafetensors(Folder().File("in.safetensors")));
      return;
    case kTorchFile:
    case kTorchPickle:
      Folder().Write("in.pt", way == kTorchFile ? bytes : TorchFile(bytes));
      Touch(models::ReadTorchCheckpoint(Folder().File("in.pt")));
      return;
    default:
      Folder().Write("in.data-00000-of-00001", kData);
      Folder().Write("in.index", way == kBundleTable ? bytes : Table(bytes));
      Touch(models::ReadTensorBundle(Folder().File("in")));
  }
}

}  // namespace strata::fuzz
