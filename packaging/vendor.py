#!/usr/bin/env python3
"""Vendors what a build on Linux takes, for a source package that is built without a network.

usage: vendor.py SOURCE        crates go to SOURCE/vendor
       vendor.py --copyright SOURCE    stanzas for debian/copyright on stdout
       vendor.py --rpm SOURCE    the licence and the crates of the program, as tags of RPM, on stdout

Crates that only the tests or other systems take are put down to their manifests: the resolver wants
every crate that Cargo.lock names, and reads nothing else of them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

# What Debian and others run Rust on; what a crate takes hardly differs among them.
TARGETS = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "armv7-unknown-linux-gnueabihf",
    "i686-unknown-linux-gnu",
    "powerpc64le-unknown-linux-gnu",
    "riscv64gc-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
]
# Sections of a manifest that the resolver reads.
WANTED = re.compile(r"^\[(package\]|features\]|lib\]|.*dependencies(\.|\]))")
PACKAGE = re.compile(r"^(name|version|edition|rust-version|resolver|autolib) = ")
LIB = re.compile(r"^(name|path|proc-macro|crate-type) = ")


def main() -> None:
    match sys.argv[1:]:
        case ["--copyright", source]:
            sys.stdout.write(copyright_stanzas(Path(source)))
        case ["--rpm", source]:
            sys.stdout.write(rpm_tags(Path(source)))
        case [source]:
            vendor(Path(source))
        case _:
            sys.exit(__doc__)


def vendor(source: Path) -> None:
    cargo(source, "vendor", "--quiet", "--locked", "--versioned-dirs", "vendor")
    wanted = needed(source)
    unknown = [name for name in sorted(wanted) if not (source / "vendor" / name).is_dir()]
    if unknown:
        sys.exit(f"vendor.py: not vendored: {unknown}")
    for crate in sorted((source / "vendor").iterdir()):
        if crate.name not in wanted:
            reduce(crate)
        else:
            remove_objects(crate)


def needed(source: Path) -> set[str]:
    """Directory names of the crates that a build takes."""
    crates = (line.split() for line in tree(source, "normal,build", "{p}"))
    return {f"{words[0]}-{words[1].removeprefix('v')}" for words in crates} - {root_name(source)}


def tree(source: Path, edges: str, form: str) -> list[str]:
    """A line of this form for each crate that is reached over these edges, on any of the targets."""
    targets = [word for target in TARGETS for word in ("--target", target)]
    printed = cargo(source, "tree", "--locked", f"--edges={edges}", "--prefix=none", f"--format={form}", *targets)
    return [line.removesuffix(" (*)") for line in printed.splitlines() if line]


def rpm_tags(source: Path) -> str:
    """License: an SPDX expression of all that is linked into the program. Provides: the crates that are."""
    names, licences = set(), set()
    for line in tree(source, "normal,no-proc-macro", "{p}\t{l}"):
        crate, expression = line.split("\t")
        name, version = crate.split()[:2]
        if name != "secretcat":
            names.add((name, version.removeprefix("v")))
        licences.add(expression.replace("/", " OR "))
    terms = set()
    for expression in licences:
        for part in re.split(r" AND (?![^(]*\))", expression):
            # The same alternatives in another order are the same licence. One with an exception adds no choice.
            terms.add(tuple(sorted(name for name in part.strip("() ").split(" OR ") if " WITH " not in name)))
    shown = [" OR ".join(term) if len(term) == 1 else f"({' OR '.join(term)})" for term in sorted(terms)]
    provides = "".join(f"Provides:       bundled(crate({name})) = {version}\n" for name, version in sorted(names))
    return f"License:        {' AND '.join(shown)}\n{provides}"


def root_name(source: Path) -> str:
    metadata = json.loads(cargo(source, "metadata", "--locked", "--no-deps", "--format-version=1"))
    return "{name}-{version}".format(**metadata["packages"][0])


def reduce(crate: Path) -> None:
    """Leaves of a crate a manifest with its name, features and dependencies, and an empty library."""
    kept, library = [], "src/lib.rs"
    keeping, only = False, None
    for line in (crate / "Cargo.toml").read_text().splitlines():
        if line.startswith("["):
            keeping = bool(WANTED.match(line))
            only = {"[package]": PACKAGE, "[lib]": LIB}.get(line)
            if keeping:
                kept += ["", line]
        elif keeping and (only is None or only.match(line)):
            kept.append(line)
            if only is LIB and line.startswith("path = "):
                library = line.split('"')[1]
    package = json.loads((crate / ".cargo-checksum.json").read_text())["package"]
    shutil.rmtree(crate)
    (crate / library).parent.mkdir(parents=True)
    (crate / library).write_text("")
    (crate / "Cargo.toml").write_text("\n".join(kept).strip() + "\n")
    (crate / ".cargo-checksum.json").write_text(json.dumps({"files": {}, "package": package}) + "\n")


def remove_objects(crate: Path) -> None:
    """Removes objects that were assembled before: ring has some for Windows. A source package has sources only."""
    checksum = crate / ".cargo-checksum.json"
    listed = json.loads(checksum.read_text())
    objects = [name for name in listed["files"] if name.endswith((".o", ".obj", ".a", ".lib"))]
    for name in objects:
        (crate / name).unlink()
        del listed["files"][name]
    if objects:
        checksum.write_text(json.dumps(listed) + "\n")


def copyright_stanzas(source: Path) -> str:
    wanted, text = needed(source), ""
    for name in sorted(wanted):
        crate = source / "vendor" / name
        holders = "\n           ".join(copyright_holders(crate))
        text += f"Files: vendor/{name}/*\nCopyright: {holders}\nLicense: {licence(crate)}\n\n"
    return text


def copyright_holders(crate: Path) -> list[str]:
    """From the notices in its licence files, or else from its manifest."""
    found = []
    for path in sorted(crate.iterdir()):
        if re.match(r"(?i)(licen[cs]e|copying|copyright|notice)", path.name) and path.is_file():
            for line in path.read_text(errors="replace").splitlines():
                notice = re.match(r"(?:Portions of .*|\s*)Copyright +(?:\([cC]\) *|© *)?([^\[{]*\w[^\[{]*)$", line)
                if notice and re.match(r"\d{4}|[A-Z]", notice[1]) and notice[1].strip() not in found:
                    found.append(notice[1].strip())
    if not found:
        authors = manifest_value(crate, r"authors = \[(.*?)\]")
        found = re.findall(r'"([^"]+)"', authors) if authors else [f"the authors of {crate.name}"]
    return found


def licence(crate: Path) -> str:
    """The SPDX expression of its manifest in Debian's words."""
    expression = manifest_value(crate, r'license = "([^"]*)"')
    if not expression:
        sys.exit(f"vendor.py: {crate.name} names no licence")
    parts = [alternatives(part.strip("() ")) for part in expression.split(" AND ")]
    return ", and ".join(parts)


def alternatives(expression: str) -> str:
    # One that adds an exception to another alternative adds nothing to the choice.
    names = [name for name in re.split(r" OR |/", expression) if " WITH " not in name]
    return " or ".join("Expat" if name == "MIT" else name for name in names)


def manifest_value(crate: Path, pattern: str) -> str | None:
    found = re.search(rf"^{pattern}", (crate / "Cargo.toml").read_text(), re.M | re.S)
    return found[1] if found else None


def cargo(source: Path, *words: str) -> str:
    run = subprocess.run(["cargo", *words], cwd=source, stdout=subprocess.PIPE, text=True, env=os.environ)
    if run.returncode != 0:
        sys.exit(f"vendor.py: cargo {words[0]} failed")
    return run.stdout


if __name__ == "__main__":
    main()
