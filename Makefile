# SPDX-License-Identifier: GPL-2.0-only
#
# openMosix: the kernel module, its tools, and what tests them.
#
#   make [KDIR=...]    the module for a kernel (default: the running one) and the tools
#   make install       module, tools and DKMS sources on this machine
#   make demo          three nodes on this machine, real programs that move between them
#   make test          everything that can be checked automatically
#   make bench         measurements
#   make soak          the long checks, under a kernel with KASAN and lockdep
#   make clean
#
# demo, test, bench and soak first install what is missing (scripts/bootstrap) and build the reference
# kernel once, outside the checkout (tests/kernel/build), unless KDIR=... names another one to test with.

# kbuild reads the file Kbuild beside this one.
SHELL := /bin/bash
GIVEN_KDIR := $(KDIR)
KDIR ?= /lib/modules/$(shell uname -r)/build
PREFIX ?= /usr/local
VERSION := 0.1.0

# The static tools run in a node's bare initramfs; they are a build of their own, or else cargo would
# rebuild everything each time the flags change.
STATIC_TARGET := x86_64-unknown-linux-gnu
STATIC_DIR := target/static
STATIC_BIN := $(STATIC_DIR)/$(STATIC_TARGET)/release
PROGRAMS := tests/programs/build
# Sources that the module is built from, for the copy that the debug kernel's module is built in.
MODULE_SOURCES := Kbuild omkmod omcore proc_hpc

.PHONY: all module module-debug kping tools static-tools programs install demo test bench soak clean \
	reference debug scenarios

all: module tools

# --------------------------------------------------------------------------------------------- the module

# $(call kbuild,KDIR,M): builds the module in M for the kernel in KDIR with the compilers that kernel was
# built with.
define kbuild
	@test -e $(1)/.config || { echo "no kernel build directory at $(1): install the kernel's headers, or name one with KDIR=..." >&2; exit 1; }
	@grep -q '^CONFIG_RUST=y' $(1)/.config || { echo "the kernel in $(1) has no Rust support (CONFIG_RUST); name another with KDIR=..., or see tests/kernel/build" >&2; exit 1; }
	@. scripts/toolchain.sh; \
	wanted=$$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT="\(.*\)"$$/\1/p' $(1)/.config); \
	is_wanted() { [[ "$$("$$1" --version 2>/dev/null)" == "$$wanted" ]]; }; \
	flags=(); \
	if is_wanted rustc; then :; \
	elif is_wanted "$$OM_RUSTC"; then flags+=(RUSTC="$$OM_RUSTC" HOSTRUSTC="$$OM_RUSTC"); \
	else echo "the kernel in $(1) was built with $$wanted, which is not here: install it, or set OM_RUSTC to its path" >&2; exit 1; fi; \
	if grep -q '^CONFIG_CC_IS_CLANG=y' $(1)/.config; then \
		major=$$(sed -n 's/^CONFIG_CLANG_VERSION=\([0-9]*\)[0-9]\{4\}$$/\1/p' $(1)/.config); \
		if command -v clang-$$major >/dev/null; then flags+=(LLVM=-$$major); else flags+=(LLVM=1); fi; \
	fi; \
	$(MAKE) -C $(1) M=$(2) "$${flags[@]}" modules
endef

module:
	$(call kbuild,$(KDIR),$(CURDIR))

# The debug kernel's module is built in a copy, so that the two never mix objects.
module-debug:
	@mkdir -p target/kmod-debug
	@rsync -a --delete --exclude=target --exclude='*.o' --exclude='*.ko' --exclude='*.mod*' --exclude='*.rmeta' --exclude='.*.cmd' \
		--exclude='*.cmd' --exclude='Module.symvers' --exclude='modules.order' --exclude='.*.d' $(MODULE_SOURCES) target/kmod-debug/
	$(call kbuild,$(KDIR_DEBUG),$(CURDIR)/target/kmod-debug)

# What `make bench` compares forwarded calls with.
kping:
	$(call kbuild,$(KDIR),$(CURDIR)/tests/programs/kping)

# ---------------------------------------------------------------------------------------------- the tools

tools: static-tools programs
	cargo build --release --workspace

static-tools:
	RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --target $(STATIC_TARGET) \
		--target-dir $(STATIC_DIR) -p cluster --bin node-agent
	@if [ -e omctl/Cargo.toml ]; then set -x; RUSTFLAGS='-C target-feature=+crt-static' cargo build --release \
		--target $(STATIC_TARGET) --target-dir $(STATIC_DIR) -p omctl; fi

programs:
	$(MAKE) -C tests/programs BUILD=$(CURDIR)/$(PROGRAMS)

# ------------------------------------------------------------------------------------------- installation

install: all
	$(MAKE) -C $(KDIR) M=$(CURDIR) INSTALL_MOD_PATH=$(DESTDIR) modules_install
	install -D -m 755 target/release/omctl $(DESTDIR)$(PREFIX)/sbin/omctl
	for name in mosctl migrate setpe mosrun; do ln -sf omctl $(DESTDIR)$(PREFIX)/sbin/$$name; done
	mkdir -p $(DESTDIR)/usr/src/openmosix-$(VERSION)
	rsync -a --exclude=target --exclude='*.o' --exclude='*.ko' --exclude='.*.cmd' $(MODULE_SOURCES) Makefile scripts LICENSE \
		$(DESTDIR)/usr/src/openmosix-$(VERSION)/
	printf '%s\n' 'PACKAGE_NAME="openmosix"' 'PACKAGE_VERSION="$(VERSION)"' 'MAKE[0]="make module KDIR=$$kernel_source_dir"' \
		'CLEAN="make clean-module"' 'BUILT_MODULE_NAME[0]="openmosix"' 'DEST_MODULE_LOCATION[0]="/updates/dkms"' \
		'AUTOINSTALL="yes"' > $(DESTDIR)/usr/src/openmosix-$(VERSION)/dkms.conf
	@[ -n "$(DESTDIR)" ] || depmod -a

# ------------------------------------------------------------------------------- what runs on test nodes

# Everything for the nodes; the kernel's directory is known only after it is built, hence the second make.
reference:
	scripts/bootstrap
	kdir='$(GIVEN_KDIR)'; [ -n "$$kdir" ] || kdir=$$(tests/kernel/build) && $(MAKE) all kping KDIR=$$kdir

debug:
	scripts/bootstrap --debug
	kdir=$$(tests/kernel/build --debug) && $(MAKE) module-debug KDIR_DEBUG=$$kdir

demo: reference
	target/release/demo

scenarios: reference
	target/release/scenarios

test: reference
	cargo test --workspace
	target/release/scenarios

bench: reference
	target/release/bench

soak: reference debug
	target/release/soak

# ----------------------------------------------------------------------------------------------- cleaning

.PHONY: clean-module
clean-module:
	find $(MODULE_SOURCES) \( -name '*.o' -o -name '*.rmeta' -o -name '*.rsi' -o -name '.*.cmd' -o -name '.*.d' \) -delete
	rm -f *.o *.ko *.mod *.mod.c .*.cmd Module.symvers modules.order
	if [ -d tests/programs/kping ]; then cd tests/programs/kping && rm -f *.o *.ko *.mod *.mod.c .*.cmd .*.o Module.symvers modules.order; fi

clean: clean-module
	cargo clean
	$(MAKE) -C tests/programs BUILD=$(CURDIR)/$(PROGRAMS) clean
