#!/usr/bin/env bash
# Sourced by .ci/run after .ci/install.sh: installs the servers of tests/corpus/ into a folder.

# Installs them into the folder $1. Nothing is done if it has these versions already.
install_corpus() {
    local into=$1 lists=tests/corpus list wanted
    command -v npm >/dev/null || install_packages npm
    python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
    wanted=$(cat "$lists"/* <(python3 --version) <(node --version) | sha256sum)
    if [ "$(cat "$into/installed" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    rm -rf "$into"
    for list in python python-bad; do
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
            --target "$into/$list" --requirement "$lists/$list.txt"
    done
    mkdir -p "$into/node"
    cp "$lists/package.json" "$lists/package-lock.json" "$into/node"
    npm ci --prefix "$into/node" --silent --ignore-scripts --omit=optional --omit=peer
    printf '%s\n' "$wanted" >"$into/installed"
}
