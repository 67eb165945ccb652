"""What befalls a process: its clock is set, its model's file is overwritten, it is told to end under load,
its server is killed in the middle of a batch job. Programs as they are built, on the loopback.

  process_faults.py BIN MODEL_FOLDER SAMPLES LIBFAKETIME

BIN holds strata and strata-server; LIBFAKETIME may be empty: then the clock is not set, and that is said.
Exits with 1 and a traceback where something is not as it should be."""

import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BIN, MODEL, SAMPLES, FAKETIME = sys.argv[1:5]


def check(condition, message):
    if not condition:
        raise AssertionError(message)


class Server:
    """strata-server on a free port, or on `port`. Killed at the end if it still runs."""

    def __init__(self, model, port=0, environment=None):
        self.process = subprocess.Popen(
            [f"{BIN}/strata-server", "--model", model, "--listen", f"127.0.0.1:{port}", "--log-level", "error"],
            stdout=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
        line = self.process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        check(found, f"the server said {line!r}")
        self.address, self.port = found.group(0), int(found.group(1))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def strata(*arguments, **options):
    return subprocess.Popen([f"{BIN}/strata", *arguments], stdout=subprocess.PIPE, text=True, **options)


def totals(load):
    out, _ = load.communicate(timeout=120)
    lines = [json.loads(line) for line in out.splitlines()]
    return [line for line in lines if line.get("total")][-1]


def classify(server):
    documents = sorted(str(path) for path in pathlib.Path(SAMPLES).iterdir())
    out, _ = strata("classify", "--server", server.address, "--json", *documents).communicate(timeout=60)
    lines = [json.loads(line) for line in out.splitlines()]
    check(len(lines) == len(documents) and all(line["status"] == "OK" for line in lines), f"classify: {out[:500]}")
    return {line["id"]: line["labels"] for line in lines}


def clock_is_set(folder):
    if not FAKETIME:
        print("clock: no libfaketime here, so it was not set")
        return
    offset = folder / "clock"

    def set_clock(value):  # replaced in one step: the library reads it at every call
        (folder / "clock.next").write_text(value)
        os.replace(folder / "clock.next", offset)

    set_clock("+0")
    faked = {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1",
             "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1"}
    with Server(MODEL, environment=faked) as server:
        load = strata("load", "--server", server.address, "--json", "--quiet", "--seconds", "4", "--in-flight", "8",
                      "--timeout", "20", SAMPLES)
        for value in ("+2h", "-2h", "+30d", "+0"):
            time.sleep(0.8)
            set_clock(value)
        seen = totals(load)
        # gRPC reads two clocks to tell a deadline, and a call may have them set between the one and the other.
        check(seen["ok"] > 0 and seen["failed"] <= 4 and seen["refused"] == 0, f"clock: {seen}")
        check(server.end() == 0, "clock: the server did not end with 0")
    print(f"clock: {seen['ok']} calls answered while it was set four times")


def model_is_overwritten(folder):
    model = folder / "model"
    shutil.copytree(MODEL, model)
    weights = model / "model.safetensors"
    with Server(model) as server:
        before = classify(server)
        size = weights.stat().st_size
        with open(weights, "r+b") as file:  # in place, as `cp` does: the same file, cut and refilled
            file.truncate(0)
            file.write(b"\xff" * (size // 3))
        for _ in range(3):
            check(classify(server) == before, "overwritten model: an answer changed")
        check(server.end() == 0, "overwritten model: the server did not end with 0")
    refused = subprocess.run([f"{BIN}/strata-server", "--model", model, "--listen", "127.0.0.1:0"],
                             capture_output=True, text=True, timeout=60)
    check(refused.returncode != 0 and "model.safetensors" in refused.stderr, f"garbage was served: {refused}")
    print("overwritten model: served as it was, and refused at the next start")


def ends_under_load():
    with Server(MODEL) as server:
        load = strata("load", "--server", server.address, "--json", "--quiet", "--seconds", "4", "--in-flight", "32",
                      SAMPLES)
        time.sleep(1.5)
        check(server.end() == 0, "SIGTERM under load: the exit code is not 0")
        seen = totals(load)
        # What comes after the signal is refused as unavailable, or reset by gRPC while it says goodbye (CANCELLED
        # without a reason of ours); nothing accepted may fail.
        lost = {error for error in seen["errors"] if not error.startswith("UNAVAILABLE") and error != "CANCELLED "}
        check(seen["ok"] > 0 and not lost, f"SIGTERM under load: {seen}")
    print(f"SIGTERM under load: {seen['ok']} answered, none lost")


def server_is_killed_during_a_batch(folder):
    documents, out = folder / "documents.jsonl", folder / "answers.jsonl"
    count = 3000
    with open(documents, "w") as file:
        for i in range(count):
            text = f"Report {i}. " + "Rivers carry water to the sea, and clouds bring it back as rain. " * 40
            file.write(json.dumps({"id": f"d{i}", "text": text}) + "\n")
    batch = ("batch", str(documents), str(out), "--json", "--quiet", "--server")
    with Server(MODEL) as server:
        port = server.port
        first = strata(*batch, server.address, stderr=subprocess.DEVNULL)
        while not out.exists() or out.stat().st_size < 20000:
            check(first.poll() is None, "batch: it ended before the server was killed")
            time.sleep(0.01)
        server.process.kill()
        server.process.wait()
        first.kill()  # and the job with it, in the middle of a line if it comes so
        first.communicate()
    with Server(MODEL, port=port) as server:
        done = strata(*batch, server.address)
        done.communicate(timeout=300)
        check(done.returncode == 0, f"batch: the resumed job ended with {done.returncode}")
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    times = collections.Counter(line["id"] for line in lines)
    check(len(times) == count and set(times.values()) == {1}, "batch: an answer is missing or doubled")
    check(all(line["status"] == "OK" for line in lines), "batch: a document has no answer")
    print(f"server and job killed in the middle: {count} of {count} answered once")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        clock_is_set(folder)
        model_is_overwritten(folder)
        ends_under_load()
        server_is_killed_during_a_batch(folder)


main()
