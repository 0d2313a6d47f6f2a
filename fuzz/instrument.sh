#!/bin/sh
# Runs the compiler, for cargo: without counting branches in any crate but those whose branches tell programs
# apart for the meter. The engine's own compiler has many more, and would hide them.
previous=
for argument; do
    [ "$previous" = --crate-name ] && crate=$argument
    previous=$argument
done
case ${crate-} in
meterbox_* | wasm_smith | wasmparser | any_* | two_implementations | untouchable | inference_calls) exec "$@" ;;
esac
for argument; do
    shift
    [ "$argument" = -Cpasses=sancov-module ] || set -- "$@" "$argument"
done
exec "$@"
