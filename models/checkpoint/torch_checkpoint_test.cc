#include "models/checkpoint/torch_checkpoint.h"

#include <cstring>
#include <iostream>
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/checkpoint/pickle.h"
#include "models/checkpoint/safetensors.h"
#include "models/checkpoint/testing/temporary_folder.h"
#include "models/checkpoint/testing/torch_file.h"

namespace strata::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
std::vector<T> ValuesOf(const TensorView& view) {
  std::vector<T> values(static_cast<size_t>(view.num_elements()));
  std::memcpy(values.data(), view.data, static_cast<size_t>(view.size_bytes));
  return values;
}

class TorchCheckpointTest : public ::testing::Test {
 protected:
  // Reads a file of this pickle; the storages are "0", six floats, and "1", two int64.
  absl::StatusOr<TensorMap> ReadPickle(const std::string& pickle) {
    WriteTorchFile(path_, pickle,
                   {{"0", BytesOf<float>({1, 2, 3, 4, 5, 6})}, {"1", BytesOf<int64_t>({7, -8})}});
    return ReadTorchCheckpoint(path_);
  }

  std::string ErrorOf(const std::string& pickle) {
    auto tensors = ReadPickle(pickle);
    EXPECT_EQ(tensors.status().code(), absl::StatusCode::kInvalidArgument) << tensors.status();
    return std::string(tensors.status().message());
  }

  const TemporaryFolder folder_{"torch_checkpoint"};
  const std::string path_ = folder_.File("weights.pt");
};

const std::string kMatrix = PickleTensor("FloatStorage", "0", 6, 0, {2, 3}, {3, 1});

TEST_F(TorchCheckpointTest, TensorsShareAStorageAndStridesAreFollowed) {
  auto tensors = ReadPickle(PickleFile(PickleDict({
      {"matrix", kMatrix},
      {"transposed", PickleTensor("FloatStorage", "0", 6, 0, {3, 2}, {1, 3})},
      {"row", PickleTensor("FloatStorage", "0", 6, 3, {3}, {1})},
      {"every_other", PickleTensor("FloatStorage", "0", 6, 1, {3}, {2})},
      {"one_row", PickleTensor("FloatStorage", "0", 6, 3, {1, 3}, {77, 1})},
      {"number", PickleTensor("FloatStorage", "0", 6, 5, {}, {})},
      {"none", PickleTensor("FloatStorage", "0", 6, 6, {0, 4}, {4, 1})},
      {"ids", PickleTensor("LongStorage", "1", 2, 0, {2}, {1})},
  })));
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  EXPECT_EQ(tensors->size(), 8);
  EXPECT_THAT(ValuesOf<float>(tensors->at("matrix")), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(tensors->at("matrix").shape, ElementsAre(2, 3));
  EXPECT_THAT(ValuesOf<float>(tensors->at("transposed")), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(tensors->at("transposed").shape, ElementsAre(3, 2));
  EXPECT_THAT(ValuesOf<float>(tensors->at("row")), ElementsAre(4, 5, 6));
  EXPECT_THAT(ValuesOf<float>(tensors->at("every_other")), ElementsAre(2, 4, 6));
  EXPECT_THAT(ValuesOf<float>(tensors->at("one_row")), ElementsAre(4, 5, 6));
  EXPECT_THAT(ValuesOf<float>(tensors->at("number")), ElementsAre(6));
  EXPECT_EQ(tensors->at("none").num_elements(), 0);
  EXPECT_EQ(tensors->at("ids").type, TensorType::kInt64);
  EXPECT_THAT(ValuesOf<int64_t>(tensors->at("ids")), ElementsAre(7, -8));
  // One storage, one buffer: views, not copies.
  EXPECT_EQ(tensors->at("row").data, tensors->at("matrix").data + 3 * sizeof(float));
}

TEST_F(TorchCheckpointTest, ParametersMetadataAndOuterDictsAreUnderstood) {
  const std::string parameter = PickleGlobal("torch._utils", "_rebuild_parameter")
                                    .append("(")
                                    .append(kMatrix)
                                    .append("\x88")
                                    .append(PickleGlobal("collections", "OrderedDict"))
                                    .append(")RtR");
  const std::string with_attributes =
      PickleGlobal("torch._tensor", "_rebuild_from_type_v2")
          .append("(")
          .append(PickleGlobal("torch._utils", "_rebuild_tensor_v2"))
          .append(PickleGlobal("torch", "Tensor"))
          .append(PickleTensorArguments("FloatStorage", "0", 6, 0, {6}, {1}))
          .append("Nt}tR");
  // OrderedDict() filled, then given its attribute _metadata.
  const std::string state = PickleGlobal("collections", "OrderedDict")
                                .append(")R(")
                                .append(PickleText("parameter"))
                                .append(parameter)
                                .append(PickleText("tensor"))
                                .append(with_attributes)
                                .append(PickleText("extra"))
                                .append("Nu")
                                .append(PickleDict({{"_metadata", "}"}}))
                                .append("b");
  auto tensors = ReadPickle(PickleFile(PickleDict({{"epoch", PickleInt(3)},
                                                   {"optimizer", PickleDict({{"m", kMatrix}})},
                                                   {"state_dict", state}})));
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  ASSERT_EQ(tensors->size(), 2);
  EXPECT_THAT(ValuesOf<float>(tensors->at("parameter")), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(tensors->at("tensor").shape, ElementsAre(6));

  EXPECT_THAT(ErrorOf(PickleFile(PickleDict(
                  {{"a", PickleDict({{"x", kMatrix}})}, {"b", PickleDict({{"y", kMatrix}})}}))),
              HasSubstr("several dicts of tensors (a, b)"));
  EXPECT_THAT(ErrorOf(PickleFile("}")), HasSubstr("holds no dict of tensors"));
}

TEST_F(TorchCheckpointTest, NothingButTensorsMayOccur) {
  const std::string command =
      std::string("(").append(PickleText("touch strata_was_here")).append("tR");
  struct Case {
    std::string pickle, expected;
  };
  const Case cases[] = {
      {PickleGlobal("os", "system") + command, "'os.system'"},
      {PickleGlobal("posix", "system") + command, "'posix.system'"},
      {PickleGlobal("builtins", "eval") + command, "'builtins.eval'"},
      {PickleText("builtins") + PickleText("exec") + "\x93" + command, "'builtins.exec'"},
      {PickleGlobal("torch._utils", "_rebuild_tensor_v2\x20"), "_rebuild_tensor_v2 '"},
      {PickleGlobal("collections", "OrderedDict.fromkeys"), "'collections.OrderedDict.fromkeys'"},
      {PickleGlobal("torch", "load"), "'torch.load'"},
      {PickleGlobal("numpy.core.multiarray", "scalar"), "'numpy.core.multiarray.scalar'"},
      {"iposix\nsystem\n", "opcode 0x69"},
      {"\x82\x01", "opcode 0x82"},  // EXT1
      {"Ptorch\n", "opcode 0x50"},  // PERSID
      {PickleInt(1) + ")R", "a number stands where a class is needed"},
      {PickleGlobal("torch", "Tensor") + PickleInt(1) + "R", "where a tuple is needed"},
      {PickleGlobal("torch", "Tensor") + ")\x81}b", "a call stands where a dict is needed"},
      {PickleGlobal("collections", "OrderedDict") + "(" + PickleInt(1) + "tR",
       "an OrderedDict with arguments"},
      {"h\x05", "memo slot 5 is empty"},
      {"0", "the stack is empty"},
      {"N(0", "the stack is empty"},  // nothing above the mark
      {"t", "no mark is set"},
      {"(N", "a mark is left over"},
      {std::string("}(").append(PickleInt(1)).append("u"), "a dict key without a value"},
      {"X\xff\xff\xff\xff", "it is cut off"},
      {"\x80\x01N", "protocol 1"},
      {std::string("\x8a\x09").append(9, '\1'), "more than 64 bits"},
  };
  for (const Case& one : cases) {
    EXPECT_THAT(ErrorOf(PickleFile(one.pickle)), HasSubstr(one.expected)) << one.expected;
  }
}

TEST_F(TorchCheckpointTest, GraphsThatNoCheckpointHasDoNoHarm) {
  // A list that holds itself, and a tuple nested two million deep.
  EXPECT_THAT(ErrorOf(PickleFile("]q\x01h\x01"
                                 "a")),
              HasSubstr("no dict of tensors"));
  EXPECT_THAT(ErrorOf(PickleFile(std::string("N").append(2000000, '\x85'))),
              HasSubstr("no dict of tensors"));
  EXPECT_THAT(ErrorOf(PickleFile(std::string("(").append(3000000, ')').append("t"))),
              HasSubstr("more values than any checkpoint needs"));
}

TEST_F(TorchCheckpointTest, TensorsOutsideTheirStorageAreRefusedByName) {
  struct Case {
    std::string tensor, expected;
  };
  const Case cases[] = {
      {PickleTensor("FloatStorage", "0", 6, 1, {2, 3}, {3, 1}), "lies outside its storage of 6"},
      {PickleTensor("FloatStorage", "0", 6, 7, {0}, {1}), "lies outside its storage"},
      {PickleTensor("FloatStorage", "0", 6, -1, {2}, {1}), "lies outside its storage"},
      {PickleTensor("FloatStorage", "0", 6, 0, {2, 3}, {3, 2}), "lies outside its storage"},
      {PickleTensor("FloatStorage", "0", 6, 0, {-2}, {1}), "its shape is no list of sizes"},
      {PickleTensor("FloatStorage", "0", 6, 0, {2}, {-1}), "its stride is no list of sizes"},
      {PickleTensor("FloatStorage", "0", 6, 0, {2, 3}, {3}), "has 2 dimensions and 1 strides"},
      {PickleTensor("FloatStorage", "0", 6, 0, {2000000000, 2000000000, 2000000000}, {0, 0, 0}),
       "lies outside its storage"},
      {PickleTensor("FloatStorage", "0", 6, 0, {1000000000}, {0}), "repeats its storage"},
      {PickleTensor("FloatStorage", "0", 7, 0, {6}, {1}), "has 24 bytes in the file"},
      {PickleTensor("HalfStorage", "0", 6, 0, {6}, {1}), "has 24 bytes in the file"},
      {PickleTensor("FloatStorage", "9", 6, 0, {6}, {1}), "'name/data/9' is missing"},
      {PickleTensor("FloatStorage", "../data.pkl", 6, 0, {6}, {1}), "is missing"},
      {PickleGlobal("torch._utils", "_rebuild_tensor_v2") + ")R", "needs a storage"},
      {PickleGlobal("torch._utils", "_rebuild_parameter") + ")R", "is not built as a tensor is"},
  };
  for (const Case& one : cases) {
    const std::string error =
        ErrorOf(PickleFile(PickleDict({{"good", kMatrix}, {"bad", one.tensor}})));
    EXPECT_THAT(error, HasSubstr("'bad'")) << one.expected;
    EXPECT_THAT(error, HasSubstr(one.expected));
  }
  EXPECT_THAT(ErrorOf(PickleFile(PickleDict({{"x", kMatrix}, {"x", kMatrix}}))),
              HasSubstr("holds the tensor 'x' twice"));
}

TEST_F(TorchCheckpointTest, CopiesOfStridedTensorsCannotGrowWithoutEnd) {
  std::vector<std::pair<std::string, std::string>> items;
  for (int i = 0; i < 100; ++i) {
    items.emplace_back(absl::StrCat("t", i),
                       PickleTensor("ByteStorage", "big", 1 << 20, 0, {1024, 1024}, {1, 1024}));
  }
  WriteTorchFile(path_, PickleFile(PickleDict(items)), {{"big", std::string(1 << 20, 'x')}});
  EXPECT_THAT(std::string(ReadTorchCheckpoint(path_).status().message()),
              HasSubstr("too many strided tensors"));
}

// The archive without the local entries behind the first storage's, which all storages' central
// entries name.
std::string OverlapStorages(const std::string& whole) {
  const auto number = [](const std::string& bytes, size_t at, size_t size) {
    uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, size);
    return value;
  };
  const size_t end = whole.rfind("PK\x05\x06");
  const size_t central = number(whole, end + 16, 4), central_size = number(whole, end + 12, 4);
  std::string entries = whole.substr(central, central_size);
  uint32_t first = 0, second = 0;
  for (size_t at = 0; at < entries.size();) {
    const size_t name_size = number(entries, at + 28, 2);
    if (entries.compare(at + 46, 10, "name/data/") == 0) {
      const uint32_t own = number(entries, at + 42, 4);
      if (first == 0) {
        first = own;
      } else if (second == 0) {
        second = own;
      }
      entries.replace(at + 42, 4, FourBytes(static_cast<int32_t>(first)));
    }
    at += 46 + name_size + number(entries, at + 30, 2) + number(entries, at + 32, 2);
  }
  std::string trailer = whole.substr(end);
  trailer.replace(16, 4, FourBytes(static_cast<int32_t>(second)));
  return whole.substr(0, second) + entries + trailer;
}

// Central entries that name one local entry make many storages of the bytes of one.
TEST_F(TorchCheckpointTest, StoragesCannotTakeMoreThanTheFileHas) {
  const std::vector<float> values(4096, 1.5f);
  std::vector<std::pair<std::string, std::string>> tensors;
  std::map<std::string, std::string> storages;
  for (int i = 0; i < 8; ++i) {
    tensors.emplace_back(absl::StrCat("t", i),
                         PickleTensor("FloatStorage", absl::StrCat(i), 4096, 0, {4096}, {1}));
    storages[absl::StrCat(i)] = BytesOf<float>(values);
  }
  WriteTorchFile(path_, PickleFile(PickleDict(tensors)), storages);
  ASSERT_TRUE(ReadTorchCheckpoint(path_).ok());
  const std::string overlapping = OverlapStorages(folder_.Read("weights.pt"));
  EXPECT_LT(overlapping.size(), 4 * values.size() * sizeof(float));
  folder_.Write("weights.pt", overlapping);
  const absl::Status status = ReadTorchCheckpoint(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("are expected"));
}

TEST_F(TorchCheckpointTest, DamagedArchivesAreRefused) {
  const std::string pickle = PickleFile(PickleDict({{"matrix", kMatrix}}));
  ASSERT_TRUE(ReadPickle(pickle).ok());
  const std::string whole = folder_.Read("weights.pt");
  // Cut anywhere: an error, never a crash and never half a model.
  for (size_t size = 0; size < whole.size(); size += 31) {
    folder_.Write("weights.pt", whole.substr(0, size));
    EXPECT_FALSE(ReadTorchCheckpoint(path_).ok()) << size;
  }
  std::string damaged = whole;
  damaged[whole.find(BytesOf<float>({1, 2, 3}))] ^= 1;
  folder_.Write("weights.pt", damaged);
  EXPECT_THAT(std::string(ReadTorchCheckpoint(path_).status().message()),
              AllOf(HasSubstr("tensor 'matrix'"), HasSubstr("is damaged")));

  WriteTorchFile(path_, pickle, {{"0", std::string(24, '\0')}}, ZIP_CM_DEFLATE);
  EXPECT_THAT(std::string(ReadTorchCheckpoint(path_).status().message()),
              HasSubstr("is compressed"));
  folder_.Write("weights.pt", pickle);
  EXPECT_THAT(std::string(ReadTorchCheckpoint(path_).status().message()), HasSubstr("before 1.6"));
  EXPECT_EQ(ReadTorchCheckpoint(folder_.File("none.pt")).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(TorchCheckpointTest, MutatedPicklesNeverCrash) {
  const std::string pickle = PickleFile(PickleDict({{"matrix", kMatrix}, {"again", kMatrix}}));
  const auto parses = [](const std::string& bytes) {
    return Pickle::Parse({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()},
                         [](const std::string&) { return true; })
        .ok();
  };
  for (size_t size = 0; size < pickle.size(); ++size) EXPECT_FALSE(parses(pickle.substr(0, size)));
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string mutated = pickle;
    for (int change = 0; change < 1 + round % 4; ++change) {
      mutated[random() % mutated.size()] = static_cast<char>(random());
    }
    // The few that still are pickles go all the way.
    if (parses(mutated) && round % 8 == 0) (void)ReadPickle(mutated);
  }
}

// Both files of the references' save_pretrained hold the same weights.
TEST_F(TorchCheckpointTest, TheReferencesOwnFilesGiveTheirSafetensors) {
  const std::filesystem::path root = std::filesystem::path(STRATA_SHARED_DIR) / "goldens";
  int compared = 0;
  for (const char* name : {"hdt/saved_by_reference_ed", "hat/saved_by_reference_mlm"}) {
    const std::filesystem::path folder = root / name;
    if (!std::filesystem::exists(folder)) {
      std::cout << "shared data absent: " << folder << " is not there, nothing was compared\n";
      continue;
    }
    auto torch = ReadTorchCheckpoint((folder / "pytorch_model.bin").string());
    ASSERT_TRUE(torch.ok()) << torch.status();
    auto safe = ReadSafetensors((folder / "model.safetensors").string());
    ASSERT_TRUE(safe.ok()) << safe.status();
    EXPECT_GE(torch->size(), safe->size());
    for (const auto& [key, expected] : *safe) {
      const auto found = torch->find(key);
      ASSERT_NE(found, torch->end()) << key;
      EXPECT_EQ(found->second.type, expected.type) << key;
      EXPECT_EQ(found->second.shape, expected.shape) << key;
      ASSERT_EQ(found->second.size_bytes, expected.size_bytes) << key;
      EXPECT_EQ(
          std::memcmp(found->second.data, expected.data, static_cast<size_t>(expected.size_bytes)),
          0)
          << key;
      ++compared;
    }
  }
  std::cout << compared << " tensors compared\n";
}

}  // namespace
}  // namespace strata::models
