"""Writes what the `rouge-score` package (with its stemmer) gives pairs of texts, for rouge_parity.cc to
compare with: FOLDER/cases.jsonl, a line {"reference", "summary", "scores": [P, R, F1 of rouge1, rouge2,
rougeL, rougeLsum]} a pair; FOLDER/stems.jsonl, a line [word, stem] a word.

usage: rouge_parity.py FOLDER [DATA]   (DATA: the folder of the data sets, whose words and summaries are
used, too, where it is there)"""
import gzip
import json
import os
import random
import re
import sys

from nltk.stem import porter
from rouge_score import rouge_scorer

KINDS = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
STEMS = ["relat", "condit", "ration", "val", "hesit", "digit", "conform", "radic", "differ", "vile", "analog",
         "vietnam", "predic", "oper", "feudal", "decis", "hope", "callous", "formal", "sensit", "sensibl",
         "triplic", "electr", "good", "reviv", "allow", "infer", "airlin", "gyroscop", "adjust", "defens",
         "irrit", "replac", "adopt", "homolog", "commun", "activ", "angular", "effect", "bowdler", "cat", "fl",
         "d", "t", "tr", "spy", "happ", "enjo", "sk", "agree", "fil", "fall", "hiss", "fizz", "fail", "siz", "geo",
         "theo", "a", "e", "y", "yy", "ay", "oy", "ion", "4", "b2", "o", "x", "bo", "control", "roll", "cease"]
ENDINGS = ["", "s", "es", "ies", "sses", "ss", "ied", "eed", "ed", "ing", "y", "ys", "ational", "tional", "enci",
           "anci", "izer", "bli", "abli", "alli", "entli", "eli", "ousli", "ization", "ation", "ator", "alism",
           "iveness", "fulness", "ousness", "aliti", "iviti", "biliti", "fulli", "logi", "icate", "ative", "alize",
           "iciti", "ical", "ful", "ness", "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment",
           "ent", "ion", "sion", "tion", "ou", "ism", "ate", "iti", "ous", "ive", "ize", "e", "ll", "ationalli",
           "ings", "inging", "eds", "ying", "yed", "ology", "ologies", "fully", "tionally"]
IRREGULAR = ["sky", "skies", "dying", "lying", "tying", "news", "innings", "inning", "outings", "outing",
             "cannings", "canning", "howe", "proceed", "exceed", "succeed", "dies", "died", "spied", "flies"]
ODD = ["", " ", "\n\n", "a", "A-b_c", "The cat sat.\nThe dog ran.\n", "the the the the", "İstanbul IS 5K (5\u212a)",
       "naïve café déjà", "U.S.A. and e.g. 3.14", "don't can't", "x" * 50, "running runs ran runner\n\nrun",
       "\u2028one\u2028two", "tab\tseparated\rlines\r\nhere", "日本語 text", "THE CAT\nsat on\nthe mat the cat"]


def lines_of(text):
    return re.split(r"(?<=[.!?])\s+", text.strip())


def data_pairs(folder):
    for name in ("scisummnet", "openstax_modules"):
        path = os.path.join(folder, name, "dev.jsonl.gz")
        if not os.path.exists(path):
            continue
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file):
                if number == 60:
                    break
                document = json.loads(line)
                body = [p if isinstance(p, str) else "\n".join(p) for s in document["sections"] for p in s["paragraphs"]]
                if document["summary"]:
                    yield "\n".join(document["summary"]), "\n".join(lines_of("\n".join(body)[:1500]))


def main():
    folder = sys.argv[1]
    choose = random.Random(1)
    pairs = [(a, b) for a in ODD for b in ODD]
    words = sorted({stem + ending for stem in STEMS for ending in ENDINGS} | set(IRREGULAR))
    for _ in range(300):  # few different words, so that much repeats
        few = choose.sample(words, 8)
        pairs.append(tuple("\n".join(" ".join(choose.choices(few, k=choose.randint(0, 9)))
                                     for _ in range(choose.randint(1, 4))) for _ in range(2)))
    if len(sys.argv) > 2 and sys.argv[2]:
        pairs += data_pairs(sys.argv[2])
    for reference, _ in pairs:
        words += re.findall("[a-z0-9]+", reference.lower())
    scorer = rouge_scorer.RougeScorer(KINDS, use_stemmer=True)
    with open(f"{folder}/cases.jsonl", "w", encoding="utf-8") as out:
        for reference, summary in pairs:
            found = scorer.score(reference, summary)
            scores = [value for kind in KINDS for value in (found[kind].precision, found[kind].recall, found[kind].fmeasure)]
            out.write(json.dumps({"reference": reference, "summary": summary, "scores": scores}) + "\n")
    stemmer = porter.PorterStemmer()
    with open(f"{folder}/stems.jsonl", "w", encoding="utf-8") as out:
        for word in sorted(set(words)):
            out.write(json.dumps([word, stemmer.stem(word)]) + "\n")


main()
