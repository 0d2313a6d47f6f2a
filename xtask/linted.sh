#!/usr/bin/env bash
# Runs the compiler, for cargo, on a crate of the workspace, and then has Clippy look at the crate. Dependencies are
# compiled once for both. Clippy could compile as well, but leaves out the checks of pointers that tests run with.
# (Not every shell hands on variables such as CARGO_BIN_EXE_meterbox-worker, whose names have hyphens.)
set -euo pipefail
if [[ " $* " != *" --emit="* ]]; then
    # It is only asked about itself.
    exec "$@"
fi
# What the compiler warns of, Clippy does too.
"$@" --cap-lints allow
if ! command -v clippy-driver >/dev/null; then
    echo "error: Clippy is not installed: \`rustup component add clippy\`" >&2
    exit 1
fi
made=$(mktemp -d)
trap 'rm -r "$made"' EXIT
arguments=()
for argument; do
    case $argument in
    # With the files that lints depend on, such as clippy.toml, in the place of those of the compiler alone.
    --emit=*) argument=--emit=dep-info,metadata=$made/metadata ;;
    # What is made here is not to be taken for what the compiler made.
    --json=*) argument=--json=diagnostic-rendered-ansi ;;
    incremental=*) argument=debuginfo=0 ;;
    esac
    arguments+=("$argument")
done
clippy-driver "${arguments[@]}"
