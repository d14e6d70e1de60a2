// SPDX-License-Identifier: GPL-2.0-only

//! The machine by itself: kernel, module, processor, clock (`docs/limits.md`, "What a node needs").

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::libc;
use sha2::{Digest, Sha256};

use super::Finding;
use crate::hpc::Hpc;
use crate::print;

/// The kernel series the module is made for.
const SERIES: &str = "6.12.";

/// Options without which the module does not load or nodes cannot join.
const NEEDED: [&str; 13] = [
    "RUST",
    "MODULES",
    "KPROBES",
    "KALLSYMS",
    "KALLSYMS_ALL",
    "FUNCTION_TRACER",
    "DYNAMIC_FTRACE_WITH_REGS",
    "MMU_NOTIFIER",
    "PROC_FS",
    "INET",
    "SHMEM",
    "CRYPTO_HMAC",
    "CRYPTO_SHA256",
];

/// Options without which something is missing.
const WANTED: [(&str, &str); 3] = [
    ("MODULE_UNLOAD", "the module cannot be unloaded"),
    ("TIME_NS", "guests see this machine's clocks"),
    ("MEMCG", "guests' memory is not accounted"),
];

/// Options that must be off.
const UNWANTED: [&str; 1] = ["STATIC_USERMODEHELPER"];

fn read(path: impl AsRef<Path>) -> Option<String> {
    fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn release() -> String {
    read("/proc/sys/kernel/osrelease").map(|text| print::tame(&text)).unwrap_or_default()
}

pub fn kernel() -> Finding {
    judge_release(&release())
}

fn judge_release(release: &str) -> Finding {
    const ABOUT: &str = "kernel";
    if !cfg!(target_arch = "x86_64") {
        return Finding::problem(ABOUT, "not x86-64", "openMosix needs an x86-64 machine.");
    }
    if release.starts_with(SERIES) {
        return Finding::ok(ABOUT, format!("Linux {release}; all nodes need the same build"));
    }
    let todo =
        format!("Start a {SERIES}x kernel with CONFIG_RUST=y (docs/admin.md, \"A kernel with Rust\").");
    Finding::problem(ABOUT, format!("Linux {release}, but the module is made for {SERIES}x"), todo)
}

pub fn options() -> Finding {
    let release = release();
    let places = [format!("/boot/config-{release}"), format!("/lib/modules/{release}/build/.config")];
    let text = places.iter().find_map(read).or_else(|| {
        let unpacked = Command::new("gzip").args(["-dc", "/proc/config.gz"]).output().ok()?;
        unpacked.status.success().then(|| String::from_utf8_lossy(&unpacked.stdout).into_owned())
    });
    judge_options(text.as_deref())
}

fn judge_options(config: Option<&str>) -> Finding {
    const ABOUT: &str = "kernel options";
    let Some(config) = config else {
        let todo =
            "Put the kernel's configuration to /boot/config-RELEASE, or look at docs/limits.md yourself.";
        return Finding::warning(ABOUT, "the kernel does not tell its options", todo);
    };
    let on = |option: &str| {
        config.lines().any(|line| {
            let rest = line.strip_prefix("CONFIG_").and_then(|line| line.strip_prefix(option));
            matches!(rest, Some("=y" | "=m"))
        })
    };
    let missing: Vec<&str> = NEEDED.into_iter().filter(|option| !on(option)).collect();
    let wrong: Vec<&str> = UNWANTED.into_iter().filter(|option| on(option)).collect();
    if !missing.is_empty() || !wrong.is_empty() {
        let mut what = Vec::new();
        if !missing.is_empty() {
            what.push(format!("off, but needed: {}", missing.join(", ")));
        }
        if !wrong.is_empty() {
            what.push(format!("on, but must be off: {}", wrong.join(", ")));
        }
        let todo = "Build a kernel with the right options (docs/admin.md, \"A kernel with Rust\").";
        return Finding::problem(ABOUT, what.join("; "), todo);
    }
    let lacking: Vec<String> = WANTED
        .into_iter()
        .filter(|(option, _)| !on(option))
        .map(|(option, without)| format!("{option} is off: {without}"))
        .collect();
    if lacking.is_empty() {
        return Finding::ok(ABOUT, "all that are needed are on");
    }
    Finding::warning(ABOUT, lacking.join("; "), "It works without; turn them on in the next kernel.")
}

pub fn module(hpc: Option<&Hpc>) -> Finding {
    const ABOUT: &str = "module";
    let own = env!("CARGO_PKG_VERSION");
    if let Some(hpc) = hpc {
        let version = hpc.read("admin/version").map(|text| print::tame(&text)).unwrap_or_default();
        if version == own {
            return Finding::ok(ABOUT, format!("loaded, version {version}"));
        }
        let what = format!("loaded, version {version}, but the tools are of version {own}");
        return Finding::warning(
            ABOUT,
            what,
            "Install both from the same build: make, make install, then load the module anew.",
        );
    }
    let folder = format!("/lib/modules/{}/updates", release());
    let installed = fs::read_dir(&folder).is_ok_and(|names| {
        names.flatten().any(|name| name.file_name().to_string_lossy().starts_with("openmosix.ko"))
    });
    if installed {
        return Finding::problem(
            ABOUT,
            "installed, but not loaded",
            "modprobe openmosix; if that fails, dmesg says why.",
        );
    }
    let todo = "Run make and make install for this kernel (docs/admin.md, \"Build and install\"), then modprobe openmosix.";
    Finding::problem(ABOUT, "not loaded, and not installed for this kernel", todo)
}

/// A word for the processor that is equal on equal processors, to compare nodes by.
pub fn processor() -> Finding {
    judge_processor(&read("/proc/cpuinfo").unwrap_or_default())
}

fn judge_processor(cpuinfo: &str) -> Finding {
    const ABOUT: &str = "processor";
    let field = |name: &str| {
        let line =
            cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        line.split_once(':').map(|(_, value)| print::tame(value))
    };
    let (Some(model), Some(flags)) = (field("model name"), field("flags")) else {
        return Finding::warning(ABOUT, "/proc/cpuinfo does not tell", "");
    };
    let mut flags: Vec<&str> = flags.split_whitespace().collect();
    flags.sort_unstable();
    if !flags.contains(&"xsave") {
        return Finding::problem(ABOUT, format!("{model} has no XSAVE"), "Use another machine.");
    }
    let digest = Sha256::digest(flags.join(" "));
    let word: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Finding::ok(
        ABOUT,
        format!("{model}, features {word}: nodes with the same word can exchange processes both ways"),
    )
}

pub fn clock() -> Finding {
    // SAFETY: all zeros is a request that changes nothing.
    let mut request: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills in the structure that it is given, which lives as long as the call.
    let state = unsafe { libc::adjtimex(&mut request) };
    judge_clock(state >= 0 && request.status & libc::STA_UNSYNC == 0)
}

fn judge_clock(kept: bool) -> Finding {
    const ABOUT: &str = "clock";
    if kept {
        return Finding::ok(ABOUT, "kept right by a time service");
    }
    let todo = "Run chrony or systemd-timesyncd: a process that is away sees the time of its host.";
    Finding::warning(ABOUT, "nobody keeps it right", todo)
}

/// What may keep the module from being loaded; silent when it is.
pub fn security(loaded: bool) -> Option<Finding> {
    const ABOUT: &str = "loading modules";
    if loaded {
        return None;
    }
    if read("/proc/sys/kernel/modules_disabled").is_some_and(|text| text.trim() == "1") {
        let todo = "Restart the machine, and load openmosix before kernel.modules_disabled is set.";
        return Some(Finding::problem(ABOUT, "kernel.modules_disabled is set", todo));
    }
    let lockdown = read("/sys/kernel/security/lockdown")?;
    (!lockdown.contains("[none]")).then(|| {
        let todo = "Turn Secure Boot off, or sign the module.";
        Finding::warning(ABOUT, "the kernel is locked down and takes signed modules only", todo)
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn kernels_are_judged_by_series() {
        assert_eq!(judge_release("6.12.41-openmosix").verdict, Verdict::Ok);
        assert_eq!(judge_release("6.120.1").verdict, Verdict::Problem);
        assert_eq!(judge_release("").verdict, Verdict::Problem);
    }

    #[test]
    fn options_are_found_missing() {
        let all: String =
            NEEDED.iter().chain(WANTED.iter().map(|(o, _)| o)).map(|o| format!("CONFIG_{o}=y\n")).collect();
        assert_eq!(judge_options(Some(&all)).verdict, Verdict::Ok);
        let finding = judge_options(Some(&all.replace("CONFIG_RUST=y", "# CONFIG_RUST is not set")));
        assert_eq!((finding.verdict, finding.what.as_str()), (Verdict::Problem, "off, but needed: RUST"));
        assert_eq!(judge_options(Some(&all.replace("CONFIG_TIME_NS=y\n", ""))).verdict, Verdict::Warning);
        let finding = judge_options(Some(&(all + "CONFIG_STATIC_USERMODEHELPER=y\n")));
        assert!(finding.what.contains("must be off"), "{}", finding.what);
        assert_eq!(judge_options(None).verdict, Verdict::Warning);
    }

    #[test]
    fn equal_processors_have_one_word() {
        let one = judge_processor("model name\t: A\nflags\t\t: xsave fpu\n");
        let two = judge_processor("flags\t\t: fpu xsave\nmodel name\t: A\n");
        assert_eq!(one, two);
        assert_eq!(judge_processor("model name : A\nflags : fpu\n").verdict, Verdict::Problem);
        assert_eq!(judge_processor("").verdict, Verdict::Warning);
    }
}
