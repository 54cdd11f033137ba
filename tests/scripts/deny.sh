#!/usr/bin/env bash
# Licences, bans and sources with cargo deny; advisories too where their database can be reached.
set -eu
if ! command -v cargo-deny >/dev/null 2>&1; then
    echo "skipped: cargo deny is not installed. Install it with: cargo install --locked cargo-deny"
    exit 0
fi
cargo deny --log-level error check licenses bans sources
if cargo deny --log-level off fetch db >/dev/null 2>&1; then
    cargo deny --log-level error check advisories
else
    echo "skipped: the advisory database cannot be reached from here; licences, bans and sources are checked"
fi
