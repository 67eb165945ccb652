#!/usr/bin/env python3
"""Checks that the tree keeps the rules of the house; prints each breach and exits 1 if there is one.

  check_layout.py ROOT [--build BUILD_FOLDER]

Reads the include lines of every file of ours, and with --build also what the compiler really saw
(ninja's record of header dependencies), which shows edges that pass through other headers and
precompiled ones. The rule itself is dependency_rule.txt, beside this file.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

TOP_LEVEL = {
    ".ci", ".clang-format", ".clang-tidy", ".gitattributes", ".gitignore", "CHANGELOG.md",
    "CMakeLists.txt", "CMakePresets.json", "CONTRIBUTING.md", "LICENSE", "README.md", "clients",
    "cmake", "docs", "kernels", "models", "proto", "samples", "scripts", "sdk", "services", "tests",
}
SOURCE_FOLDERS = {"clients", "kernels", "models", "proto", "sdk", "services", "tests"}
CODE_ENDINGS = {".h", ".cc", ".cu", ".cuh", ".proto", ".py"}
TEXT_ENDINGS = CODE_ENDINGS | {".md", ".txt", ".cmake", ".json", ".sh", ""}
VAGUE_FOLDERS = {"util", "utils", "common", "misc", "core", "helpers"}
MAX_LINES = 600
# Folders whose files are data as others wrote it.
DATA_FOLDERS = ("models/zoo/", "samples/", "tests/golden/data/", "tests/foreign/data/")

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
SNAKE_CASE = re.compile(r"^[a-z0-9]+(_[a-z0-9]+)*(-inl)?$")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work|root|home/\w+|tmp/w)/")
REGISTRY = re.compile(r"\b(?:pypi\.org|pythonhosted\.org|(?:deb|security|ftp)\.debian\.org|"
                      r"npmjs\.(?:com|org)|crates\.io|proxy\.golang\.org|conda\.anaconda\.org)\b")
TORCH_INCLUDE = re.compile(r"^(?:torch|ATen|c10|caffe2)/")
WIRE_INCLUDE = re.compile(r"(?:\.pb\.h$|^grpcpp/|^grpc/|^google/protobuf/)")
TORCH_DEPENDENCY = re.compile(r"/(?:torch|ATen|c10)/[^ ]*\.h$|strata_torch_pch\.dir/cmake_pch")
WIRE_DEPENDENCY = re.compile(r"\.pb\.h$|/grpcpp/|/google/protobuf/")


class Rule:
    """dependency_rule.txt: for each room the rooms it may include and its marks."""

    def __init__(self, path):
        self.edges, self.marks, self.test_edges = {}, {}, {}
        for number, line in enumerate(path.read_text().splitlines(), 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            match = re.match(r"^(test )?([\w/]+)(?: \[([\w ]+)\])?:(.*)$", line)
            if not match:
                raise SystemExit(f"{path}:{number}: not 'room [marks]: rooms': {line}")
            is_test, room, marks, names = match.groups()
            if is_test:
                self.test_edges.setdefault(room, set()).update(names.split())
            else:
                self.edges[room] = set(names.split())
                self.marks[room] = set((marks or "").split())
        for room, names in list(self.edges.items()) + list(self.test_edges.items()):
            for name in [n for n in names if n.endswith("/*")]:
                names.remove(name)
                names.update(r for r in self.edges if r.startswith(name[:-1]))
            for name in names:
                if name not in self.edges and name != "tests/support":
                    raise SystemExit(f"{path}: {room} may include {name}, which has no line")

    def room_of(self, path):
        """The room of a path relative to the root; None where the path is in no room."""
        parts = path.split("/")[:-1]
        for length in range(len(parts), 0, -1):
            room = "/".join(parts[:length])
            if room in self.edges:
                return room
        return None

    def allows(self, path, room, target):
        if room == target or target in self.edges[room]:
            return True
        return is_test_file(path) and target in self.test_edges.get(room, set())


def is_test_file(path):
    return bool(re.search(r"(_test|_bench|_fuzz)\.cc$", path)) or "/testing/" in path


def our_files(root):
    """Paths relative to root of all files that belong to the project."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root,
            capture_output=True, check=True).stdout.decode()
        top = subprocess.run(["git", "rev-parse", "--show-toplevel"], cwd=root, capture_output=True,
                             check=True).stdout.decode().strip()
        if os.path.realpath(top) == os.path.realpath(root):
            return sorted(p for p in set(listed.split("\0")) if p and (root / p).is_file())
    except (OSError, subprocess.CalledProcessError):
        pass
    found = []
    for folder, names, files in os.walk(root):
        names[:] = [n for n in names if n not in {".git", "build", ".deps", "__pycache__"}]
        found += [os.path.relpath(os.path.join(folder, f), root) for f in files]
    return sorted(found)


def resolve(root, including, name, files):
    """The project file that an include line means, relative to the root; None for outside ones."""
    if name.endswith(".pb.h"):
        proto = "proto/" + re.sub(r"(\.grpc)?\.pb\.h$", ".proto", name)
        return proto if proto in files else None
    beside = os.path.normpath(os.path.join(os.path.dirname(including), name))
    for candidate in (name, beside, "sdk/include/" + name, "sdk/mocks/" + name):
        if candidate in files:
            return candidate
    return None


def check_names(path, report):
    top = path.split("/")[0]
    if top not in TOP_LEVEL:
        report(path, f"'{top}' is not on the list of top-level files and folders")
        return
    if top not in SOURCE_FOLDERS or path.startswith(DATA_FOLDERS):
        return
    for folder in path.split("/")[:-1]:
        if folder in VAGUE_FOLDERS:
            report(path, f"no folder is called '{folder}': name it by what it holds")
    stem, ending = os.path.splitext(os.path.basename(path))
    if ending in CODE_ENDINGS and not SNAKE_CASE.match(stem):
        report(path, "the file's name is not snake_case")


def check_guard(path, text, report):
    if not path.endswith((".h", ".cuh")):
        return
    names = [path]
    for public in ("sdk/include/", "sdk/mocks/"):
        if path.startswith(public):
            names.append(path[len(public):])
    guards = [re.sub(r"[^A-Z0-9]", "_", n.upper()) + "_" for n in names]
    guards += ["STRATA_" + g for g in guards]
    found = re.search(r"^#(?:ifndef\s+|if defined\()(\w+)", text, re.MULTILINE)
    if not found:
        report(path, f"no include guard; {guards[-1]} was expected")
    elif found.group(1) not in guards:
        report(path, f"include guard {found.group(1)} should be {guards[-1]}")


def check_text(path, text, report):
    ending = os.path.splitext(path)[1]
    top = path.split("/")[0]
    if path.startswith(DATA_FOLDERS) and ending != ".md":
        return
    if ending in CODE_ENDINGS or top in {"scripts", ".ci"}:
        lines = text.count("\n")
        if lines > MAX_LINES:
            report(path, f"{lines} lines; {MAX_LINES} is the ceiling")
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{path}:{number}"
        if UNFINISHED.search(line):
            report(where, "unfinished work is marked in the text")
        if MACHINE_PATH.search(line):
            report(where, "names a path of one machine")
        if REGISTRY.search(line):
            report(where, "names the host of a package registry")


def check_includes(root, path, text, files, rule, report):
    """Every include line against the rule: edges between rooms, LibTorch, the wire."""
    room = rule.room_of(path)
    top = path.split("/")[0]
    if room is None:
        if top in SOURCE_FOLDERS - {"tests", "proto"} and path.endswith((".h", ".cc", ".cu")):
            report(path, "its folder is no room of tests/layout/dependency_rule.txt")
        if top != "tests":
            return
    sees_torch = sees_wire = False
    for match in INCLUDE.finditer(text):
        name = match.group(1)
        where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        sees_torch |= bool(TORCH_INCLUDE.match(name))
        sees_wire |= bool(WIRE_INCLUDE.search(name))
        if room is None:
            continue
        if TORCH_INCLUDE.match(name) and "torch" not in rule.marks[room]:
            report(where, f"{room} may not see LibTorch ({name})")
        if WIRE_INCLUDE.search(name) and "wire" not in rule.marks[room]:
            report(where, f"{room} may not see protobuf or gRPC ({name})")
        target_path = resolve(root, path, name, files)
        target = target_path and (rule.room_of(target_path) or "/".join(
            target_path.split("/")[:2]))
        if target and not rule.allows(path, room, target):
            report(where, f"{room} may not include {target} ({name})")
    if sees_torch and sees_wire:
        report(path, "one file includes both LibTorch and protobuf")


def check_build(root, build, files, rule, report):
    """What the compiler saw: no object with LibTorch and the wire, none that its room forbids."""
    seen = headers_seen(build)
    for name, paths in seen.items():
        ours = [p for p in (os.path.relpath(p, root) for p in paths) if p in files]
        source = next((p for p in ours if p.endswith((".cc", ".cu"))), None)
        if source is None:
            continue
        outside = [p for p in paths if os.path.relpath(p, root) not in files]
        torch = next((p for p in outside if TORCH_DEPENDENCY.search(p)), None)
        wire = next((p for p in outside if WIRE_DEPENDENCY.search(p)), None)
        if torch and wire:
            report(source, f"object {name} sees both LibTorch ({torch}) and the wire ({wire})")
        room = rule.room_of(source)
        if room is None or is_test_file(source):
            continue
        if torch and "torch" not in rule.marks[room]:
            report(source, f"object {name}: {room} may not see LibTorch ({torch})")
        if wire and "wire" not in rule.marks[room]:
            report(source, f"object {name}: {room} may not see protobuf or gRPC ({wire})")
    return len(seen)


def headers_seen(build):
    """object -> absolute paths that its compilation read, those of a precompiled header included.

    g++ leaves out of an object's dependency file what came from the precompiled header; which
    object uses which one stands in compile_commands.json.
    """
    listed = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], capture_output=True)
    if listed.returncode != 0:
        raise SystemExit(f"ninja -t deps failed in {build}: {listed.stderr.decode().strip()}")
    seen = {}
    for block in listed.stdout.decode(errors="replace").split("\n\n"):
        lines = [line.strip() for line in block.strip().splitlines()
                 if not line.startswith("ninja: ")]
        if lines and ": #deps" in lines[0]:
            seen[lines[0].split(": #deps")[0]] = [
                os.path.realpath(os.path.join(build, p)) for p in lines[1:]]
    commands = build / "compile_commands.json"
    for entry in json.loads(commands.read_text()) if commands.exists() else []:
        header = re.search(r"-include (\S+/cmake_pch\.hxx)\b", entry["command"])
        written = re.search(r" -o (\S+)", entry["command"])
        if not header or not written:
            continue
        name = os.path.relpath(os.path.join(entry["directory"], written.group(1)), build)
        if name in seen:
            made = os.path.relpath(header.group(1), build) + ".gch"
            seen[name] = seen[name] + [str(build / made)] + seen.get(made, [])
    return {name: paths for name, paths in seen.items() if not name.endswith(".gch")}


def check(root, build=None):
    """All breaches of the tree at root, as (where, what); the numbers of files and objects seen."""
    rule = Rule(HERE / "dependency_rule.txt")
    breaches = []

    def report(where, what):
        breaches.append((where, what))

    files = our_files(root)
    known = set(files)
    for path in files:
        check_names(path, report)
        if os.path.splitext(path)[1] not in TEXT_ENDINGS:
            continue
        try:
            text = (root / path).read_bytes().decode()
        except UnicodeDecodeError:
            continue
        check_guard(path, text, report)
        check_text(path, text, report)
        if path.endswith((".h", ".cc", ".cu", ".cuh")):
            check_includes(root, path, text, known, rule, report)
    objects = check_build(root, build, known, rule, report) if build else 0
    return breaches, len(files), objects


def main():
    parser = argparse.ArgumentParser(description="Checks that the tree keeps the house's rules.")
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, help="a Ninja build folder of this tree")
    arguments = parser.parse_args()
    build = arguments.build and arguments.build.resolve()
    breaches, files, objects = check(arguments.root.resolve(), build)
    for where, what in breaches:
        print(f"{where}: {what}")
    print(f"layout: {files} files, {objects} objects, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
