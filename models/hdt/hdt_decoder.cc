// HDT-ED's decoder; autonomousvision/hdt, HDTStack with is_decoder.
//
//   x_0 = RMSNorm(E[token])                               no positions
//   h ← h + O · SelfAttention(Q, K, V of RMSNorm(h))      causal, + bias(key − query)
//   h ← h + O · CrossAttention(Q of RMSNorm(h); K, V of the encoder's states)
//   h ← h + FF(RMSNorm(h))
//   y = RMSNorm(h_L);  logits = lm_head · y, or E · (y · d_model^(-1/2)) where they are tied
//
// Quirks of the reference that are kept: scores are divided by sqrt(d_model // num_heads), an
// integer division, and not by sqrt(d_kv); every layer reads block 0's bias table; a hidden token
// takes the lowest float on top of its bias, so a token that sees nothing else sees all alike.
#include "models/hdt/hdt_decoder.h"

#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/hdt/hdt_weights.h"
#include "models/layers/dense_attention.h"
#include "models/layers/layers.h"
#include "models/layers/relative_position_bias.h"

namespace strata::models {
namespace {

constexpr int64_t kFirstCapacity = 32;  // steps that a new cache has room for

absl::Status CheckMemory(const EncoderMemory& memory, size_t documents) {
  if (memory.cu_seqlens.size() != documents + 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the encoder's states are of ", memory.cu_seqlens.size() - 1,
                     " documents, the decoder was given ", documents));
  }
  for (size_t b = 0; b < documents; ++b) {
    if (memory.cu_seqlens[b + 1] <= memory.cu_seqlens[b]) {
      return absl::InvalidArgumentError(
          absl::StrCat("document ", b, " has no encoder state to decode from"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HdtDecoder> HdtDecoder::Load(const HdtConfig& config, const at::Tensor& shared,
                                            const TensorMap& checkpoint, const std::string& where) {
  HdtDecoderWeights weights;
  weights.shared = shared;
  weights.layers.resize(static_cast<size_t>(config.num_decoder_layers));
  const absl::Status status = LoadNewWeights(
      HdtDecoderWeightTable(config, weights), checkpoint,
      [&](const std::string& key) {
        // What the encoder reads, repetitions of the shared matrix, and a table that T5 once wrote.
        return absl::StartsWith(key, "encoder.") || absl::StartsWith(key, "pooler.") ||
               key == "shared.weight" || key == "decoder.embed_tokens.weight" ||
               (config.tie_word_embeddings && key == "lm_head.weight") ||
               key == "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight";
      },
      where);
  if (!status.ok()) return status;
  return HdtDecoder(config, std::move(weights));
}

absl::Status HdtDecoder::CheckTokens(const std::vector<int32_t>& token_ids) const {
  for (size_t t = 0; t < token_ids.size(); ++t) {
    if (token_ids[t] < 0 || token_ids[t] >= config_.vocab_size) {
      return absl::InvalidArgumentError(absl::StrCat("decoder token ", t, " has id ", token_ids[t],
                                                     ", outside the vocabulary of ",
                                                     config_.vocab_size));
    }
  }
  return absl::OkStatus();
}

at::Tensor HdtDecoder::Layers(const std::vector<int32_t>& token_ids, const Attend& self,
                              const Attend& cross, double dropout) const {
  const double epsilon = config_.layer_norm_epsilon;
  TransformerLayerSpec spec = HdtLayerSpec(config_);
  spec.dropout = spec.inner_dropout = dropout;
  const at::Tensor tokens = at::embedding(weights_.shared, at::tensor(token_ids, at::kInt));
  at::Tensor hidden = Dropout(RmsNorm(tokens, weights_.emb_norm, epsilon), dropout);
  for (size_t n = 0; n < weights_.layers.size(); ++n) {
    const TransformerLayer& layer = weights_.layers[n].layer;
    const HdtCrossAttention& over = weights_.layers[n].cross;
    hidden = AddAttention(spec, layer, hidden, self(n, ProjectQkv(spec, layer, hidden)));
    const at::Tensor q = at::linear(RmsNorm(hidden, over.norm, epsilon), over.q);
    hidden = hidden + Dropout(at::linear(cross(n, q), over.o), dropout);
    hidden = AddFeedForward(spec, layer, hidden);
  }
  return Dropout(RmsNorm(hidden, weights_.final_layer_norm, epsilon), dropout);
}

at::Tensor HdtDecoder::Heads(const at::Tensor& projected, int64_t parts) const {
  return projected.view({projected.size(0), parts, config_.num_heads, config_.d_kv})
      .permute({1, 2, 0, 3});
}

double HdtDecoder::Scale() const {
  return 1.0 / std::sqrt(static_cast<double>(config_.d_model / config_.num_heads));
}

absl::StatusOr<at::Tensor> HdtDecoder::Forward(const HdtTargets& targets,
                                               const EncoderMemory& memory, double dropout) const {
  const size_t documents = targets.cu_seqlens.size() - 1;
  if (absl::Status s = CheckTokens(targets.token_ids); !s.ok()) return s;
  if (absl::Status s = CheckMemory(memory, documents); !s.ok()) return s;
  const auto begin_of = [&](size_t b) { return targets.cu_seqlens[b]; };
  const auto length_of = [&](size_t b) {
    return targets.cu_seqlens[b + 1] - targets.cu_seqlens[b];
  };
  int64_t longest = 0;
  for (size_t b = 0; b < documents; ++b) longest = std::max(longest, length_of(b));

  // Bias and causal mask depend on key − query alone, so a shorter document takes a corner.
  const float lowest = std::numeric_limits<float>::lowest();
  const at::Tensor later = at::ones({longest, longest}, at::kBool).triu(1);
  const at::Tensor bias =
      weights_.layers.empty()
          ? at::Tensor()
          : RelativePositionBias(weights_.relative_attention_bias, longest, longest,
                                 /*bidirectional=*/false, config_.relative_attention_max_distance);

  const Attend self = [&](size_t, const at::Tensor& qkv) {
    std::vector<at::Tensor> attended;
    for (size_t b = 0; b < documents; ++b) {
      const int64_t length = length_of(b);
      const at::Tensor heads = Heads(qkv.narrow(0, begin_of(b), length), 3);
      at::Tensor unseen = later.narrow(0, 0, length).narrow(1, 0, length);
      if (targets.hidden.defined()) {
        unseen = at::logical_or(unseen, targets.hidden.narrow(0, begin_of(b), length).unsqueeze(0));
      }
      DenseAttentionOptions options;
      options.scale = Scale();
      options.bias = bias.narrow(1, 0, length).narrow(2, 0, length) +
                     unseen.to(at::kFloat) * static_cast<double>(lowest);
      options.dropout = dropout;
      attended.push_back(DenseAttention(heads[0], heads[1], heads[2], options));
    }
    return at::cat(attended, 0);
  };
  const Attend cross = [&](size_t n, const at::Tensor& q) {
    std::vector<at::Tensor> attended;
    for (size_t b = 0; b < documents; ++b) {
      const int64_t first = memory.cu_seqlens[b], count = memory.cu_seqlens[b + 1] - first;
      const at::Tensor kv =
          Heads(at::linear(memory.states.narrow(0, first, count), weights_.layers[n].cross.kv), 2);
      DenseAttentionOptions options;
      options.scale = Scale();
      options.dropout = dropout;
      attended.push_back(DenseAttention(Heads(q.narrow(0, begin_of(b), length_of(b)), 1)[0], kv[0],
                                        kv[1], options));
    }
    return at::cat(attended, 0);
  };
  return Layers(targets.token_ids, self, cross, dropout);
}

at::Tensor HdtDecoder::Logits(const at::Tensor& states) const {
  if (weights_.lm_head.defined()) return at::linear(states, weights_.lm_head);
  return at::linear(states * std::pow(static_cast<double>(config_.d_model), -0.5), weights_.shared);
}

// Keys and values of the tokens fed so far, appended step by step, and those of the encoder's
// states, computed once a document and read by all its rows.
class HdtDecoder::CachedDecoding : public Decoding {
 public:
  CachedDecoding(const HdtDecoder& decoder, const EncoderMemory& memory,
                 const std::vector<int64_t>& rows)
      : decoder_(decoder) {
    const HdtConfig& config = decoder.config_;
    for (size_t b = 0; b < rows.size(); ++b) document_.insert(document_.end(), rows[b], b);
    for (const HdtDecoderLayer& weights : decoder.weights_.layers) {
      Layer& layer = layers_.emplace_back();
      layer.keys = at::empty({num_rows(), config.num_heads, kFirstCapacity, config.d_kv});
      layer.values = at::empty_like(layer.keys);
      for (size_t b = 0; b < rows.size(); ++b) {
        const int64_t first = memory.cu_seqlens[b], count = memory.cu_seqlens[b + 1] - first;
        const at::Tensor kv =
            decoder.Heads(at::linear(memory.states.narrow(0, first, count), weights.cross.kv), 2)
                .contiguous();
        layer.cross_keys.push_back(kv[0]);
        layer.cross_values.push_back(kv[1]);
      }
    }
    for (size_t b = 0; b < rows.size(); ++b) {
      attention_.push_back(at::zeros({rows[b], memory.cu_seqlens[b + 1] - memory.cu_seqlens[b]}));
    }
  }

  absl::StatusOr<at::Tensor> Step(const std::vector<int32_t>& token_ids) override {
    if (static_cast<int64_t>(token_ids.size()) != num_rows()) {
      return absl::InvalidArgumentError(
          absl::StrCat("a step of ", num_rows(), " rows was given ", token_ids.size(), " tokens"));
    }
    if (absl::Status s = decoder_.CheckTokens(token_ids); !s.ok()) return s;
    if (!layers_.empty() && length_ == layers_[0].keys.size(2)) Grow();
    const at::Tensor states = decoder_.Layers(
        token_ids, [&](size_t n, const at::Tensor& qkv) { return AttendToTokens(n, qkv); },
        [&](size_t n, const at::Tensor& q) { return AttendToDocument(n, q); }, /*dropout=*/0);
    ++length_;
    return decoder_.Logits(states).to(at::kFloat);
  }

  void Select(const std::vector<int64_t>& rows) override {
    bool same = rows.size() == document_.size();
    for (size_t r = 0; same && r < rows.size(); ++r) same = rows[r] == static_cast<int64_t>(r);
    if (same) return;
    const at::Tensor index = at::tensor(rows, at::kLong);
    for (Layer& layer : layers_) {
      layer.keys = layer.keys.index_select(0, index);
      layer.values = layer.values.index_select(0, index);
    }
    // Rows within their own document's attention.
    std::vector<std::vector<int64_t>> within(attention_.size());
    std::vector<int64_t> first(attention_.size(), 0);
    for (size_t r = document_.size(); r-- > 0;) first[document_[r]] = static_cast<int64_t>(r);
    std::vector<size_t> document;
    for (int64_t row : rows) {
      const size_t b = document_[static_cast<size_t>(row)];
      document.push_back(b);
      within[b].push_back(row - first[b]);
    }
    for (size_t b = 0; b < attention_.size(); ++b) {
      attention_[b] = attention_[b].index_select(0, at::tensor(within[b], at::kLong));
      if (within[b].empty()) DropMemory(b);
    }
    document_ = std::move(document);
  }

  at::Tensor Attention(int64_t row) const override {
    const size_t b = document_[static_cast<size_t>(row)];
    int64_t first = row;
    while (first > 0 && document_[static_cast<size_t>(first) - 1] == b) --first;
    const auto count = static_cast<double>(std::max<int64_t>(length_, 1) *
                                           std::max<int64_t>(std::ssize(layers_), 1));
    return attention_[b][row - first] / count;
  }

 private:
  struct Layer {
    at::Tensor keys, values;                           // [R, H, capacity, D]
    std::vector<at::Tensor> cross_keys, cross_values;  // [B] of [H, m, D]
  };

  int64_t num_rows() const { return std::ssize(document_); }

  void Grow() {
    for (Layer& layer : layers_) {
      for (at::Tensor* tensor : {&layer.keys, &layer.values}) {
        std::vector<int64_t> shape = tensor->sizes().vec();
        shape[2] *= 2;
        at::Tensor larger = at::empty(shape);
        larger.narrow(2, 0, length_).copy_(*tensor);
        *tensor = std::move(larger);
      }
    }
  }

  // A document without rows needs its memory no more.
  void DropMemory(size_t b) {
    for (Layer& layer : layers_) layer.cross_keys[b] = layer.cross_values[b] = at::Tensor();
  }

  at::Tensor AttendToTokens(size_t n, const at::Tensor& qkv) {
    const HdtConfig& config = decoder_.config_;
    const at::Tensor heads =  // [3, R, H, 1, D]
        qkv.view({qkv.size(0), 3, config.num_heads, 1, config.d_kv}).transpose(0, 1);
    Layer& layer = layers_[n];
    layer.keys.narrow(2, length_, 1).copy_(heads[1]);
    layer.values.narrow(2, length_, 1).copy_(heads[2]);
    if (n == 0) {
      bias_ = RelativePositionBias(decoder_.weights_.relative_attention_bias, 1, length_ + 1,
                                   /*bidirectional=*/false, config.relative_attention_max_distance,
                                   /*query_begin=*/length_);
    }
    DenseAttentionOptions options;
    options.scale = decoder_.Scale();
    options.bias = bias_;
    return DenseAttention(heads[0], layer.keys.narrow(2, 0, length_ + 1),
                          layer.values.narrow(2, 0, length_ + 1), options)
        .squeeze(1);
  }

  at::Tensor AttendToDocument(size_t n, const at::Tensor& q) {
    std::vector<at::Tensor> attended;
    for (int64_t row = 0; row < num_rows();) {
      const size_t b = document_[static_cast<size_t>(row)];
      const int64_t count = attention_[b].size(0);
      at::Tensor probabilities;  // [H, rows, m]
      DenseAttentionOptions options;
      options.scale = decoder_.Scale();
      options.probabilities = &probabilities;
      attended.push_back(DenseAttention(decoder_.Heads(q.narrow(0, row, count), 1)[0],
                                        layers_[n].cross_keys[b], layers_[n].cross_values[b],
                                        options));
      attention_[b] += probabilities.mean(0);
      row += count;
    }
    return at::cat(attended, 0);
  }

  const HdtDecoder& decoder_;
  std::vector<Layer> layers_;
  std::vector<size_t> document_;       // [R]
  std::vector<at::Tensor> attention_;  // [B] of [rows, m]: sums over steps and layers
  at::Tensor bias_;                    // [H, 1, length + 1] of the step under way
  int64_t length_ = 0;                 // steps done
};

EncoderMemory HdtDecoder::Memory(const at::Tensor& states, const PackedBatch& batch,
                                 const std::vector<int64_t>& documents) const {
  EncoderMemory memory;
  memory.cu_seqlens.push_back(0);
  for (int64_t b : documents) {
    for (int64_t t = batch.cu_seqlens[b]; t < batch.cu_seqlens[b + 1]; ++t) {
      if (config_.decode_anchor_tokens && batch.roles[t] == TokenRole::kWord) continue;
      memory.rows.push_back(t);
    }
    memory.cu_seqlens.push_back(std::ssize(memory.rows));
  }
  memory.states = states.index_select(0, at::tensor(memory.rows, at::kLong));
  return memory;
}

absl::StatusOr<std::unique_ptr<Decoding>> HdtDecoder::Start(
    const EncoderMemory& memory, const std::vector<int64_t>& rows) const {
  if (absl::Status s = CheckMemory(memory, rows.size()); !s.ok()) return s;
  return std::make_unique<CachedDecoding>(*this, memory, rows);
}

std::vector<int32_t> HdtShiftRight(const HdtConfig& config, const std::vector<int32_t>& labels) {
  std::vector<int32_t> shifted;
  for (size_t t = 0; t < labels.size(); ++t) {
    const int32_t id = t == 0 ? config.decoder_start_token_id : labels[t - 1];
    shifted.push_back(id == -100 ? config.pad_token_id : id);
  }
  return shifted;
}

}  // namespace strata::models
