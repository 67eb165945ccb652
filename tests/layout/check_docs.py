#!/usr/bin/env python3
"""Checks that what the documentation names exists: links, scripts, commands, flags.

  check_docs.py ROOT
"""

import pathlib
import re
import sys

LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)")
SHELL_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z-]+)")
SERVER_FLAGS = "services/grpc/server_flags.cc"


def pages(root):
    return sorted(root.glob("*.md")) + sorted((root / "docs").glob("*.md"))


def broken_links(root):
    for page in pages(root):
        for target in LINK.findall(page.read_text()):
            if not (page.parent / target).exists():
                yield f"{page.relative_to(root)}: the link to {target} leads nowhere"


def unknown_flags(root, where, flags, sources):
    text = "".join((root / source).read_text() for source in sources)
    for flag in sorted(set(flags)):
        if f'"--{flag}"' not in text and flag not in ("help", "version"):
            yield f"{where}: no --{flag} in {', '.join(sources)}"


def wrong_commands(root):
    """Scripts and strata commands in the shell blocks of all pages, with their flags."""
    for page in pages(root):
        where = page.relative_to(root)
        for block in SHELL_BLOCK.findall(page.read_text()):
            for line in block.splitlines():
                line = line.split("#")[0].strip()
                words = line.split()
                if not words:
                    continue
                if words[0].startswith("scripts/"):
                    script = root / words[0]
                    if not script.exists():
                        yield f"{where}: no {words[0]}"
                        continue
                    for flag in FLAG.findall(line):
                        if f"--{flag}" not in script.read_text():
                            yield f"{where}: {words[0]} knows no --{flag}"
                elif words[0] == "strata" and len(words) > 1:
                    source = command_source(root, words[1])
                    if source is None:
                        yield f"{where}: no command 'strata {words[1]}'"
                        continue
                    sources = [source, "clients/cli/model_choice.cc",
                               "clients/cli/document_argument.cc"]
                    if words[1] == "serve":
                        sources.append(SERVER_FLAGS)
                    yield from unknown_flags(root, where, FLAG.findall(line), sources)


def command_source(root, command):
    """The file that adds `strata COMMAND`; None if there is none."""
    adds = re.compile(r'add_subcommand\(\s*"' + re.escape(command) + '"')
    for path in sorted((root / "clients/cli").glob("*_command.cc")):
        if adds.search(path.read_text()):
            return str(path.relative_to(root))
    return None


def check(root):
    problems = list(broken_links(root)) + list(wrong_commands(root))
    limits = (root / "docs/limits.md").read_text()
    sources = [source for source in (SERVER_FLAGS, command_source(root, "search")) if source]
    problems += unknown_flags(root, "docs/limits.md", FLAG.findall(limits), sources)
    return problems


def main():
    problems = check(pathlib.Path(sys.argv[1]).resolve())
    for problem in problems:
        print(problem)
    print(f"docs: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
