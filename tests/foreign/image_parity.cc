// Compares Strata's image reader and resizing with Pillow's, byte by byte, on what image_parity.py
// writes.
//
// usage: image_parity SCRIPT            runs SCRIPT with STRATA_TEST_PYTHON (which needs pillow)
//        image_parity --folder FOLDER   compares with a folder that is already written
// Exit code 1: a difference.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "models/media/image_reader.h"
#include "models/media/image_resize.h"
#include "tests/foreign/python_script.h"

namespace strata::models {
namespace {

std::string ReadBytes(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

ResampleFilter FilterOf(const std::string& name) {
  if (name == "nearest") return ResampleFilter::kNearest;
  if (name == "lanczos") return ResampleFilter::kLanczos;
  if (name == "bilinear") return ResampleFilter::kBilinear;
  if (name == "box") return ResampleFilter::kBox;
  if (name == "hamming") return ResampleFilter::kHamming;
  return ResampleFilter::kBicubic;
}

absl::StatusOr<RgbImage> Make(const nlohmann::json& object, const std::filesystem::path& folder) {
  auto image = ReadImage(ReadBytes(folder / object.at("file").get<std::string>()));
  if (!image.ok() || !object.contains("filter")) return image;
  return Resize(*image, object.at("width"), object.at("height"), FilterOf(object.at("filter")),
                ResampleArithmetic::kPillow);
}

// Largest difference of a byte; 256 if the sizes differ.
int Difference(const RgbImage& image, const nlohmann::json& object, const std::string& expected) {
  if (image.width != object.at("width") || image.height != object.at("height") ||
      image.pixels.size() != expected.size()) {
    return 256;
  }
  int largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(image.pixels[i] - static_cast<uint8_t>(expected[i])));
  }
  return largest;
}

int CompareFolder(const std::filesystem::path& folder) {
  std::ifstream cases(folder / "cases.jsonl");
  int compared = 0, different = 0;
  for (std::string line; std::getline(cases, line); ++compared) {
    const nlohmann::json object = nlohmann::json::parse(line);
    const auto image = Make(object, folder);
    const std::string what = object.at("what");
    if (!image.ok()) {
      std::printf("%s: %s\n", what.c_str(), image.status().ToString().c_str());
      ++different;
      continue;
    }
    const int difference =
        Difference(*image, object, ReadBytes(folder / object.at("rgb").get<std::string>()));
    if (difference <= object.at("tolerance")) continue;
    std::printf("%s: %d x %d, a byte is %d off\n", what.c_str(), image->width, image->height,
                difference);
    ++different;
  }
  std::printf("images: %d of %d equal to Pillow's\n", compared - different, compared);
  return different == 0 && compared > 0 ? 0 : 1;
}

}  // namespace
}  // namespace strata::models

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--folder") {
    return strata::models::CompareFolder(argv[2]);
  }
  if (argc != 2) {
    std::fprintf(stderr, "usage: image_parity SCRIPT | --folder FOLDER\n");
    return 2;
  }
  return strata::models::CompareWithScript(argv[1], "", "images were NOT compared with Pillow's",
                                           strata::models::CompareFolder);
}
