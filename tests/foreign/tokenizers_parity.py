"""Writes what the `tokenizers` and `sentencepiece` packages make of many texts, for tokenizer_parity.cc
to compare with: FOLDER/texts.jsonl, FOLDER/KIND/(tokenizer.json | vocab.txt | spiece.model) and
FOLDER/KIND/expected.jsonl (ids, byte offsets flat, the text that the ids decode to; null where the package raised an error).

usage: tokenizers_parity.py FOLDER [GOLDENS]   (GOLDENS: a folder with tokenizer.json files to try, too)"""
import base64
import json
import os
import struct
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import sentencepiece as spm
from tokenizers import AddedToken, Regex, Tokenizer, decoders as D, models, normalizers as N, pre_tokenizers as P, processors, trainers
from tokenizers.implementations import BertWordPieceTokenizer

from tokenizers_parity_texts import all_texts, training_lines

FOLDER = sys.argv[1]
TEXTS = all_texts()
TRAINING = training_lines()
GPT4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def byte_starts(text):
    starts, at = [0], 0
    for c in text:
        at += len(c.encode())
        starts.append(at)
    return starts


def write_expected(kind, encode, decode, texts):
    with open(f"{FOLDER}/{kind}/expected.jsonl", "w", encoding="utf-8") as out:
        for text in texts:
            try:
                ids, spans = encode(text)
            except BaseException as error:  # a Rust panic is a BaseException
                out.write(json.dumps({"error": str(error)[:80]}) + "\n")
                continue
            try:
                decoded = decode(ids)
            except BaseException:
                decoded = None
            out.write(json.dumps({"ids": ids, "offsets": [x for span in spans for x in span], "decoded": decoded}) + "\n")


def encode_with(tokenizer):
    def encode(text):
        encoding, starts = tokenizer.encode(text, add_special_tokens=False), byte_starts(text)
        return encoding.ids, [(starts[a], starts[b]) for a, b in encoding.offsets]
    return encode


def add(kind, tokenizer, texts=None, own_texts=False):
    os.makedirs(f"{FOLDER}/{kind}")
    tokenizer.no_truncation()
    tokenizer.save(f"{FOLDER}/{kind}/tokenizer.json")
    if own_texts:
        write_texts(f"{FOLDER}/{kind}/texts.jsonl", texts)
    again = Tokenizer.from_file(f"{FOLDER}/{kind}/tokenizer.json")
    write_expected(kind, encode_with(again), again.decode, texts or TEXTS)


def write_texts(path, texts):
    with open(path, "w", encoding="utf-8") as out:
        for text in texts:
            out.write(json.dumps(text) + "\n")


def trained(model, trainer, normalizer=None, pre_tokenizer=None, decoder=None):
    tokenizer = Tokenizer(model)
    if decoder is not None:
        tokenizer.decoder = decoder
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(TRAINING, trainer)
    return tokenizer


def word_piece_kinds():
    for kind, lower, strip in (("wordpiece_uncased_vocab", True, None), ("wordpiece_cased_vocab", False, None),
                               ("wordpiece_accents_vocab", True, False)):
        bert = BertWordPieceTokenizer(lowercase=lower, strip_accents=strip)
        bert.train_from_iterator(TRAINING, vocab_size=3000, min_frequency=1, show_progress=False, special_tokens=SPECIALS)
        os.makedirs(f"{FOLDER}/{kind}")
        bert.save_model(f"{FOLDER}/{kind}")
        with open(f"{FOLDER}/{kind}/tokenizer_config.json", "w") as out:
            json.dump({"do_lower_case": lower, "strip_accents": strip, "tokenize_chinese_chars": True}, out)
        again = BertWordPieceTokenizer(f"{FOLDER}/{kind}/vocab.txt", lowercase=lower, strip_accents=strip)
        write_expected(kind, encode_with(again), again.decode, TEXTS)
    tokenizer = trained(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20),
                        trainers.WordPieceTrainer(vocab_size=2000, special_tokens=SPECIALS, show_progress=False),
                        N.Sequence([N.NFD(), N.Lowercase(), N.StripAccents()]), P.Whitespace(), D.WordPiece(cleanup=False))
    tokenizer.add_tokens([AddedToken("yes", single_word=True, normalized=True), AddedToken("Café", normalized=True),
                          AddedToken("<extra>", lstrip=True, rstrip=True, normalized=False), AddedToken("river", rstrip=True)])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False), AddedToken("[MASK]", rstrip=True, single_word=True)])
    add("wordpiece_added_tokens", tokenizer)


def bpe_kinds():
    bytes_trainer = trainers.BpeTrainer(vocab_size=2500, initial_alphabet=P.ByteLevel.alphabet(), special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False)
    add("bpe_byte_level", trained(models.BPE(), bytes_trainer, None, P.ByteLevel(add_prefix_space=False), D.ByteLevel()))
    roberta = trained(models.BPE(), bytes_trainer, N.NFC(), P.ByteLevel(add_prefix_space=True), D.ByteLevel())
    roberta.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=True)
    roberta.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    add("bpe_byte_level_roberta", roberta)
    gpt4 = trained(models.BPE(ignore_merges=True), bytes_trainer, None,
                   P.Sequence([P.Split(Regex(GPT4), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)]))
    gpt4.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True, add_prefix_space=False)])
    add("bpe_byte_level_split", gpt4)
    partial = trained(models.BPE(unk_token="<unk>", fuse_unk=True), trainers.BpeTrainer(vocab_size=900, limit_alphabet=80, special_tokens=["<unk>"], show_progress=False),
                      None, P.ByteLevel(add_prefix_space=False), D.Sequence([D.ByteLevel(), D.Strip("a", 1, 1)]))
    add("bpe_byte_level_unknown", partial)
    byte_tokens = [f"<0x{i:02X}>" for i in range(256)]
    llama = trained(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
                    trainers.BpeTrainer(vocab_size=2500, limit_alphabet=400, special_tokens=["<unk>", "<s>", "</s>"] + byte_tokens, show_progress=False),
                    None, P.Metaspace(), D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]))
    llama.pre_tokenizer = None
    llama.normalizer = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
    add("bpe_byte_fallback", llama)
    broken = json.loads(llama.to_str())
    for token in ("<0xCC>", "<0xE0>"):  # some characters have no fallback: unknown, fused
        broken["model"]["vocab"].pop(token)
        broken["added_tokens"] = [t for t in broken["added_tokens"] if t["content"] != token]
    add("bpe_byte_fallback_partial", Tokenizer.from_str(json.dumps(broken)))
    clip = trained(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"),
                   trainers.BpeTrainer(vocab_size=2000, limit_alphabet=300, end_of_word_suffix="</w>", special_tokens=["<unk>"], show_progress=False),
                   N.Sequence([N.NFC(), N.Replace(Regex(r"\s+"), " "), N.Lowercase()]), P.Sequence([P.WhitespaceSplit(), P.Digits(True), P.Punctuation()]), D.BPEDecoder("</w>"))
    add("bpe_end_of_word", clip)
    prefix = trained(models.BPE(unk_token="<unk>", fuse_unk=True, continuing_subword_prefix="##"),
                     trainers.BpeTrainer(vocab_size=2000, limit_alphabet=300, continuing_subword_prefix="##", special_tokens=["<unk>"], show_progress=False),
                     N.NFKD(), P.Whitespace(), D.Sequence([D.WordPiece(), D.Replace(Regex("[aeiou]+"), "<v>")]))
    add("bpe_continuing_prefix", prefix)


def read_fields(data):
    """The fields of a protobuf message: (number, value)."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 2:
            size = varint()
            at += size
            yield key >> 3, data[at - size:at]
        else:
            size = 4 if key & 7 == 5 else 8
            at += size
            yield key >> 3, data[at - size:at]


def sentence_piece_model(kind, **arguments):
    os.makedirs(f"{FOLDER}/{kind}")
    spm.SentencePieceTrainer.train(sentence_iterator=iter(TRAINING), model_prefix=f"{FOLDER}/{kind}/spiece", minloglevel=2, **arguments)
    os.remove(f"{FOLDER}/{kind}/spiece.vocab")
    path = f"{FOLDER}/{kind}/spiece.model"
    processor = spm.SentencePieceProcessor(model_file=path)

    def encode(text):
        result = processor.encode(text, return_type="offset_mapping", return_bytes=True)
        return result["ids"], result["offsets"]
    write_expected(kind, encode, processor.decode, TEXTS)
    pieces, charsmap = [], b""
    for number, value in read_fields(open(path, "rb").read()):
        if number == 1:
            fields = dict(read_fields(value))
            pieces.append((fields[1].decode(), struct.unpack("<f", fields.get(2, b"\0\0\0\0"))[0]))
        elif number == 3:
            charsmap = dict(read_fields(value)).get(2, b"")
    return pieces, charsmap


def unigram_kinds():
    trainer = trainers.UnigramTrainer(vocab_size=9000, unk_token="<unk>", special_tokens=["<unk>", "<s>", "</s>", "<mask>"], show_progress=False)
    add("unigram_nfkc_metaspace", trained(models.Unigram(), trainer, N.NFKC(), P.Metaspace(), D.Metaspace()))
    first = trained(models.Unigram(), trainer, N.Sequence([N.Nmt(), N.NFKC(), N.Replace(Regex(" {2,}"), " ")]), P.Metaspace(prepend_scheme="first"), D.Metaspace(prepend_scheme="never"))
    add("unigram_first_metaspace", first)
    pieces, charsmap = sentence_piece_model("sentencepiece_unigram", vocab_size=6000, model_type="unigram", normalization_rule_name="nmt_nfkc_cf",
                                            character_coverage=0.98, control_symbols="<doc>,<sec>", user_defined_symbols="<mask>", hard_vocab_limit=False)
    t5 = Tokenizer(models.Unigram(pieces, unk_id=0))
    t5.normalizer = N.Precompiled(charsmap)
    t5.pre_tokenizer = P.Sequence([P.WhitespaceSplit(), P.Metaspace()])
    t5.decoder = D.Metaspace()
    t5.add_special_tokens(["<s>", "</s>"])
    add("unigram_precompiled_t5", t5)
    albert = Tokenizer(models.Unigram(pieces, unk_id=0))
    albert.normalizer = N.Sequence([N.Replace("``", '"'), N.Replace("''", '"'), N.NFKD(), N.StripAccents(), N.Lowercase(), N.Precompiled(charsmap), N.Replace(Regex(" {2,}"), " ")])
    albert.pre_tokenizer = P.Metaspace(split=False)
    albert.decoder = D.CTC("<pad>", "▁", True)
    add("unigram_precompiled_albert", albert)
    byte_pieces = [(f"<0x{i:02X}>", 0.0) for i in range(256)]
    fallback = Tokenizer(models.Unigram(pieces + byte_pieces, unk_id=0, byte_fallback=True))
    fallback.pre_tokenizer = P.Metaspace(prepend_scheme="never")
    add("unigram_byte_fallback", fallback)
    sentence_piece_model("sentencepiece_bpe", vocab_size=6000, model_type="bpe", normalization_rule_name="nfkc", character_coverage=0.98, byte_fallback=True)
    sentence_piece_model("sentencepiece_identity", vocab_size=6000, model_type="unigram", normalization_rule_name="identity", character_coverage=0.98,
                         add_dummy_prefix=False, remove_extra_whitespaces=False, hard_vocab_limit=False)
    return charsmap


def one_step_kinds(charsmap):
    """One part alone: a normalizer shows in a token a character, a pre-tokenizer in a token a word."""
    steps = {
        "nfc": N.NFC(), "nfd": N.NFD(), "nfkc": N.NFKC(), "nfkd": N.NFKD(), "lowercase": N.Lowercase(), "strip_accents": N.StripAccents(),
        "nfd_strip_accents": N.Sequence([N.NFD(), N.StripAccents()]), "strip": N.Strip(), "strip_left": N.Strip(right=False),
        "nmt": N.Nmt(), "precompiled": N.Precompiled(charsmap), "replace": N.Replace(Regex("[aeiou]+"), "<v>"), "replace_out": N.Replace("b", ""),
        "prepend": N.Prepend("<>"), "byte_level": N.ByteLevel(), "bert": N.BertNormalizer(),
        "bert_cased": N.BertNormalizer(lowercase=False), "bert_clean_only": N.BertNormalizer(handle_chinese_chars=False, strip_accents=False, lowercase=False),
        "bert_keep_accents": N.BertNormalizer(strip_accents=False), "bert_unclean": N.BertNormalizer(clean_text=False, strip_accents=True),
        "nfkc_nfd": N.Sequence([N.NFKC(), N.NFD(), N.Lowercase()]),
    }
    for name, step in steps.items():
        characters = sorted({c for text in TEXTS for c in step.normalize_str(text)})
        tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(["<unk>"] + [c for c in characters if c != "<unk>"])}, [], unk_token="<unk>"))
        tokenizer.normalizer = step
        add("normalizer_" + name, tokenizer)
    cuts = {
        "bert": P.BertPreTokenizer(), "whitespace": P.Whitespace(), "whitespace_split": P.WhitespaceSplit(), "digits": P.Digits(False), "digits_each": P.Digits(True),
        "byte_level": P.ByteLevel(add_prefix_space=False), "byte_level_prefix": P.ByteLevel(add_prefix_space=True), "byte_level_no_regex": P.ByteLevel(use_regex=False),
        "metaspace": P.Metaspace(), "metaspace_first": P.Metaspace(prepend_scheme="first"), "metaspace_never": P.Metaspace(prepend_scheme="never"),
        "metaspace_x": P.Metaspace(replacement="_", split=False), "split_gpt4": P.Split(Regex(GPT4), "isolated"), "split_invert": P.Split(Regex(r"[\w']+"), "removed", invert=True),
    }
    for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        cuts["punctuation_" + behavior] = P.Punctuation(behavior)
        cuts["split_" + behavior] = P.Split("a", behavior)
    for name, cut in cuts.items():
        tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]", max_input_chars_per_word=0))
        tokenizer.pre_tokenizer = cut
        add("pre_tokenizer_" + name, tokenizer)


def strings_in(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in (value.values() if isinstance(value, dict) else value):
            yield from strings_in(item)


def golden_kinds(goldens):
    for folder, _, files in sorted(os.walk(goldens)):
        if "tokenizer.json" in files and "case.json" in files:
            case = json.load(open(f"{folder}/case.json"))
            texts = [t for key in ("documents", "texts", "text_pair", "sentences") for t in strings_in(case.get(key))]
            name = "golden_" + "_".join(folder.rstrip("/").split("/")[-2:])
            add(name, Tokenizer.from_file(f"{folder}/tokenizer.json"), (texts or ["no text"]) + TEXTS[:60], own_texts=True)


os.makedirs(FOLDER, exist_ok=True)
write_texts(f"{FOLDER}/texts.jsonl", TEXTS)
word_piece_kinds()
bpe_kinds()
one_step_kinds(unigram_kinds())
if len(sys.argv) > 2 and os.path.isdir(sys.argv[2]):
    golden_kinds(sys.argv[2])
