#!/usr/bin/env bash
# Says what is missing on this machine, and the one command that installs it.
set -eu
missing=0
need() { # command, what it is for, how to install it
    if ! command -v "$1" >/dev/null 2>&1; then
        echo "missing: $1 ($2). Install it with: $3" >&2
        missing=1
    fi
}
need cargo "builds everything" "sudo apt install rustup && rustup default stable"
need cc "compiles SQLite" "sudo apt install gcc libc6-dev"
[ "$missing" = 0 ] || exit 1

wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
have=$(rustc --version | cut -d' ' -f2)
if [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n1)" != "$wanted" ]; then
    echo "Rust $have is too old; $wanted is needed. Install it with: rustup update stable" >&2
    exit 1
fi
