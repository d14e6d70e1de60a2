// SPDX-License-Identifier: GPL-2.0-only
//! Why a process may not leave now, in words. The bits come from `om_reasons()` in sys/task.c.

use core::fmt::{self, Write};

/// In the order of the bits.
pub(crate) const REASONS: &[&str] = &[
    "it is a kernel thread",
    "it is the init process of this node",
    "it is exiting",
    "its first thread has ended, others go on (pthread_exit in main)",
    "its address space is shared with another process (vfork or CLONE_VM)",
    "it is a 32-bit program",
    "it has a real-time scheduling policy",
    "it uses io_uring",
    "it has an asynchronous I/O context (io_setup)",
    "it is being traced by a debugger",
    "it uses syscall user dispatch itself",
    "it has permission for I/O ports",
    "it has a local descriptor table",
    "it has hardware breakpoints set",
    "it has a shadow stack",
    "it lives in a time namespace of its own",
    "it has memory pinned for a device",
    "it locks all future memory (mlockall)",
    "it is a guest from another node",
    "it has shared memory of a kind that cannot be elsewhere (of a device or a driver, or secret)",
    "it has huge pages of hugetlbfs mapped",
    "it has device memory mapped",
    "it uses userfaultfd",
    "it has sealed mappings (mseal)",
    "it has mappings above 128 TiB",
    "it has a special kernel mapping",
    "it uses memory protection keys",
    "it maps the same file or memory both privately and shared for writing",
];

/// It is no more, soon.
pub(crate) const EXITING: u64 = 1 << 2;

/// The first thread has ended: for a moment, when another one executes a program, else for good.
pub(crate) const LEADERLESS: u64 = 1 << 3;

/// Reasons that often hold for a moment only: the shared address space, and the place where exec makes a stack first.
pub(crate) const PASSING: u64 = 1 << 4 | 1 << 24;

/// Said by the user.
pub(crate) const LOCKED: &str = "it is locked (pids/PID/lock)";

/// Writes one reason a line.
pub(crate) fn write(bits: u64, out: &mut impl Write) -> core::fmt::Result {
    for (i, reason) in REASONS.iter().enumerate() {
        if bits & (1 << i) != 0 {
            writeln!(out, "{reason}")?;
        }
    }
    Ok(())
}

/// The first reason, for a message.
pub(crate) fn first(bits: u64) -> Option<&'static str> {
    REASONS.get(bits.trailing_zeros() as usize).copied()
}

/// What is said of the process of this number when it is stopped: it goes nowhere but home.
pub(crate) struct Stopped(pub(crate) i32);

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is stopped: continue it first (kill -CONT {})", self.0)
    }
}
