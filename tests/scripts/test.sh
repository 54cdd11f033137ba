#!/usr/bin/env bash
# Runs every test and closes with one line that counts them all.
set -u
web=ingest/server/web
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

if [ -d $web/node_modules ]; then
    (cd $web && npm test --silent) || failed=1
else
    echo "skipped: the page's own tests, for want of Node.js"
fi

# The scenarios start the programs as processes of their own.
cargo build --quiet --workspace --bins || exit 1
cargo test --workspace --no-fail-fast 2>&1 | tee "$log"
[ "${PIPESTATUS[0]}" = 0 ] || failed=1

sum() { sed -n "s/^test result: .* \([0-9]*\) $1;.*/\1/p" "$log" | awk '{ n += $1 } END { print n + 0 }'; }
skips=$(grep -c '^skipped: ' "$log")
bad=$(sum failed)
if [ "$failed" = 1 ] && [ "$bad" = 0 ]; then bad=1; fi
echo "$(sum passed) passed, $bad failed, $skips skipped"
[ "$bad" = 0 ]
