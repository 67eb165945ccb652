#!/usr/bin/env python3
"""Reads the JSON lines of scripts/bench and prints, for each run, ours beside every peer.

  bench_report.py FILE

tokens/s are medians; "x" is ours over the peer. "KB/token" is peak memory beyond our weights and
150 MB, over the content tokens (ours only). "growth" is e of time ~ tokens^e over the runs of one
document each.
"""

import collections
import json
import math
import sys

OURS = "strata-"


def median(line):
    return line["tokens_per_s"]["median"]


def exponent(points):
    """Least squares of log time over log tokens."""
    xs = [math.log(tokens) for tokens, _ in points]
    ys = [math.log(seconds) for _, seconds in points]
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - x_mean) ** 2 for x in xs)
    return sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys)) / spread


def main():
    runs = collections.OrderedDict()
    growth = collections.defaultdict(list)
    with open(sys.argv[1], encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream if line.startswith("{")]
    for line in lines:
        if "error" in line:
            print(f"{line['name']:16} threads {line['threads']} {line['dtype']}: {line['error']}")
            continue
        key = (line["threads"], line["dtype"], line["n_tokens"])
        runs.setdefault(key, []).append(line)
        if line["docs"] == 1:
            growth[line["name"], line["threads"], line["dtype"]].append(
                (line["n_tokens"], line["n_tokens"] / median(line)))
    for (threads, dtype, tokens), group in runs.items():
        print(f"\n{tokens} tokens, {threads} thread(s), {dtype}")
        ours = next((line for line in group if line["name"].startswith(OURS)), None)
        for line in sorted(group, key=median, reverse=True):
            rate = line["tokens_per_s"]
            text = (f"  {line['name']:16} {rate['median']:9.1f} tokens/s "
                    f"({rate['min']:.1f} to {rate['max']:.1f})  peak {line['peak_rss_mb']:.0f} MB")
            if line is ours:
                beyond = line["peak_rss_mb"] - line["weights_mb"] - 150
                text += (f"  {max(0, beyond) * 1000 / tokens:.1f} KB/token"
                         f"  {100 * line['of_peak']['median']:.0f} % of the multiply-add peak")
            elif ours is not None:
                text += (f"  x {median(ours) / median(line):.2f} tokens/s,"
                         f" {ours['peak_rss_mb'] / line['peak_rss_mb']:.2f} memory")
            if line.get("others_cores", 0) > 0.1:
                text += f"  [others used {line['others_cores']} cores: measure again]"
            print(text)
    print()
    for (name, threads, dtype), points in growth.items():
        if len({tokens for tokens, _ in points}) > 1:
            print(f"growth {name:16} {threads} thread(s), {dtype}: tokens^{exponent(points):.3f}")


if __name__ == "__main__":
    main()
