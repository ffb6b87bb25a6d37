"""The rules of this house that no other tool checks: python3 tools/tidy.py [--update].

- Functions stay within 40 lines and files within 500. What is longer today is listed
  in tidy.json; a number there may only go down, and `--update` writes it down.
- A test file of an addon is imported by its `tests/__init__.py`, or it never runs.
- No note of unfinished work, no banned word, no path of somebody's machine.
"""

import ast
import codecs
import json
import re
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
RATCHET = REPO / "tools" / "tidy.json"
FUNCTION_LINES = 40
FILE_LINES = 500
TEXTS = {
    ".cfg", ".conf", ".csv", ".css", ".html", ".js", ".json", ".md", ".po", ".pot",
    ".py", ".rst", ".sample", ".scss", ".sh", ".svg", ".toml", ".txt", ".xml", ".yaml",
}  # fmt: skip
COUNTED = {".py", ".js", ".xml", ".scss"}
FOREIGN = {"LICENSE"}
# Kept in rot13, so that this file does not break its own rules.
UNFINISHED = ("GBQB", "SVKZR")
BANNED = (
    "hcyvar", "qbjayvar", "pungtcg", "pynhqr", "naguebcvp", "bcranv", "pbcvybg",
    "yyz", "ynathntr zbqry", "nv ntrag", "nv nffvfgnag", "nv frffvba",
)  # fmt: skip
PRIVATE_FOLDERS = ("ubzr/", "jbex/", "gzc/", "ebbg/", "Hfref/")


def decode(words):
    return [codecs.decode(word, "rot13") for word in words]


PATTERNS = (
    (re.compile(rf"\b({'|'.join(decode(UNFINISHED))})\b"), "unfinished work"),
    (
        re.compile(
            rf"(?<![a-z])({'|'.join(decode(BANNED))})s?(?![a-z])", re.IGNORECASE
        ),
        "banned word",
    ),
    (
        re.compile(rf"(?<![\w.}}/*-])/({'|'.join(decode(PRIVATE_FOLDERS))})[\w.-]"),
        "path of a machine",
    ),
)


def tracked_files(repo=REPO):
    """Return the files git knows or would add, as paths relative to the repository."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(argv, cwd=repo, capture_output=True, check=True).stdout
    paths = [Path(name) for name in sorted(listed.decode().split("\0")) if name]
    return [path for path in paths if (repo / path).is_file()]


def is_text(path):
    return path.suffix in TEXTS or path.suffix == ""


def find_words(text):
    """Yield (line number, what is wrong, the word) for each forbidden word.

    >>> list(find_words("a fine line"))
    []
    >>> [(line, what) for line, what, _word in find_words("# TO" "DO: y")]
    [(1, 'unfinished work')]
    """
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern, what in PATTERNS:
            for found in pattern.finditer(line):
                yield number, what, found[0]


def long_functions(source):
    """Return {qualified name: lines} of the functions longer than allowed."""
    found = {}

    def visit(node, prefix):
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{prefix}.{child.name}".lstrip(".")
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = child.end_lineno - child.lineno + 1
                if lines > FUNCTION_LINES:
                    found[name] = lines
            visit(child, name)

    visit(ast.parse(source), "")
    return found


def measure(repo, paths):
    """Return {file or file::function: lines} of everything longer than allowed."""
    sizes = {}
    for path in paths:
        if path.suffix not in COUNTED:
            continue
        text = (repo / path).read_text(encoding="utf-8")
        lines = text.count("\n")
        if lines > FILE_LINES:
            sizes[str(path)] = lines
        if path.suffix == ".py":
            for name, length in long_functions(text).items():
                sizes[f"{path}::{name}"] = length
    return dict(sorted(sizes.items()))


def compare(sizes, allowed):
    """Return the complaints of the ratchet: growth, and entries that shrank."""
    problems = []
    for name, lines in sizes.items():
        limit = FUNCTION_LINES if "::" in name else FILE_LINES
        if lines > allowed.get(name, limit):
            problems.append(
                f"{name}: {lines} lines, allowed are {allowed.get(name, limit)}"
            )
    for name, lines in allowed.items():
        if sizes.get(name, 0) < lines:
            problems.append(
                f"{name}: shorter than tools/tidy.json says; run python3 "
                "tools/tidy.py --update"
            )
    return problems


def dead_tests(repo, paths):
    """Return complaints about test files of addons that nothing imports."""
    problems = []
    for path in paths:
        folder = repo / path.parent
        is_addon = (folder.parent / "__manifest__.py").exists()
        if not (is_addon and folder.name == "tests" and path.name.startswith("test_")):
            continue
        init = folder / "__init__.py"
        text = init.read_text(encoding="utf-8") if init.exists() else ""
        if path.suffix == ".py" and not re.search(rf"\b{path.stem}\b", text):
            problems.append(
                f"{path}: not imported by tests/__init__.py, so it never runs"
            )
    return problems


def words(repo, paths):
    """Return complaints about forbidden words in all text files."""
    problems = []
    for path in paths:
        if not is_text(path) or path.name in FOREIGN:
            continue
        try:
            text = (repo / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, what, word in find_words(text):
            problems.append(f"{path}:{number}: {what}: {word}")
    return problems


def check(repo=REPO):
    """Return every complaint about the repository."""
    paths = tracked_files(repo)
    ratchet = repo / "tools" / "tidy.json"
    allowed = json.loads(ratchet.read_text()) if ratchet.exists() else {}
    sizes = measure(repo, paths)
    return compare(sizes, allowed) + dead_tests(repo, paths) + words(repo, paths)


def update(repo=REPO):
    """Lower the numbers of the ratchet to what is true; never raise one."""
    ratchet = repo / "tools" / "tidy.json"
    allowed = json.loads(ratchet.read_text()) if ratchet.exists() else {}
    sizes = measure(repo, tracked_files(repo))
    lowered = {
        name: min(lines, sizes[name])
        for name, lines in allowed.items()
        if name in sizes
    }
    ratchet.write_text(json.dumps(lowered, indent=2) + "\n")


def main(arguments):
    if "--update" in arguments:
        update()
    problems = check()
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
