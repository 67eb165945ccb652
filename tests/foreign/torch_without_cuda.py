#!/usr/bin/env python3
"""Runs a Python program with the PyPI wheel of torch where its CUDA packages are not installed.

  torch_without_cuda.py PACKAGES WORK_FOLDER PROGRAM [ARGUMENT...]

PACKAGES is the folder that holds torch/. The wheel's libraries name a dozen CUDA libraries (2.5 GB)
that a program on the CPU never calls, but without which they do not load. For those that are absent
empty libraries are compiled into WORK_FOLDER: every function that the wheel wants from them is there
and ends the program if it is called.
"""

import collections
import os
import pathlib
import re
import subprocess
import sys

# Where one library's functions carry no version they are told by their names.
UNVERSIONED = {
    "libcufile.so.0": "cuFile", "libcurand.so.10": "curand", "libcusparseLt.so.0": "cusparseLt",
    "libnccl.so.2": "p?nccl",
}


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def wanted(torch_libraries, found):
    """What the wheel's libraries want from others: {library: {version: {symbol}}}."""
    needed, versions = set(), collections.defaultdict(set)
    symbols = collections.defaultdict(set)
    for library in torch_libraries:
        for line in output_of("readelf", "-dW", library):
            name = re.search(r"NEEDED.*\[(lib(?:cu|nccl|nvshmem)\S*)\]", line)
            if name and name[1] not in found:
                needed.add(name[1])
        file = None
        for line in output_of("readelf", "-VW", library):
            name = re.search(r"File: (\S+)", line)
            file = name[1] if name else file
            version = re.search(r"Name: (\S+)\s+Flags", line)
            if version:
                versions[file].add(version[1])
        for line in output_of("nm", "-D", "--undefined-only", library):
            symbol, _, version = line.split()[-1].partition("@")
            symbols[version].add(symbol)
    result = {}
    for library in needed:
        result[library] = {version: symbols[version] for version in versions[library]}
        if not versions[library]:
            pattern = re.compile(UNVERSIONED.get(library, "$^"))
            result[library] = {"": {s for s in symbols[""] if pattern.match(s)}}
    return result


def compile_stub(folder, library, by_version):
    source, script = folder / "stub.c", folder / "stub.map"
    source.write_text("".join(f"void {symbol}(void) {{ __builtin_trap(); }}\n"
                              for symbols in by_version.values() for symbol in sorted(symbols)))
    script.write_text("".join(f"{version} {{ global: {' '.join(s + ';' for s in sorted(symbols))} }};\n"
                              for version, symbols in by_version.items() if version))
    versioned = [f"-Wl,--version-script={script}"] if script.stat().st_size else []
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", "-o", folder / library,
                    f"-Wl,-soname,{library}", source, *versioned], check=True)


def main():
    packages, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    libraries = sorted((packages / "torch" / "lib").glob("lib*.so*"))
    found = {path.name for path in libraries}
    found |= {path.name for path in (packages / "nvidia").glob("*/lib/*.so*")}
    # What only a call would load is not looked for.
    loaded = [path for path in libraries if path.name in {
        "libtorch_cuda.so", "libtorch_nvshmem.so", "libtorch_python.so", "libc10_cuda.so"}]
    for library, by_version in wanted(loaded, found).items():
        compile_stub(folder, library, by_version)
    environment = dict(os.environ, PYTHONPATH=str(packages), LD_LIBRARY_PATH=str(folder))
    os.execve(sys.executable, [sys.executable, *sys.argv[3:]], environment)


if __name__ == "__main__":
    main()
