#!/usr/bin/env python3
"""Shows that check_layout.py finds each kind of breach, and none in a good tree."""

import json
import pathlib
import subprocess
import tempfile
import unittest

import check_docs
import check_layout

UNFINISHED = "TO" + "DO"

GOOD = {
    "README.md": "# A tree\n",
    "proto/strata/v1/task.proto": 'syntax = "proto3";\n',
    "kernels/plan/plan.h": "#ifndef STRATA_KERNELS_PLAN_PLAN_H_\n#define STRATA_KERNELS_PLAN_PLAN_H_\n#endif\n",
    "kernels/attention/attention.cc": '#include "kernels/plan/plan.h"\n#include <vector>\n',
    "models/layers/linear.cc": "#include <ATen/ATen.h>\n",
    "services/grpc/convert.cc": '#include "strata/v1/task.pb.h"\n',
    "sdk/include/strata/client.h": "#ifndef STRATA_CLIENT_H_\n#define STRATA_CLIENT_H_\n#endif\n",
    "clients/cli/main.cc": '#include "strata/client.h"\n',
}

# what is added to the good tree -> a part of the message that must come, and its place
BAD = [
    ("kernels/plan/high.cc", '#include "kernels/attention/attention.h"\n',
     "kernels/plan may not include kernels/attention"),
    ("kernels/plan/wide.cc", '#include "models/document/tree.h"\n',
     "kernels/plan may not include models/document"),
    ("clients/cli/deep.cc", '#include "services/runtime/runtime.h"\n',
     "clients may not include services/runtime"),
    ("models/hdt/peer.cc", '#include "models/eval/metrics.h"\n',
     "models/hdt may not include models/eval"),
    ("services/runtime/wire.cc", '#include "strata/v1/task.pb.h"\n',
     "services/runtime may not see protobuf"),
    ("models/document/tensor.cc", "#include <torch/types.h>\n",
     "models/document may not see LibTorch"),
    ("tests/golden/both.cc", "#include <ATen/ATen.h>\n#include <grpcpp/grpcpp.h>\n",
     "includes both LibTorch and protobuf"),
    ("models/gadgets/new.cc", "int x;\n", "its folder is no room"),
    ("notes.txt", "scratch\n", "not on the list of top-level"),
    ("scratch/notes.md", "scratch\n", "not on the list of top-level"),
    ("models/utils/text.cc", "int x;\n", "no folder is called 'utils'"),
    ("models/document/DocTree.cc", "int x;\n", "not snake_case"),
    ("models/document/long.cc", "int x;\n" * 601, "600 is the ceiling"),
    ("models/document/bare.h", "int x;\n", "no include guard"),
    ("models/document/odd.h", "#ifndef ODD_H\n#define ODD_H\n#endif\n",
     "should be STRATA_MODELS_DOCUMENT_ODD_H_"),
    ("models/document/later.cc", f"// {UNFINISHED}: later\n", "unfinished work"),
    ("docs/page.md", "see /" "work/main\n", "path of one machine"),
    ("scripts/get", "curl https://" "pypi." "org/simple\n", "host of a package registry"),
]
TARGETS = {  # what the bad include lines name
    "kernels/attention/attention.h": "#ifndef STRATA_KERNELS_ATTENTION_ATTENTION_H_\n",
    "models/document/tree.h": "#ifndef STRATA_MODELS_DOCUMENT_TREE_H_\n",
    "models/eval/metrics.h": "#ifndef STRATA_MODELS_EVAL_METRICS_H_\n",
    "services/runtime/runtime.h": "#ifndef STRATA_SERVICES_RUNTIME_RUNTIME_H_\n",
}


def write(root, tree):
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class LayoutSelfTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve() / "tree"
        write(self.root, GOOD)
        write(self.root, TARGETS)

    def test_good_tree_has_no_breach(self):
        breaches, files, _ = check_layout.check(self.root)
        self.assertEqual(breaches, [])
        self.assertEqual(files, len(GOOD) + len(TARGETS))

    def test_each_breach_is_found(self):
        for path, text, message in BAD:
            with self.subTest(path=path):
                write(self.root, {path: text})
                breaches, _, _ = check_layout.check(self.root)
                (self.root / path).unlink()
                self.assertTrue(breaches)
                self.assertEqual([], [b for b in breaches if b[0].split(":")[0] != path])
                self.assertIn(message, " | ".join(what for _, what in breaches))

    def test_tests_may_use_what_their_line_adds(self):
        write(self.root, {"kernels/plan/plan_test.cc": BAD[0][1]})
        self.assertEqual(check_layout.check(self.root)[0], [])

    def test_what_the_compiler_saw(self):
        """Edges through a header of someone else, and through a precompiled header."""
        outside = self.root.parent / "outside"
        write(outside, {"ATen/ATen.h": "", "grpcpp/grpcpp.h": "",
                        "indirect.h": "#include <grpcpp/grpcpp.h>\n"})
        write(self.root, {
            "services/grpc/fine.cc": "#include <indirect.h>\nint fine;\n",
            "services/runtime/far.cc": "#include <indirect.h>\nint far;\n",
            "models/document/pre.cc": "int pre;\n",
            "tests/golden/both_test.cc": "#include <ATen/ATen.h>\n#include <indirect.h>\nint b;\n",
        })
        build = self.root / "build"
        pch = "dir/strata_torch_pch.dir/cmake_pch.hxx"
        write(build, {pch: "#include <ATen/ATen.h>\n"})
        flags = f"-I{outside}"
        lines = ["rule cc", f"  command = g++ -c {flags} $more -MD -MF $out.d $in -o $out",
                 "  deps = gcc", "  depfile = $out.d",
                 f"build {pch}.gch: cc {build / pch}", "  more = -x c++-header"]
        commands = []
        for source in ("services/grpc/fine.cc", "services/runtime/far.cc",
                       "models/document/pre.cc", "tests/golden/both_test.cc"):
            more = f"-include {build / pch}" if "pre.cc" in source else ""
            output = source.replace("/", "_") + ".o"
            lines += [f"build {output}: cc {self.root / source} | {pch}.gch", f"  more = {more}"]
            commands.append({"directory": str(build),
                             "command": f"g++ {more} {flags} -o {output} -c {source}"})
        write(build, {"build.ninja": "\n".join(lines) + "\n",
                      "compile_commands.json": json.dumps(commands)})
        subprocess.run(["ninja", "-C", str(build)], check=True, capture_output=True)
        breaches, _, objects = check_layout.check(self.root, build)
        self.assertEqual(objects, 4)
        self.assertEqual(sorted(where for where, _ in breaches), [
            "models/document/pre.cc", "services/runtime/far.cc", "tests/golden/both_test.cc"])


class DocsSelfTest(unittest.TestCase):
    def test_each_untruth_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder).resolve()
            write(root, {
                "README.md": "[here](docs/limits.md) [gone](docs/gone.md)\n```sh\n"
                             "scripts/test --fast\nscripts/gone\n"
                             "strata eval --json --loud x\nstrata dance\n```\n",
                "docs/limits.md": "`--max-cats` and `--max-dogs`\n",
                "scripts/test": "--slow\n",
                "clients/cli/eval_command.cc": 'add_subcommand("eval", "--json")',
                "clients/cli/model_choice.cc": "",
                "clients/cli/document_argument.cc": "",
                "services/grpc/server_flags.cc": '"--max-cats"',
            })
            problems = " | ".join(check_docs.check(root))
            self.assertEqual(problems.count(" | "), 5, problems)
            for word in ("docs/gone.md", "no --fast", "no scripts/gone", "no --loud",
                         "'strata dance'", "--max-dogs"):
                self.assertIn(word, problems)


if __name__ == "__main__":
    unittest.main()
