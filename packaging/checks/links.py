#!/usr/bin/env python3
"""Checks that each link and picture of the documents in DIRECTORY leads to a file: relative to its document, or from
ROOT if it begins with a slash. Links into the web are not followed.

usage: links.py DIRECTORY [ROOT]
"""

import re
import sys
from pathlib import Path

FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
CODE = re.compile(r"`[^`]*`")
TARGET = re.compile(r"\]\(([^)\s]*)\)")


def links(document: Path) -> list[str]:
    text = CODE.sub("", FENCE.sub("", document.read_text()))
    found = [target.partition("#")[0] for target in TARGET.findall(text)]
    return [path for path in found if path and not re.match("[a-z]+:", path)]


def main() -> None:
    directory, root = Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else sys.argv[1])
    seen, lost = 0, []
    for document in sorted(directory.rglob("*.md")):
        for target in links(document):
            seen += 1
            file = root / target[1:] if target.startswith("/") else document.parent / target
            if not file.exists():
                lost.append(f"{document.relative_to(directory)}: no file {target}")
    # README.md and docs/ alone have more.
    if seen < 60:
        lost.append(f"{directory} has {seen} links in its documents")
    if lost:
        sys.exit("\n".join(lost))


if __name__ == "__main__":
    main()
