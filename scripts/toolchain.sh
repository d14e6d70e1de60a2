# Sourced by the build scripts: where the pinned tools are. Override any of these in the environment.
: "${OM_CACHE:=/var/cache/openmosix}"
: "${OM_RUSTC:=/usr/bin/rustc}"
: "${OM_RUST_LIB_SRC:=/usr/src/rustc-1.85.0/library}"
: "${OM_KERNEL_SOURCE_PACKAGE:=linux-source-6.12}"
: "${OM_KERNEL_SOURCE:=/usr/src/linux-source-6.12.tar.xz}"
: "${LIBCLANG_PATH:=/usr/lib/llvm-19/lib}"
OM_RUST_WEB_VERSION=1.85.0+dfsg3-1~deb12u3
OM_BINDGEN_VERSION=0.71.1
PATH=$OM_CACHE/tools/bin:$PATH
export OM_CACHE OM_RUSTC OM_RUST_LIB_SRC LIBCLANG_PATH PATH
