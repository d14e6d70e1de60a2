# SPDX-License-Identifier: GPL-2.0-only
#
# openMosix: the kernel module, its tools, and what tests them.
#
#   make [KDIR=...]    the module for a kernel (default: the running one), and omctl
#   make install       puts what `make` built on this machine, with man pages, completions, documents and sources for
#                      DKMS; DESTDIR=... puts all of it below another directory and touches nothing else
#   make uninstall     takes that away again
#   make demo          three nodes on this machine, real programs that move between them
#   make test          everything that can be checked automatically
#   make semantics     what processes do, feature by feature, at home and away; writes docs/semantics.md
#   make bench         measurements: what being away costs, what balancing brings; figures also in target/bench
#   make stress        the stress test: many programs at once, moved all the time; report also in target/stress
#   make soak          the long checks, under a kernel with KASAN and lockdep
#   make clean
#
# demo, test, semantics, bench, stress and soak first install what is missing (scripts/bootstrap) and build the reference
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

.PHONY: all module module-debug kping omctl tools static-tools programs demo test bench stress soak clean \
	reference debug scenarios semantics install install-module install-tools install-dkms built uninstall

all: module omctl

# --------------------------------------------------------------------------------------------- the module

# What kbuild leaves behind.
OBJECTS := '*.o' '*.ko' '*.mod' '*.mod.c' '*.rmeta' '*.rsi' '.*.cmd' '.*.d' Module.symvers modules.order

# $(call no_objects,M): takes it away.
no_objects = (cd $(1) && set -f && names=($(patsubst %,-o -name %,$(OBJECTS))) && \
	find . -maxdepth 1 -type f \( "$${names[@]:1}" \) -delete && rm -f .built-for && \
	for dir in $(MODULE_SOURCES); do \
		if [ -d $$dir ]; then find $$dir -type f \( "$${names[@]:1}" \) -delete; fi; \
	done)

# $(call kbuild,KDIR,M): builds the module in M for the kernel in KDIR with the compilers that kernel was
# built with. Objects that were built for another kernel, or in another directory, are taken away first: kbuild
# would believe them.
define kbuild
	@test -e $(1)/include/config/auto.conf || { echo "no kernel build directory at $(1): name one with KDIR=... (docs/admin.md)" >&2; exit 1; }
	@grep -q '^CONFIG_RUST=y' $(1)/include/config/auto.conf || { echo "the kernel in $(1) has no Rust support (CONFIG_RUST); name another with KDIR=..., or see docs/admin.md" >&2; exit 1; }
	@test -e $(1)/rust/libkernel.rmeta || { echo "$(1) lacks what modules in Rust need: copy rust/*.rmeta and rust/*.so to its rust/ from where the kernel was built (docs/admin.md)" >&2; exit 1; }
	@. scripts/toolchain.sh; \
	wanted=$$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT=//p' $(1)/include/config/auto.conf | tr -d '"'); \
	is_wanted() { [[ "$$("$$1" --version 2>/dev/null)" == "$$wanted" ]]; }; \
	flags=(); \
	if is_wanted rustc; then :; \
	elif is_wanted "$$OM_RUSTC"; then flags+=(RUSTC="$$OM_RUSTC" HOSTRUSTC="$$OM_RUSTC"); \
	else echo "the kernel in $(1) was built with $$wanted, which is not here: install it, or set OM_RUSTC to its path" >&2; exit 1; fi; \
	if grep -q '^CONFIG_CC_IS_CLANG=y' $(1)/include/config/auto.conf; then \
		major=$$(sed -n 's/^CONFIG_CLANG_VERSION=\([0-9]*\)[0-9]\{4\}$$/\1/p' $(1)/include/config/auto.conf); \
		if command -v clang-$$major >/dev/null; then flags+=(LLVM=-$$major); else flags+=(LLVM=1); fi; \
	fi; \
	this="$$(realpath $(1)) $(2)"; \
	[ "$$(cat $(2)/.built-for 2>/dev/null)" = "$$this" ] || $(call no_objects,$(2)); \
	echo "$$this" > $(2)/.built-for; \
	$(MAKE) -C $(1) M=$(2) "$${flags[@]}" modules
endef

module:
	$(call kbuild,$(KDIR),$(CURDIR))

# The debug kernel's module is built in a copy, so that the two never mix objects.
module-debug:
	@mkdir -p target/kmod-debug
	@rsync -a --delete --exclude=target $(OBJECTS:%=--exclude=%) $(MODULE_SOURCES) target/kmod-debug/
	$(call kbuild,$(KDIR_DEBUG),$(CURDIR)/target/kmod-debug)

# What `make bench` compares forwarded calls with.
kping:
	$(call kbuild,$(KDIR),$(CURDIR)/tests/programs/kping)

# ---------------------------------------------------------------------------------------------- the tools

omctl:
	cargo build --release -p omctl

# Everything, also what only the test cluster needs.
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

# DESTDIR=... is for packages, and for carrying it to nodes that have no compilers.
STAGE := $(if $(DESTDIR),$(abspath $(DESTDIR)))
BIN := $(STAGE)$(PREFIX)/bin
SHARE := $(STAGE)$(PREFIX)/share
DOCUMENTS := $(SHARE)/doc/openmosix
DKMS_SOURCES := $(STAGE)/usr/src/openmosix-$(VERSION)
BASH_COMPLETIONS := $(SHARE)/bash-completion/completions
ZSH_COMPLETIONS := $(SHARE)/zsh/site-functions
FISH_COMPLETIONS := $(SHARE)/fish/vendor_completions.d
# The names of the old tools that omctl answers to; a test of omctl compares this list with its own.
OLD_NAMES := setpe mosctl migrate mosrun mps mtop mosmon runon omrunon runhome nunhome nomig cpujob cputjob iojob fastdecay slowdecay nodecay omsh tune showmap omdiscd
# Made from systemd/*.in.
UNITS := openmosix.service openmosix-discovery.service
UNIT_DIR := $(STAGE)/lib/systemd/system
KERNEL_RELEASE = $(shell cat $(KDIR)/include/config/kernel.release 2>/dev/null || uname -r)
# An ordinary user's search path may lack these.
SBIN := PATH=$$PATH:/usr/sbin:/sbin
# What is installed can be read by all, whatever the habits of whoever installs.
TIDY := set -e -o pipefail; umask 022;

install: install-module install-tools install-dkms

# Nothing is built here: root may have other compilers than whoever ran make, or none.
built:
	@[ -e openmosix.ko ] && [ -x target/release/omctl ] || { echo "nothing to install yet: run make first" >&2; exit 1; }
	@[ -e $(KDIR)/include/config/auto.conf ] || { echo "no kernel build directory at $(KDIR): name the one that make was run with, by KDIR=..." >&2; exit 1; }
	@release=$$($(SBIN) modinfo -F vermagic openmosix.ko | cut -d' ' -f1); [ "$$release" = "$(KERNEL_RELEASE)" ] || \
		{ echo "openmosix.ko is for kernel $$release, not $(KERNEL_RELEASE): run make and make install with the same KDIR=..." >&2; exit 1; }

install-module: built
	$(MAKE) -C $(KDIR) M=$(CURDIR) INSTALL_MOD_PATH=$(STAGE) INSTALL_MOD_DIR=updates DEPMOD=true modules_install
	@ls $(STAGE)/lib/modules/$(KERNEL_RELEASE)/updates/openmosix.ko* || { echo "kbuild did not install the module: run make first" >&2; exit 1; }
	$(if $(STAGE),,$(SBIN) depmod -a $(KERNEL_RELEASE))

# A link is not made where something else has that name.
install-tools: built
	$(TIDY) install -D -m 755 target/release/omctl $(BIN)/omctl
	@for name in $(OLD_NAMES); do link=$(BIN)/$$name; \
		if [ "$$(readlink $$link)" = omctl ] || [ ! -e $$link -a ! -L $$link ]; then ln -sf omctl $$link; \
		else echo "$$link is something else and stays as it is; omctl does the same under its own name" >&2; fi; done
	$(TIDY) target/release/omctl man --dir $(SHARE)/man/man1
	$(TIDY) mkdir -p $(BASH_COMPLETIONS) $(ZSH_COMPLETIONS) $(FISH_COMPLETIONS); \
		complete() { target/release/omctl completions bash $$2 > $(BASH_COMPLETIONS)/$$1; \
			target/release/omctl completions zsh $$2 > $(ZSH_COMPLETIONS)/_$$1; \
			target/release/omctl completions fish $$2 > $(FISH_COMPLETIONS)/$$1.fish; }; \
		complete omctl; \
		for name in $(OLD_NAMES); do if [ "$$(readlink $(BIN)/$$name)" = omctl ]; then complete $$name $$name; fi; done
	$(TIDY) mkdir -p $(UNIT_DIR); for unit in $(UNITS); do \
		sed 's|@BIN@|$(PREFIX)/bin|' systemd/$$unit.in > $(UNIT_DIR)/$$unit; done
	$(TIDY) install -D -m 644 -t $(DOCUMENTS) README.md LICENSE docs/openmosix.map.example; \
		install -D -m 644 -t $(DOCUMENTS)/docs docs/*.md

# What `make module` needs, and nothing else.
install-dkms: built
	rm -rf $(DKMS_SOURCES)
	$(TIDY) mkdir -p $(DKMS_SOURCES); \
		tar -c $(OBJECTS:%=--exclude=%) --exclude=omcore/fuzz --exclude=omcore/tests --exclude=omcore/examples \
			--exclude=proc_hpc/tests $(MODULE_SOURCES) Makefile scripts LICENSE | \
		tar -x --no-same-owner --no-same-permissions -C $(DKMS_SOURCES); \
		sed 's/@VERSION@/$(VERSION)/' scripts/dkms.conf.in > $(DKMS_SOURCES)/dkms.conf

# The module of the kernel in KDIR (default: the running one), and everything else. The map and the key stay.
uninstall:
	@[ -n "$(STAGE)" ] || ! command -v dkms >/dev/null || [ -z "$$(dkms status -m openmosix -v $(VERSION))" ] || \
		{ set -x; dkms remove -m openmosix -v $(VERSION) --all; }
	rm -f $(STAGE)/lib/modules/$(KERNEL_RELEASE)/updates/openmosix.ko{,.gz,.xz,.zst}
	$(if $(STAGE),,[ ! -d /lib/modules/$(KERNEL_RELEASE) ] || $(SBIN) depmod -a $(KERNEL_RELEASE))
	@for name in $(OLD_NAMES); do link=$(BIN)/$$name page=$(SHARE)/man/man1/$$name.1; \
		[ "$$(readlink $$link)" != omctl ] || rm -fv $$link $(BASH_COMPLETIONS)/$$name $(ZSH_COMPLETIONS)/_$$name \
			$(FISH_COMPLETIONS)/$$name.fish; \
		! grep -qs '^\.so man1/omctl-' $$page || rm -v $$page; done
	rm -f $(BIN)/omctl $(SHARE)/man/man1/omctl.1 $(SHARE)/man/man1/omctl-*.1
	rm -f $(BASH_COMPLETIONS)/omctl $(ZSH_COMPLETIONS)/_omctl $(FISH_COMPLETIONS)/omctl.fish
	rm -f $(UNITS:%=$(UNIT_DIR)/%)
	rm -rf $(DOCUMENTS) $(DKMS_SOURCES)
	@[ -n "$(STAGE)" ] || [ ! -d /sys/module/openmosix ] || \
		echo "the module is still loaded: omctl is gone, so leave with: echo off > /proc/hpc/admin/config; rmmod openmosix"

# ------------------------------------------------------------------------------- what runs on test nodes

# Everything for the nodes; the kernel's directory is known only after it is built, hence the second make.
reference:
	scripts/bootstrap
	kdir='$(GIVEN_KDIR)'; [ -n "$$kdir" ] || kdir=$$(tests/kernel/build) && $(MAKE) module tools kping KDIR=$$kdir

debug:
	scripts/bootstrap --debug
	kdir=$$(tests/kernel/build --debug) && $(MAKE) module-debug KDIR_DEBUG=$$kdir

demo: reference
	target/release/demo

scenarios: reference
	target/release/scenarios

# To run the fuzz targets needs a nightly compiler, to see that they fit the code does not: the library is not linked.
test: reference
	cargo test --workspace
	CUSTOM_LIBFUZZER_PATH=/lib/libnone.a cargo check --manifest-path omcore/fuzz/Cargo.toml --target-dir target/fuzz
	target/release/scenarios

semantics: reference
	target/release/semantics --write-docs

bench: reference
	target/release/bench

# STRESS=--quick takes minutes, STRESS='--minutes 60' an hour.
stress: reference
	target/release/stress $(STRESS)

soak: reference debug
	target/release/soak

# ----------------------------------------------------------------------------------------------- cleaning

.PHONY: clean-module
clean-module:
	@$(call no_objects,.)
	@if [ -d tests/programs/kping ]; then $(call no_objects,tests/programs/kping); fi

clean: clean-module
	cargo clean
	$(MAKE) -C tests/programs BUILD=$(CURDIR)/$(PROGRAMS) clean
