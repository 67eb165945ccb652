"""Speed of Strata's tokenizers beside the `tokenizers` and `sentencepiece` packages: the same
tokenizer files, the same text, one thread each, in turns, by processor time (another job on the
machine slows both less that way). Prints a JSON line a kind; "ratio" is ours
over the package's faster way (encode_batch_fast gives no offsets, encode_batch and we do).

usage: tokenizers_parity_bench.py TOKENIZER_BENCH TEXT_FILE [REPEATS]   (TEXT_FILE: a text a line)"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import sentencepiece as spm
from tokenizers import Regex, Tokenizer, models, normalizers as N, pre_tokenizers as P, processors, trainers
from tokenizers.implementations import BertWordPieceTokenizer

BENCH, TEXT_FILE = sys.argv[1], sys.argv[2]
REPEATS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
LINES = [line for line in open(TEXT_FILE, encoding="utf-8").read().split("\n") if line]
MB = sum(len(line.encode()) for line in LINES) / 1e6
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
GPT4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def rate(function):
    function()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return MB / statistics.median(times)


def report(kind, path, ways, tokens):
    rates = {name: round(rate(way), 2) for name, way in ways.items()}
    run = subprocess.run([BENCH, path, TEXT_FILE, str(REPEATS)], capture_output=True, text=True, check=True)
    ours = json.loads(run.stdout)
    print(json.dumps({"kind": kind, "mb": round(MB, 2), "ours_mb_per_s": ours["mb_per_s"], **rates,
                      "ratio": round(ours["mb_per_s"] / max(rates.values()), 2), "same_token_count": ours["tokens"] == tokens}), flush=True)


def hugging_face(kind, tokenizer, path):
    tokens = sum(len(e.ids) for e in tokenizer.encode_batch(LINES, add_special_tokens=False))
    report(kind, path, {"encode_batch": lambda: tokenizer.encode_batch(LINES, add_special_tokens=False),
                        "encode_batch_fast": lambda: tokenizer.encode_batch_fast(LINES, add_special_tokens=False)}, tokens)


def trained(kind, folder, tokenizer, trainer):
    tokenizer.train_from_iterator(LINES, trainer)
    tokenizer.save(f"{folder}/{kind}.json")
    hugging_face(kind, tokenizer, f"{folder}/{kind}.json")


def made(model, pre_tokenizer, normalizer=None):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    return tokenizer


with tempfile.TemporaryDirectory() as folder:
    bert = BertWordPieceTokenizer(lowercase=True)
    bert.train_from_iterator(LINES, vocab_size=8000, show_progress=False, special_tokens=SPECIALS)
    bert.save_model(folder)
    hugging_face("wordpiece", BertWordPieceTokenizer(f"{folder}/vocab.txt", lowercase=True)._tokenizer, f"{folder}/vocab.txt")
    byte_trainer = trainers.BpeTrainer(vocab_size=8000, initial_alphabet=P.ByteLevel.alphabet(), special_tokens=["<s>", "</s>", "<unk>", "<mask>"], show_progress=False)
    trained("bpe_byte_level", folder, made(models.BPE(), P.ByteLevel(add_prefix_space=False)), byte_trainer)
    roberta = made(models.BPE(), P.ByteLevel(add_prefix_space=True), N.NFC())
    roberta.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    trained("bpe_byte_level_roberta", folder, roberta, byte_trainer)
    trained("bpe_byte_level_split", folder, made(models.BPE(ignore_merges=True), P.Sequence([P.Split(Regex(GPT4), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)])), byte_trainer)
    fallback = made(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True), P.Metaspace())
    trained("bpe_byte_fallback", folder, fallback, trainers.BpeTrainer(vocab_size=8000, special_tokens=["<unk>"] + [f"<0x{i:02X}>" for i in range(256)], show_progress=False))
    fallback = Tokenizer.from_file(f"{folder}/bpe_byte_fallback.json")
    fallback.pre_tokenizer = None  # as Llama 2: the whole text is one word
    fallback.normalizer = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
    fallback.save(f"{folder}/bpe_whole_text.json")
    hugging_face("bpe_whole_text", fallback, f"{folder}/bpe_whole_text.json")
    trained("unigram", folder, made(models.Unigram(), P.Metaspace(), N.NFKC()),
            trainers.UnigramTrainer(vocab_size=8000, unk_token="<unk>", special_tokens=["<unk>", "<s>", "</s>"], show_progress=False))
    whole = Tokenizer.from_file(f"{folder}/unigram.json")
    whole.pre_tokenizer = P.Metaspace(split=False)
    whole.save(f"{folder}/unigram_whole_text.json")
    hugging_face("unigram_whole_text", whole, f"{folder}/unigram_whole_text.json")
    for kind in ("unigram", "bpe"):
        spm.SentencePieceTrainer.train(sentence_iterator=iter(LINES), model_prefix=f"{folder}/{kind}", vocab_size=8000, model_type=kind, minloglevel=2)
        processor = spm.SentencePieceProcessor(model_file=f"{folder}/{kind}.model")
        ways = {"encode_ids": lambda: [processor.encode(line) for line in LINES]}
        report("sentencepiece_" + kind, f"{folder}/{kind}.model", ways, sum(len(processor.encode(line)) for line in LINES))
