#!/usr/bin/env bash
# Runs each fuzz target of tests/fuzz for some seconds. Needs a C++ compiler for libFuzzer and
# nothing else: the coverage instrumentation is asked of rustc directly.
set -eu
seconds=$1
command -v c++ >/dev/null 2>&1 || { echo "missing: c++ (compiles libFuzzer). Install it with: sudo apt install g++" >&2; exit 1; }
cd tests/fuzz
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions=on"
target=$(rustc -vV | sed -n 's/^host: //p')
cargo build --quiet --release --target "$target"
for source in targets/*.rs; do
    name=$(basename "$source" .rs)
    mkdir -p "corpus/$name" artifacts
    echo "fuzzing $name for $seconds s …"
    "target/$target/release/$name" "corpus/$name" -max_total_time="$seconds" -max_len=70000 -rss_limit_mb=512 -artifact_prefix=artifacts/ -verbosity=0 -print_final_stats=1 2>&1 |
        grep -E "number_of_executed_units|ERROR|SUMMARY|panicked" || true
    if compgen -G "artifacts/*" >/dev/null; then
        echo "$name: found an input that breaks it; see tests/fuzz/artifacts/" >&2
        exit 1
    fi
done
echo "no target found anything"
