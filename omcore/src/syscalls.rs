// SPDX-License-Identifier: GPL-2.0-only

//! The system call table: who executes each call of a process that is away from home, and what data travels with it.
//!
//! The guest's dispatcher calls [`refine`] for every call of a guest; the deputy uses it to refuse what a guest must
//! never ask for. The guest uses [`carried`] to know which user memory to send along. Everything here is constant data
//! and arithmetic: any context, no lock, no allocation, no sleep.
//!
//! A class is about correctness, a descriptor is not: user memory that was not carried is fetched page by page when
//! the deputy touches it. So a descriptor may be missing, may promise less than the call reads, and may be ignored
//! (when the length is large, or the memory unreadable). It must never claim that the kernel wrote bytes that it did
//! not write: hence the difference between `Out…` and `InOut…`, see [`ArgUse`].
//!
//! Numbers, structures and their sizes are those of x86-64, Linux 6.12. A number that is not in the table is forwarded:
//! home's kernel knows it or answers ENOSYS. The table may therefore only lag behind the kernel in calls that a
//! deputy can run.

#[path = "syscalls/table.rs"]
mod table;

use table::{FLOCK, GAP_END, GAP_START, IOVEC, TABLE, TERMIOS};

/// Who executes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The guest's kernel alone.
    Local,
    /// About clocks that are the guest's kernel's but for a difference to home's: that kernel alone, with the difference.
    Clock,
    /// Small numbers of the process. `getpid` and `gettid` never change and are answered at the guest, from what home
    /// sent with the process. The deputy runs the others, as if they were forwarded: nobody tells the guest when they
    /// change.
    Cached,
    /// The deputy runs it.
    Forwarded,
    /// Home runs it first, on its own address space, and its answer counts; then the guest's kernel repeats it, a
    /// chosen address being fixed to the one that home chose. After an error at home the guest does nothing.
    Memory,
    /// Home runs it first, then the guest's kernel: both keep the same handlers and the same mask.
    Signal,
    /// `rt_sigreturn`: the guest's kernel runs it, then the guest tells home the mask that it restored.
    SigReturn,
    /// Makes a process or a thread: home makes its half, the guest's kernel the other, and the two meet.
    Life,
    /// Replaces the program: the deputy does it, the guest ends, and the new program leaves for the same node.
    Exec,
    /// The deputy exits with this status, and the guest ends.
    Exit,
    /// The process comes home and runs the call there as any process would: the call ties kernel state to its memory or
    /// to its thread that a deputy cannot hold for a guest.
    Home,
    /// `restart_syscall`: whoever ran the interrupted call continues it. The deputy does, if it ran no other call
    /// since; a futex wait is the guest's.
    Restart,
}

impl Class {
    /// Every class, in the order in which the documentation explains them.
    pub const ALL: [Class; 12] = [
        Class::Local,
        Class::Clock,
        Class::Cached,
        Class::Forwarded,
        Class::Memory,
        Class::Signal,
        Class::SigReturn,
        Class::Life,
        Class::Exec,
        Class::Exit,
        Class::Home,
        Class::Restart,
    ];

    /// The class as one lower-case word, for `/proc` and documents.
    pub const fn word(self) -> &'static str {
        match self {
            Class::Local => "local",
            Class::Clock => "clock",
            Class::Cached => "cached",
            Class::Forwarded => "forwarded",
            Class::Memory => "memory",
            Class::Signal => "signal",
            Class::SigReturn => "sigreturn",
            Class::Life => "life",
            Class::Exec => "exec",
            Class::Exit => "exit",
            Class::Home => "home",
            Class::Restart => "restart",
        }
    }
}

/// How a call uses the memory that one of its arguments points at. A null pointer carries nothing.
///
/// Three families, and the difference matters for what is sent back:
/// - `In…`: the kernel only reads it. Its bytes go with the request.
/// - `Out…`: the kernel only writes it, and on success ([`ArgUse::written`]) writes *every* byte that is declared, from
///   the start. The old content need not travel; exactly the written bytes come back.
/// - `InOut…`: anything else that is written: in part, on failure too, or under a condition. The old content goes with
///   the request and only the bytes that changed come back, so a wrong guess costs time and never content.
///
/// Lengths and counts are taken from the low 32 bits of their argument: many are C `int`s, whose upper half is noise,
/// and nothing longer is worth carrying. `size` is the size of one element in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // of the fields: their names say it
pub enum ArgUse {
    /// `args[len_arg]` bytes.
    InBuf { len_arg: u8 },
    /// A string with its final zero, at most [`MAX_STR`] bytes.
    InStr,
    /// Pointers to strings, as many as there are before the first that is null.
    InStrs,
    /// This many bytes.
    InFixed(u32),
    /// `args[count_arg]` elements.
    InArray { count_arg: u8, size: u32 },
    /// `args[count_arg]` iovecs; the data they describe is read.
    InIov { count_arg: u8 },
    /// A `struct msghdr` of sendmsg: itself, its name, its iovecs, their data, its control data.
    InMsg,
    /// The last argument of pselect6: 16 bytes, the first 8 of which point at a signal set of 8 bytes.
    InSigSetRef,
    /// This many bytes, all written on success.
    OutFixed(u32),
    /// `args[len_arg]` bytes, all written on success.
    OutBuf { len_arg: u8 },
    /// At most `args[len_arg]` bytes; as many as the call returns are written.
    OutBufRet { len_arg: u8 },
    /// At most `args[count_arg]` elements; as many as the call returns are written.
    OutArrayRet { count_arg: u8, size: u32 },
    /// `args[count_arg]` iovecs, themselves read; as many bytes as the call returns are written into the memory they
    /// describe, in their order.
    OutIov { count_arg: u8 },
    /// This many bytes.
    InOutFixed(u32),
    /// `args[count_arg]` elements.
    InOutArray { count_arg: u8, size: u32 },
    /// A buffer whose size is in the 32-bit word that `args[len_ptr_arg]` points at.
    InOutSized { len_ptr_arg: u8 },
    /// The three sets of select: a bit for each descriptor below `args[nfds_arg]`, in words of 8 bytes.
    InOutFdSet { nfds_arg: u8 },
    /// A `struct msghdr` of recvmsg: itself, its name and its control data are `InOut`, its iovecs like `OutIov`.
    InOutMsg,
}

/// One pointer argument of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arg {
    /// Which argument, 0 to 5.
    pub arg: u8,
    /// What the kernel does with the memory it points at.
    pub how: ArgUse,
}

/// What the table says of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The number in `rax`.
    pub nr: u32,
    /// The kernel's name of it, `"unknown"` if the table has no such number.
    pub name: &'static str,
    /// The class of its ordinary use; [`refine`] looks at the arguments as well.
    pub class: Class,
    /// The pointer arguments worth carrying, in order.
    pub args: &'static [Arg],
    /// What an administrator or a reader of the code should know. May be empty.
    pub note: &'static str,
}

/// The longest string that is carried, in bytes with its final zero: the kernel's PATH_MAX.
pub const MAX_STR: u32 = 4096;

impl ArgUse {
    /// Does content travel with the request?
    pub const fn goes_in(self) -> bool {
        use ArgUse::*;
        // The iovecs of OutIov go in, the data they describe does not.
        !matches!(self, OutFixed(_) | OutBuf { .. } | OutBufRet { .. } | OutArrayRet { .. } | OutIov { .. })
    }

    /// Does content come back with the reply?
    pub const fn goes_out(self) -> bool {
        use ArgUse::*;
        !matches!(
            self,
            InBuf { .. } | InStr | InStrs | InFixed(_) | InArray { .. } | InIov { .. } | InMsg | InSigSetRef
        )
    }

    /// How many bytes there are behind the pointer, for the kinds whose length the arguments alone tell; None for
    /// those that must be read to be measured. For iovecs it is the array of iovecs itself.
    ///
    /// The caller compares it with what it is ready to carry: the value comes from a program and is not bounded.
    pub fn capacity(self, args: [u64; 6]) -> Option<u64> {
        use ArgUse::*;
        let value = |arg: u8| args.get(usize::from(arg)).map(|&v| v & 0xffff_ffff);
        // A product of two 32-bit numbers fits 64 bits.
        match self {
            InFixed(n) | OutFixed(n) | InOutFixed(n) => Some(u64::from(n)),
            InSigSetRef => Some(16),
            InBuf { len_arg } | OutBuf { len_arg } | OutBufRet { len_arg } => value(len_arg),
            InArray { count_arg, size }
            | OutArrayRet { count_arg, size }
            | InOutArray { count_arg, size } => value(count_arg).map(|n| n * u64::from(size)),
            InIov { count_arg } | OutIov { count_arg } => value(count_arg).map(|n| n * u64::from(IOVEC)),
            InOutFdSet { nfds_arg } => value(nfds_arg).map(|n| n.div_ceil(64) * 8),
            InStr | InStrs | InMsg | InOutMsg | InOutSized { .. } => None,
        }
    }

    /// How many bytes the kernel wrote, from the start, in a call that returned `ret`. None if that cannot be told
    /// from here: then the difference to the old content must be sent (all `InOut…`).
    pub fn written(self, args: [u64; 6], ret: i64) -> Option<u64> {
        use ArgUse::*;
        if !self.goes_out() {
            return Some(0);
        }
        if self.goes_in() {
            return None;
        }
        // Minus 4095 to minus 1 is an error. Nothing that has a descriptor returns addresses, so all below 0 is.
        let Ok(done) = u64::try_from(ret) else { return Some(0) };
        match self {
            // A call asked with length 0 may return the length it would need.
            OutBufRet { .. } => self.capacity(args).map(|most| done.min(most)),
            OutArrayRet { size, .. } => {
                self.capacity(args).map(|most| done.saturating_mul(u64::from(size)).min(most))
            }
            // The iovecs are not known here; they bound it further.
            OutIov { .. } => Some(done),
            _ => self.capacity(args),
        }
    }
}

/// The entry of call number `nr`. Unknown numbers, those of x32 among them, are forwarded and carry nothing.
pub fn lookup(nr: u32) -> Entry {
    let slot = if nr < GAP_END { nr } else { nr - (GAP_END - GAP_START) };
    match usize::try_from(slot).ok().and_then(|slot| TABLE.get(slot)) {
        Some(entry) if entry.nr == nr => *entry,
        _ => Entry { nr, name: "unknown", class: Class::Forwarded, args: &[], note: "" },
    }
}

/// The kernel's name of call number `nr`, or `"unknown"`.
pub fn name(nr: u32) -> &'static str {
    lookup(nr).name
}

/// Every entry, by ascending number.
pub fn all() -> &'static [Entry] {
    &TABLE
}

/// The class of one particular call: [`lookup`], made precise by the arguments for calls with several uses.
pub fn refine(nr: u32, args: [u64; 6]) -> Class {
    let [a0, a1, a2, a3, ..] = args;
    match nr {
        MMAP => refine_mmap(a3),
        // Two ranges for the content of one: too rare to teach it to the set of pulled pages.
        MREMAP if a3 & MREMAP_DONTUNMAP != 0 => Class::Home,
        MADVISE => refine_madvise(a2 as u32),
        IOCTL if TIES_MEMORY.contains(&((a1 >> 8) as u8)) => Class::Home,
        SETSOCKOPT if (a1 as u32, a2 as u32) == (SOL_XDP, XDP_UMEM_REG) => Class::Home,
        PRCTL => refine_prctl(a0 as u32),
        ARCH_PRCTL if matches!(a0 as u32, ARCH_SET_GS | ARCH_SET_FS | ARCH_GET_FS | ARCH_GET_GS) => {
            Class::Local
        }
        // 0xffffffff asks and changes nothing.
        PERSONALITY if a0 as u32 == u32::MAX => Class::Forwarded,
        CLOCK_GETTIME if shifted(a0 as u32) => Class::Clock,
        CLOCK_GETTIME | CLOCK_GETRES if in_time_namespace(a0 as u32) || shifted(a0 as u32) => Class::Local,
        // Until a time of day.
        FUTEX if a1 as u32 & 0x7f == FUTEX_WAIT_BITSET && a1 & FUTEX_CLOCK_REALTIME != 0 && a3 != 0 => Class::Clock,
        // The kernel compares thread numbers in memory with its own, and those are home's.
        FUTEX if inherits_priority(a1 as u32) => Class::Home,
        MEMBARRIER if a0 as u32 & MEMBARRIER_REGISTERS != 0 => Class::Memory,
        GET_ROBUST_LIST if a0 as u32 != 0 => Class::Home,
        _ => lookup(nr).class,
    }
}

/// A process has come home for this call and made it: may it go back? Not if the call left something with the task, the
/// processor or a driver that would not be where the process is, and that nothing else tells (what keeps a process from
/// leaving is looked at anyway).
pub fn returns(nr: u32, args: [u64; 6]) -> bool {
    let [a0, a1, ..] = args;
    match nr {
        // A tracer goes on tracing, counters go on counting, drivers keep what they were given.
        PTRACE | PERF_EVENT_OPEN | IOCTL | SETSOCKOPT => false,
        // State of the processor, and permission to use more of it.
        ARCH_PRCTL => false,
        PRCTL => !matches!(a0 as u32, PR_SET_TSC | PR_MCE_KILL | PR_SET_SPECULATION_CTRL | PR_SCHED_CORE),
        PERSONALITY => a0 & READ_IMPLIES_EXEC == 0,
        // A supervisor that is asked about calls looks at the memory that they point at.
        SECCOMP => a0 as u32 != SECCOMP_SET_MODE_FILTER || a1 & SECCOMP_NEW_LISTENER == 0,
        // Unknown here, or made through the 32-bit entry.
        _ => lookup(nr).name != "unknown",
    }
}

/// What one particular call carries: the entry's descriptors, or those of the operation if the call has several.
pub fn carried(nr: u32, args: [u64; 6]) -> &'static [Arg] {
    use ArgUse::*;
    let [a0, a1, ..] = args;
    match (nr, a0 as u32, a1 as u32) {
        // An ioctl number means what the driver says it means, and InOut is right whatever that is.
        // TCGETS (isatty does it), TCSETS, TCSETSW, TCSETSF
        (IOCTL, _, 0x5401..=0x5404) => &[Arg { arg: 2, how: InOutFixed(TERMIOS) }],
        // TIOCGPGRP, TIOCSPGRP, TIOCOUTQ, FIONREAD, FIONBIO
        (IOCTL, _, 0x540f..=0x5411 | 0x541b | 0x5421) => &[Arg { arg: 2, how: InOutFixed(4) }],
        // TIOCGWINSZ
        (IOCTL, _, 0x5413) => &[Arg { arg: 2, how: InOutFixed(8) }],
        // F_GETLK, F_OFD_GETLK
        (FCNTL, _, 5 | 36) => &[Arg { arg: 2, how: InOutFixed(FLOCK) }],
        // F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW
        (FCNTL, _, 6 | 7 | 37 | 38) => &[Arg { arg: 2, how: InFixed(FLOCK) }],
        (PRCTL, PR_SET_NAME, _) => &[Arg { arg: 1, how: InStr }],
        (PRCTL, PR_GET_NAME, _) => &[Arg { arg: 1, how: OutFixed(16) }],
        _ => lookup(nr).args,
    }
}

fn refine_mmap(flags: u64) -> Class {
    match flags & MAP_TYPE {
        // Pages that the kernel may drop, or that must not leave the node's memory.
        MAP_DROPPABLE => Class::Home,
        _ if flags & (MAP_HUGETLB | MAP_LOCKED) != 0 => Class::Home,
        // Shared memory too: home looks at what became of it, and if others share it who are elsewhere, the process comes home.
        // Other types than these are errors, for home to answer.
        _ => Class::Memory,
    }
}

fn refine_madvise(advice: u32) -> Class {
    match advice {
        // About pages, which are at the guest: WILLNEED, COLD, PAGEOUT, POPULATE_READ, POPULATE_WRITE, COLLAPSE.
        3 | 20..=23 | 25 => Class::Local,
        // About mappings, which both sides keep, or content, of which both must know that it is gone: NORMAL, RANDOM,
        // SEQUENTIAL, DONTNEED, FREE, DONTFORK to DODUMP, WIPEONFORK, KEEPONFORK, DONTNEED_LOCKED.
        0..=2 | 4 | 8 | 10..=19 | 24 => Class::Memory,
        // No advice of Linux: home says so.
        5..=7 | 128.. => Class::Forwarded,
        // REMOVE, HWPOISON, SOFT_OFFLINE, and what later kernels invent.
        _ => Class::Home,
    }
}

fn refine_prctl(option: u32) -> Class {
    match option {
        // SET_VMA names a mapping: an attribute of it like its protection.
        PR_SET_VMA => Class::Memory,
        // GET_TID_ADDRESS: set_tid_address is local.
        40 => Class::Local,
        // State that the deputy holds: PDEATHSIG, DUMPABLE, KEEPCAPS, TIMING, NAME, GET_SECCOMP, CAPBSET, GET_TSC,
        // SECUREBITS, TIMERSLACK, MCE_KILL_GET, CHILD_SUBREAPER, NO_NEW_PRIVS, GET_THP_DISABLE, CAP_AMBIENT,
        // GET_SPECULATION_CTRL, IO_FLUSHER, GET_MDWE, GET_MEMORY_MERGE, GET_AUXV, SET_PTRACER.
        1..=4 | 7 | 8 | 13..=16 | 21 | 23..=25 | 27..=30 | 34 | 36..=39 => Class::Forwarded,
        42 | 47 | 52 | 57 | 58 | 66 | 68 | PR_GET_AUXV | PR_SET_PTRACER => Class::Forwarded,
        // SET_SECCOMP, SET_TSC, MCE_KILL, SET_MM, SET_THP_DISABLE, SET_SPECULATION_CTRL, SET_SYSCALL_USER_DISPATCH,
        // SCHED_CORE, SET_MDWE, SET_MEMORY_MERGE …: they touch the address space or the processor's state.
        _ => Class::Home,
    }
}

/// MONOTONIC, its coarse one and BOOTTIME, which the guest's kernel shows as at home, by the time namespace. For the alarm
/// clocks, CPU clocks and devices home is asked.
const fn in_time_namespace(clock: u32) -> bool {
    matches!(clock, 1 | 6 | 7)
}

/// REALTIME, MONOTONIC_RAW, REALTIME_COARSE, TAI: the time namespace shifts them for the vDSO only.
const fn shifted(clock: u32) -> bool {
    matches!(clock, 0 | 4 | 5 | 11)
}

/// LOCK_PI, UNLOCK_PI, TRYLOCK_PI, WAIT_REQUEUE_PI, CMP_REQUEUE_PI, LOCK_PI2?
const fn inherits_priority(operation: u32) -> bool {
    matches!(operation & 0x7f, 6..=8 | 11..=13)
}

const MMAP: u32 = 9;
const IOCTL: u32 = 16;
const MREMAP: u32 = 25;
const MADVISE: u32 = 28;
const SETSOCKOPT: u32 = 54;
const FCNTL: u32 = 72;
const PTRACE: u32 = 101;
const PERSONALITY: u32 = 135;
const PRCTL: u32 = 157;
const FUTEX: u32 = 202;
const FUTEX_WAIT_BITSET: u32 = 9;
const FUTEX_CLOCK_REALTIME: u64 = 256;
const ARCH_PRCTL: u32 = 158;
const CLOCK_GETTIME: u32 = 228;
const CLOCK_GETRES: u32 = 229;
const GET_ROBUST_LIST: u32 = 274;
const PERF_EVENT_OPEN: u32 = 298;
const SECCOMP: u32 = 317;
const MEMBARRIER: u32 = 324;

const MAP_TYPE: u64 = 0xf;
const MAP_DROPPABLE: u64 = 8;
const MAP_LOCKED: u64 = 0x2000;
const MAP_HUGETLB: u64 = 0x4_0000;
const MREMAP_DONTUNMAP: u64 = 4;
const READ_IMPLIES_EXEC: u64 = 0x40_0000;
const SECCOMP_SET_MODE_FILTER: u32 = 1;
const SECCOMP_NEW_LISTENER: u64 = 8;
const PR_SET_NAME: u32 = 15;
const PR_GET_NAME: u32 = 16;
const PR_SET_TSC: u32 = 26;
const PR_MCE_KILL: u32 = 33;
const PR_SET_SPECULATION_CTRL: u32 = 53;
const PR_SCHED_CORE: u32 = 62;
const PR_SET_VMA: u32 = 0x5356_4d41;
const PR_GET_AUXV: u32 = 0x4155_5856;
const PR_SET_PTRACER: u32 = 0x5961_6d61;
const ARCH_SET_GS: u32 = 0x1001;
const ARCH_SET_FS: u32 = 0x1002;
const ARCH_GET_FS: u32 = 0x1003;
const ARCH_GET_GS: u32 = 0x1004;
const SOL_XDP: u32 = 283;
const XDP_UMEM_REG: u32 = 4;
/// MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, …_PRIVATE_EXPEDITED, …_SYNC_CORE and …_RSEQ: they mark the address space.
const MEMBARRIER_REGISTERS: u32 = 1 << 2 | 1 << 4 | 1 << 6 | 1 << 8;
/// The type bytes of ioctls with which drivers keep user memory or the address space after the call: RDMA, VFIO and
/// IOMMUFD, DRM, userfaultfd, KVM, vhost.
const TIES_MEMORY: [u8; 6] = [0x1b, b';', b'd', 0xaa, 0xae, 0xaf];
