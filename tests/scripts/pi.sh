#!/usr/bin/env bash
# Builds the station program for the Raspberry Pi, and with Debian's own arm64 kernel and busybox
# the initramfs of an emulated one, in target/pi. Prints each missing piece with the one command
# that installs it; `pi.sh install` runs those commands.
set -eu
cd "$(dirname "$0")/../.."
PATH=$PATH:/sbin:/usr/sbin
target=${CARGO_TARGET_DIR:-target}
out=$target/pi
triple=aarch64-unknown-linux-gnu
mkdir -p "$out"

# Before release 9, QEMU's Raspberry Pi has no I2C.
qemu_fits() {
    local major
    major=$(qemu-system-aarch64 --version 2>/dev/null | sed -n '1s/.*version \([0-9]*\).*/\1/p')
    [ "${major:-0}" -ge 9 ]
}

# rustup's own target if it is there, else Debian's compiler with its arm64 library.
compiler() {
    if [ -d "$(rustc --print sysroot)/lib/rustlib/$triple/lib" ]; then
        command -v rustc
    elif [ -x /usr/bin/rustc ] && [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/$triple/lib" ]; then
        echo /usr/bin/rustc
    fi
}

root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

install() {
    export DEBIAN_FRONTEND=noninteractive
    local packages=(cpio e2fsprogs kmod xz-utils gcc-aarch64-linux-gnu libc6-arm64-cross libc6-dev-arm64-cross)
    dpkg --print-foreign-architectures | grep -qx arm64 || root dpkg --add-architecture arm64
    root apt-get update -q
    if [ -z "$(compiler)" ]; then
        # Debian keeps a second, newer compiler for its browsers in releases whose own is old.
        local rust=rustc std=libstd-rust-dev
        if apt-cache show rustc-web >/dev/null 2>&1; then rust=rustc-web std=libstd-rust-web-dev; fi
        packages+=("$rust" "$std:arm64")
    fi
    root apt-get install -y -q --no-install-recommends "${packages[@]}"
    if ! qemu_fits; then
        local have
        have=$(apt-cache policy qemu-system-arm | sed -n 's/ *Candidate: \(1:\)\?\([0-9]*\).*/\2/p')
        if [ "${have:-0}" -lt 9 ]; then
            # The same mirror's backports.
            local release site
            release=$(. /etc/os-release && echo "$VERSION_CODENAME")
            site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $release" | head -n 1)
            printf 'Types: deb\nURIs: %s\nSuites: %s-backports\nComponents: main\nSigned-By: %s\n' "$site" \
                "$release" /usr/share/keyrings/debian-archive-keyring.gpg |
                root tee /etc/apt/sources.list.d/backports.sources >/dev/null
            root apt-get update -q
            root apt-get install -y -q --no-install-recommends -t "$release-backports" qemu-system-arm
        else
            root apt-get install -y -q --no-install-recommends qemu-system-arm
        fi
    fi
}

missing() {
    local absent=()
    qemu_fits || absent+=("QEMU 9 or later for ARM")
    [ -n "$(compiler)" ] || absent+=("a Rust compiler for $triple")
    command -v aarch64-linux-gnu-gcc >/dev/null || absent+=("aarch64-linux-gnu-gcc")
    [ -f /usr/aarch64-linux-gnu/include/stdio.h ] || absent+=("the C library's headers for arm64")
    command -v cpio >/dev/null || absent+=("cpio")
    command -v depmod >/dev/null || absent+=("depmod")
    command -v mke2fs >/dev/null || absent+=("mke2fs")
    dpkg --print-foreign-architectures | grep -qx arm64 || absent+=("Debian's arm64 package lists")
    [ ${#absent[@]} = 0 ] && return 1
    printf 'missing: %s\n' "${absent[@]}" >&2
    return 0
}

if [ "${1:-}" = install ]; then
    if missing 2>/dev/null; then install; fi
    exit 0
fi
if missing; then
    echo "Install all of it with: tests/scripts/pi.sh install" >&2
    exit 1
fi

if [ ! -f "$out/vmlinuz" ]; then
    echo "fetching Debian's kernel and busybox for arm64 …"
    work=$(mktemp -d)
    chmod 755 "$work"
    trap 'rm -rf "$work"' EXIT
    kernel=$(apt-cache depends linux-image-arm64:arm64 | sed -n 's/.*Depends: \(linux-image-6[^ ]*\)/\1/p' | tail -n 1)
    (cd "$work" && apt-get download -q "$kernel" busybox-static:arm64 2>/dev/null)
    for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
    rm -rf "$out/modules" && mkdir -p "$out/modules"
    : >"$out/modules/order"
    # What the station needs, each after what it depends on itself.
    release=$(ls "$work/root/lib/modules")
    depmod -b "$work/root" "$release"
    modprobe -d "$work/root" -S "$release" --show-depends -a i2c-dev i2c-bcm2835 dwc2 cdc_ether rndis_host \
        bcm2835_wdt sdhci-iproc bcm2835 crc32c_generic ext4 |
        sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' |
        while read -r file; do
            name=$(basename "${file%%.ko*}")
            case $file in
                *.xz) xz -dc "$file" >"$out/modules/$name.ko" ;;
                *) cp "$file" "$out/modules/$name.ko" ;;
            esac
            echo "$name" >>"$out/modules/order"
        done
    cp "$(find "$work/root" -path "*/bin/busybox" -type f | head -n 1)" "$out/busybox"
    cp "$(find "$work/root" -name bcm2837-rpi-3-b.dtb | head -n 1)" "$out/board.dtb"
    # Last: with it, everything else is there.
    cp "$work"/root/boot/vmlinuz-* "$out/vmlinuz"
fi

echo "building tram-edge for $triple …"
RUSTC=$(compiler) CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    cargo build --quiet -p tram-edge --target $triple

# Everything but the station's configuration, which each run adds as a second archive.
image=$out/image
rm -rf "$image" && mkdir -p "$image"/{bin,lib,modules,proc,sys,dev,etc,tmp}
cp "$out/busybox" "$image/bin/busybox"
cp tests/pi/init "$image/init" && chmod 755 "$image/init" "$image/bin/busybox"
cp "$out"/modules/* "$image/modules/"
aarch64-linux-gnu-strip -o "$image/bin/tram-edge" "$target/$triple/debug/tram-edge"
for library in ld-linux-aarch64.so.1 libc.so.6 libm.so.6 libgcc_s.so.1; do
    cp "/usr/aarch64-linux-gnu/lib/$library" "$image/lib/$library"
done
(cd "$image" && find . | cpio -o -H newc --quiet) | gzip -1 >"$out/initrd.gz"
echo "the emulated Raspberry Pi is in $out"
