#include "models/media/audio_test_files.h"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numbers>

namespace strata::models {
namespace {

struct Sink {
  std::string bytes;
  size_t position = 0;
};

sf_count_t Length(void* user) {
  return static_cast<sf_count_t>(static_cast<Sink*>(user)->bytes.size());
}

sf_count_t Seek(sf_count_t offset, int whence, void* user) {
  auto* sink = static_cast<Sink*>(user);
  sf_count_t base = 0;
  if (whence == SEEK_CUR) base = static_cast<sf_count_t>(sink->position);
  if (whence == SEEK_END) base = static_cast<sf_count_t>(sink->bytes.size());
  sink->position = static_cast<size_t>(std::max<sf_count_t>(0, base + offset));
  return static_cast<sf_count_t>(sink->position);
}

sf_count_t Read(void* data, sf_count_t count, void* user) {
  auto* sink = static_cast<Sink*>(user);
  const size_t end = std::min(sink->bytes.size(), sink->position + static_cast<size_t>(count));
  const size_t begin = std::min(sink->position, end);
  std::copy(sink->bytes.begin() + static_cast<std::ptrdiff_t>(begin),
            sink->bytes.begin() + static_cast<std::ptrdiff_t>(end), static_cast<char*>(data));
  sink->position = end;
  return static_cast<sf_count_t>(end - begin);
}

sf_count_t Write(const void* data, sf_count_t count, void* user) {
  auto* sink = static_cast<Sink*>(user);
  const size_t end = sink->position + static_cast<size_t>(count);
  if (sink->bytes.size() < end) sink->bytes.resize(end);
  const char* source = static_cast<const char*>(data);
  std::copy(source, source + count,
            sink->bytes.begin() + static_cast<std::ptrdiff_t>(sink->position));
  sink->position = end;
  return count;
}

sf_count_t Tell(void* user) { return static_cast<sf_count_t>(static_cast<Sink*>(user)->position); }

}  // namespace

std::string WriteAudio(const std::vector<float>& samples, int32_t num_channels, int32_t sample_rate,
                       int sndfile_format) {
  Sink sink;
  SF_VIRTUAL_IO io = {Length, Seek, Read, Write, Tell};
  SF_INFO info = {};
  info.samplerate = sample_rate;
  info.channels = num_channels;
  info.format = sndfile_format;
  SNDFILE* encoder = sf_open_virtual(&io, SFM_WRITE, &info, &sink);
  if (encoder == nullptr) {
    std::fprintf(stderr, "libsndfile cannot write format %x: %s\n", sndfile_format,
                 sf_strerror(nullptr));
    std::abort();
  }
  const auto frames = static_cast<sf_count_t>(samples.size()) / num_channels;
  // In blocks: some encoders of libsndfile 1.2.0 overflow their stack on long ones.
  for (sf_count_t done = 0; done < frames;) {
    const sf_count_t count = std::min<sf_count_t>(4096, frames - done);
    sf_writef_float(encoder, samples.data() + done * num_channels, count);
    done += count;
  }
  sf_close(encoder);
  return sink.bytes;
}

std::vector<float> Tone(double hertz, int64_t num_frames, int32_t num_channels,
                        int32_t sample_rate) {
  std::vector<float> samples;
  for (int64_t frame = 0; frame < num_frames; ++frame) {
    const double phase = 2 * std::numbers::pi * hertz * static_cast<double>(frame) / sample_rate;
    for (int32_t channel = 0; channel < num_channels; ++channel) {
      samples.push_back(static_cast<float>(0.5 / (channel + 1) * std::sin(phase)));
    }
  }
  return samples;
}

std::string Little(uint64_t value, int num_bytes) {
  std::string bytes;
  for (int i = 0; i < num_bytes; ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  return bytes;
}

std::string WavOf(uint16_t coding, uint16_t channels, uint32_t rate, uint16_t bits,
                  const std::string& body, uint32_t claimed_bytes) {
  const uint32_t frame_bytes = channels * bits / 8;
  return "RIFF" + Little(36 + body.size(), 4) + "WAVEfmt " + Little(16, 4) + Little(coding, 2) +
         Little(channels, 2) + Little(rate, 4) + Little(uint64_t{rate} * frame_bytes, 4) +
         Little(frame_bytes, 2) + Little(bits, 2) + "data" + Little(claimed_bytes, 4) + body;
}

}  // namespace strata::models
