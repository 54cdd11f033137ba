#!/usr/bin/env bash
# Builds the web page when its sources are newer than the build.
set -eu
cd ingest/server/web
if ! command -v npm >/dev/null 2>&1; then
    echo "Node.js is missing, so the centre will run without its page. Install it with: sudo apt install nodejs npm" >&2
    exit 0
fi
major=$(node --version | sed -E 's/^v([0-9]+).*/\1/')
if [ "$major" -lt 20 ]; then
    echo "Node.js $major is too old for the page; 20 is needed. Install it with: sudo apt install nodejs npm (Debian 13), or from NodeSource" >&2
    exit 0
fi
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    echo "installing what the page is built from …"
    npm ci --no-audit --no-fund --silent
    touch node_modules/.package-lock.json
fi
if [ ! -e dist/index.html ] || [ -n "$(find . \( -name node_modules -o -name dist \) -prune -o -type f -newer dist/index.html -print -quit)" ]; then
    echo "building the page …"
    npm run --silent build
fi
