// SPDX-License-Identifier: GPL-2.0-only

//! Where the things are that a node boots: each can be named in the environment, else the place where the
//! project's `Makefile` puts it is taken.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{bail, Context, Result};

use crate::initramfs;

/// The target directory of the statically linked tools, below the project.
const STATIC_TOOLS: &str = "target/static/x86_64-unknown-linux-gnu/release";
/// The module built for the debug kernel, below the project.
const DEBUG_MODULE: &str = "target/kmod-debug/openmosix.ko";

/// Which kernel the nodes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kernel {
    #[default]
    Reference,
    /// With KASAN, lockdep and the like.
    Debug,
}

/// The project's directory.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap_or_else(|_| ".".into())
}

/// The kernel image: in `$KDIR`, else where `tests/kernel/build` puts it.
pub fn kernel_image(kind: Kernel) -> Result<PathBuf> {
    let image = kernel_directory(kind)?.join("arch/x86/boot/bzImage");
    if !image.exists() {
        let flag = if kind == Kernel::Debug { " --debug" } else { "" };
        bail!("no kernel at {}: run tests/kernel/build{flag}", image.display());
    }
    Ok(image)
}

fn kernel_directory(kind: Kernel) -> Result<PathBuf> {
    let variable = if kind == Kernel::Debug { "KDIR_DEBUG" } else { "KDIR" };
    if let Some(directory) = env::var_os(variable).filter(|value| !value.is_empty()) {
        return Ok(directory.into());
    }
    let script = project().join("tests/kernel/build");
    let mut command = Command::new(&script);
    command.arg("--print").stderr(Stdio::inherit());
    if kind == Kernel::Debug {
        command.arg("--debug");
    }
    let output = command.output().with_context(|| format!("cannot run {}", script.display()))?;
    if !output.status.success() {
        bail!("{} --print failed; or name the kernel's build directory in ${variable}", script.display());
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// What the nodes' initramfs is made of. The agent must be there; the rest is taken if it is.
pub fn contents(kind: Kernel) -> Result<initramfs::Contents> {
    let project = project();
    let module = if kind == Kernel::Debug { DEBUG_MODULE } else { "openmosix.ko" };
    let agent = place("OM_AGENT", &project, &format!("{STATIC_TOOLS}/node-agent"));
    let Some(agent) = agent else {
        bail!("no statically linked node-agent below {STATIC_TOOLS}: run `make tools`");
    };
    Ok(initramfs::Contents {
        agent,
        module: place("OM_MODULE", &project, module),
        tool: place("OM_OMCTL", &project, &format!("{STATIC_TOOLS}/omctl")),
        kping: place("OM_KPING", &project, "tests/programs/kping/kping.ko")
            .filter(|_| kind == Kernel::Reference),
        programs: place("OM_PROGRAMS", &project, "tests/programs/build"),
    })
}

/// The path in an environment variable, or one below the project; only if something is there.
fn place(variable: &str, project: &Path, relative: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).map_or_else(|| project.join(relative), PathBuf::from);
    path.exists().then_some(path)
}
