#!/usr/bin/env bash
# Builds the Debian package of a station for a Raspberry Pi (arm64), in target/debian, with the
# compilers of tests/scripts/pi.sh. What is missing is named, with the one command that installs it.
set -eu
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
triple=aarch64-unknown-linux-gnu
# The release that this script is written for.
cargo_deb=3.8.0

# rustup's own target if it is there, else Debian's compiler with its arm64 library.
compiler() {
    if [ -d "$(rustc --print sysroot)/lib/rustlib/$triple/lib" ]; then
        command -v rustc
    elif [ -x /usr/bin/rustc ] && [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/$triple/lib" ]; then
        echo /usr/bin/rustc
    fi
}

missing=0
need() {
    echo "missing: $1" >&2
    echo "  install it with: $2" >&2
    missing=1
}
command -v dpkg-deb >/dev/null || need "dpkg-deb" "sudo apt install dpkg"
command -v aarch64-linux-gnu-gcc >/dev/null || need "a linker for arm64" "tests/scripts/pi.sh install"
[ -n "$(compiler)" ] || need "a Rust compiler for arm64" "tests/scripts/pi.sh install"
command -v cargo-deb >/dev/null || need "cargo-deb" "cargo install cargo-deb --version $cargo_deb --locked"
[ $missing = 0 ] || exit 1

echo "building tram-edge for $triple …"
# Without what only a debugger reads: the card is small.
CARGO_PROFILE_RELEASE_STRIP=debuginfo RUSTC=$(compiler) CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    cargo build --quiet --release -p tram-edge --target $triple
echo "packing …"
mkdir -p "$target/debian"
package=$(cargo deb --quiet -p tram-edge --target $triple --no-build --no-strip \
    --multiarch none --output "$target/debian/")
echo "the package: ${package:-$target/debian}"
dpkg-deb --info "${package:-$(ls -t "$target"/debian/*.deb | head -n 1)}"
