#!/usr/bin/env python3
"""Leaves in a list of crates (SBOM, CycloneDX) those that are in the program, and names no path of this machine.

usage: sbom.py SOURCE TARGET <LIST >LIST

cargo-cyclonedx also lists crates that only a feature which is off would take: it reads `cargo metadata`, which does not
tell them apart. `cargo tree` does.
"""

import json
import subprocess
import sys


def main() -> None:
    match sys.argv[1:]:
        case [source, target]:
            text = sys.stdin.read().replace(f"path+file://{source}", "path+file:///usr/src/secretcat")
            listed = json.loads(text.replace("?download_url=file://.", ""))
            keep(listed, in_program(source, target))
            json.dump(listed, sys.stdout, indent=1)
            print()
        case _:
            sys.exit(__doc__)


def in_program(source: str, target: str) -> set[tuple[str, str]]:
    """Names and versions of the crates of the program."""
    command = ["cargo", "tree", "--locked", "--edges=normal", "--target", target, "--prefix=none", "--format={p}"]
    tree = subprocess.run(command, cwd=source, check=True, stdout=subprocess.PIPE, text=True).stdout
    lines = (line.split() for line in tree.splitlines() if line)
    return {(words[0], words[1].removeprefix("v")) for words in lines}


def keep(listed: dict, wanted: set[tuple[str, str]]) -> None:
    """Removes other components, and the mentions of them."""
    dropped = {crate["bom-ref"] for crate in listed["components"] if (crate["name"], crate["version"]) not in wanted}
    listed["components"] = [crate for crate in listed["components"] if crate["bom-ref"] not in dropped]
    listed["dependencies"] = [node for node in listed["dependencies"] if node["ref"] not in dropped]
    for node in listed["dependencies"]:
        if "dependsOn" in node:
            node["dependsOn"] = [other for other in node["dependsOn"] if other not in dropped]


if __name__ == "__main__":
    main()
