#!/usr/bin/env bash
# A compiler for wasm32-wasip2 on a Debian machine whose rustup cannot fetch that target.
#
#   wasm-sysroot.sh [CACHE_DIR]        CACHE_DIR: ${XDG_CACHE_HOME:-~/.cache}/tollgate
#
# Standard output: the environment a nested cargo needs, as NAME=VALUE lines (RUSTC, LD_LIBRARY_PATH,
# PATH), and WASM_SYSROOT, which names this making of it: what was compiled against one making of std
# does not link against another, and cargo does not notice. Standard error: what it does. Safe to run again and safe to run twice at once (a lock); what it
# makes appears by one rename, so an interrupted run leaves nothing that looks finished.
#
# Debian's rustc-web, libstd-rust-web-dev and rust-web-src are one release of the compiler and of the
# standard library's source. They are unpacked into the cache, not installed, so nothing on the system
# changes; std is built for the target once and laid into the unpacked sysroot beside Debian's wasi-libc.
# rust-lld and wasm-component-ld come from the active toolchain.
set -euo pipefail

target=wasm32-wasip2
mend="rustup target add $target"
keep_mb=2500 # what making it needs at its peak: packages, their contents, std's build

say() { printf 'wasm-sysroot: %s\n' "$*" >&2; }
give_up() { say "$*; instead run: $mend"; exit 1; }

[ "$(uname -sm)" = "Linux x86_64" ] || give_up "knows Linux on x86_64 alone"
for tool in apt-get apt-cache dpkg dpkg-deb flock; do
  command -v "$tool" >/dev/null || give_up "needs Debian's $tool"
done

# The outer cargo's settings are for the outer compiler.
for name in $(compgen -e); do
  case $name in
    RUSTFLAGS | RUSTC | RUSTC_* | RUSTDOC* | MAKEFLAGS | CARGO_ENCODED_* | CARGO_TARGET_* | CARGO_BUILD_* | CARGO_MAKEFLAGS | CARGO_PROFILE_*) unset "$name" ;;
  esac
done

active=$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-gnu/bin
for tool in rust-lld wasm-component-ld; do
  [ -x "$active/$tool" ] || give_up "the active toolchain has no $tool in $active"
done

# Debian keeps several releases; one older than the active toolchain may not build our guests.
candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *//p'; }
wanted=$(rustc --version | cut -d' ' -f2)
new_enough() { [ -n "$1" ] && [ "$1" != "(none)" ] && dpkg --compare-versions "$1" ge "${wanted%%-*}"; }
version=$(candidate rust-web-src)
if ! new_enough "$version"; then
  say "refreshing the package lists"
  apt-get update -qq >&2 || say "apt-get update failed (it needs root)"
  version=$(candidate rust-web-src)
  new_enough "$version" || give_up "Debian offers rust-web-src ${version:-nowhere}, needed is $wanted or newer"
fi

cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/tollgate}
made=$cache/wasm-sysroot-$(printf '%s' "$version" | tr -c 'A-Za-z0-9.' _)
mkdir -p "$cache"
exec 9>"$cache/wasm-sysroot.lock"
flock 9

if [ ! -f "$made/making" ]; then
  rm -rf "$made"
  free_mb=$(df -Pm "$cache" | awk 'NR == 2 {print $4}')
  [ "$free_mb" -ge "$keep_mb" ] || give_up "needs $keep_mb MB free in $cache, there are $free_mb"
  dependency() { apt-cache depends "$1" | awk -v name="$2" '$1 == "Depends:" && $2 ~ name {print $2; exit}'; }
  std=$(dependency libstd-rust-web-dev '^libstd-rust-web-[0-9]')
  llvm=$(dependency "${std:-libstd-rust-web-dev}" '^libllvm')
  [ -n "$std" ] && [ -n "$llvm" ] || give_up "cannot tell which std and LLVM packages rustc-web uses"

  # Of makings that were killed: under the lock there is no other.
  rm -rf "$cache"/wasm-sysroot-making.*
  work=$(mktemp -d "$cache/wasm-sysroot-making.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/packages" "$work/root" "$work/std/src"
  say "fetching Debian's rustc-web $version into $cache (about 145 MB, once)"
  (cd "$work/packages" && apt-get download -qq -o APT::Sandbox::User=root \
    rustc-web libstd-rust-web-dev "$std" rust-web-src "$llvm" wasi-libc >&2) || give_up "the packages could not be fetched"
  for package in "$work"/packages/*.deb; do dpkg-deb --extract "$package" "$work/root"; done

  say "building std for $target (one to two minutes, once)"
  lib=$work/root/usr/lib/rustlib/$target/lib
  mkdir -p "$lib/self-contained"
  cp "$work"/root/usr/lib/wasm32-wasi/{libc.a,crt1*.o} "$lib/self-contained/"
  printf '[package]\nname = "std-build"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n' >"$work/std/Cargo.toml"
  : >"$work/std/src/lib.rs"
  (
    cd "$work/std"
    RUSTC=$work/root/usr/bin/rustc LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu RUSTC_BOOTSTRAP=1 \
      RUSTFLAGS=-Cembed-bitcode=yes PATH=$active:$active/gcc-ld:$PATH \
      cargo build --release --quiet -Zbuild-std=std,panic_abort,test --target "$target" >&2
  ) || give_up "std did not build for $target"
  find "$work/std/target/$target/release/deps" -name '*.rlib' ! -name 'libstd_build-*' -exec cp {} "$lib/" \;
  rm -rf "$work"/root/usr/{src,share,lib/rustlib/src,bin/rustdoc}
  basename "$work" >"$work/root/making"
  mv "$work/root" "$made"
  say "made $made"
fi

printf 'WASM_SYSROOT=%s\nRUSTC=%s\nLD_LIBRARY_PATH=%s\nPATH=%s\n' "$(cat "$made/making")" \
  "$made/usr/bin/rustc" "$made/usr/lib/x86_64-linux-gnu" "$active:$active/gcc-ld:$PATH"
