// SPDX-License-Identifier: GPL-2.0-only

//! The system call table against the kernel's list, and against the rules of `docs/syscalls.md`.

use omcore::syscalls::{all, carried, lookup, name, refine, Arg, ArgUse, Class};
use proptest::prelude::*;
use std::collections::BTreeSet;

#[path = "../examples/syscalls_doc.rs"]
mod syscalls_doc;

/// The calls of Linux 6.12.117 for x86-64: consecutive names after the number of the first.
const KERNEL: &str = "
0: read write open close stat fstat lstat poll lseek mmap
10: mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn ioctl pread64 pwrite64 readv
20: writev access pipe select sched_yield mremap msync mincore madvise shmget
30: shmat shmctl dup dup2 pause nanosleep getitimer alarm setitimer getpid
40: sendfile socket connect accept sendto recvfrom sendmsg recvmsg shutdown bind
50: listen getsockname getpeername socketpair setsockopt getsockopt clone fork vfork execve
60: exit wait4 kill uname semget semop semctl shmdt msgget msgsnd
70: msgrcv msgctl fcntl flock fsync fdatasync truncate ftruncate getdents getcwd
80: chdir fchdir rename mkdir rmdir creat link unlink symlink readlink
90: chmod fchmod chown fchown lchown umask gettimeofday getrlimit getrusage sysinfo
100: times ptrace getuid syslog getgid setuid setgid geteuid getegid setpgid
110: getppid getpgrp setsid setreuid setregid getgroups setgroups setresuid getresuid setresgid
120: getresgid getpgid setfsuid setfsgid getsid capget capset rt_sigpending rt_sigtimedwait rt_sigqueueinfo
130: rt_sigsuspend sigaltstack utime mknod uselib personality ustat statfs fstatfs sysfs
140: getpriority setpriority sched_setparam sched_getparam sched_setscheduler sched_getscheduler
     sched_get_priority_max sched_get_priority_min sched_rr_get_interval mlock
150: munlock mlockall munlockall vhangup modify_ldt pivot_root _sysctl prctl arch_prctl adjtimex
160: setrlimit chroot sync acct settimeofday mount umount2 swapon swapoff reboot
170: sethostname setdomainname iopl ioperm create_module init_module delete_module get_kernel_syms
     query_module quotactl
180: nfsservctl getpmsg putpmsg afs_syscall tuxcall security gettid readahead setxattr lsetxattr
190: fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr
     fremovexattr
200: tkill time futex sched_setaffinity sched_getaffinity set_thread_area io_setup io_destroy io_getevents
     io_submit
210: io_cancel get_thread_area lookup_dcookie epoll_create epoll_ctl_old epoll_wait_old remap_file_pages
     getdents64 set_tid_address restart_syscall
220: semtimedop fadvise64 timer_create timer_settime timer_gettime timer_getoverrun timer_delete clock_settime
     clock_gettime clock_getres
230: clock_nanosleep exit_group epoll_wait epoll_ctl tgkill utimes vserver mbind set_mempolicy get_mempolicy
240: mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr kexec_load waitid add_key
     request_key
250: keyctl ioprio_set ioprio_get inotify_init inotify_add_watch inotify_rm_watch migrate_pages openat mkdirat
     mknodat
260: fchownat futimesat newfstatat unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat
270: pselect6 ppoll unshare set_robust_list get_robust_list splice tee sync_file_range vmsplice move_pages
280: utimensat epoll_pwait signalfd timerfd_create eventfd fallocate timerfd_settime timerfd_gettime accept4
     signalfd4
290: eventfd2 epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev rt_tgsigqueueinfo perf_event_open recvmmsg
300: fanotify_init fanotify_mark prlimit64 name_to_handle_at open_by_handle_at clock_adjtime syncfs sendmmsg
     setns getcpu
310: process_vm_readv process_vm_writev kcmp finit_module sched_setattr sched_getattr renameat2 seccomp
     getrandom memfd_create
320: kexec_file_load bpf execveat userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect
330: pkey_alloc pkey_free statx io_pgetevents rseq uretprobe
424: pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig
     fsmount fspick
434: pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 process_madvise epoll_pwait2 mount_setattr
     quotactl_fd
444: landlock_create_ruleset landlock_add_rule landlock_restrict_self memfd_secret process_mrelease
     futex_waitv set_mempolicy_home_node cachestat fchmodat2 map_shadow_stack
454: futex_wake futex_wait futex_requeue statmount listmount lsm_get_self_attr lsm_set_self_attr
     lsm_list_modules mseal
";

/// `KERNEL` as pairs.
fn kernel_calls() -> Vec<(u32, &'static str)> {
    let mut calls = Vec::new();
    let mut next = 0;
    for word in KERNEL.split_whitespace() {
        match word.strip_suffix(':') {
            Some(first) => next = first.parse().unwrap(),
            None => {
                calls.push((next, word));
                next += 1;
            }
        }
    }
    calls
}

fn number(name: &str) -> u32 {
    all().iter().find(|entry| entry.name == name).unwrap_or_else(|| panic!("no {name}")).nr
}

/// The class of a call with these first arguments, the others being 0.
fn class_of(name: &str, first: &[u64]) -> Class {
    let mut args = [0; 6];
    args[..first.len()].copy_from_slice(first);
    refine(number(name), args)
}

#[track_caller]
fn assert_class(class: Class, names: &str) {
    for name in names.split_whitespace() {
        assert_eq!(lookup(number(name)).class, class, "{name}");
    }
}

#[test]
fn every_call_of_the_kernel_has_its_entry() {
    let calls = kernel_calls();
    assert_eq!(all().iter().map(|entry| (entry.nr, entry.name)).collect::<Vec<_>>(), calls);
    assert_eq!(calls.iter().map(|(_, name)| name).collect::<BTreeSet<_>>().len(), calls.len());
    for (nr, kernel_name) in calls {
        assert_eq!((lookup(nr).nr, name(nr)), (nr, kernel_name));
    }
}

/// Where the kernel's source is at hand, our copy of its list must be right.
#[test]
fn the_list_is_the_kernels() {
    let Ok(sources) = std::fs::read_dir("/var/cache/openmosix") else { return };
    for source in sources.flatten() {
        let table = source.path().join("arch/x86/entry/syscalls/syscall_64.tbl");
        let Ok(table) = std::fs::read_to_string(table) else { continue };
        let theirs: Vec<_> = table
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|fields| fields[1] != "x32")
            .map(|fields| (fields[0].parse::<u32>().unwrap(), fields[2].to_owned()))
            .collect();
        let ours: Vec<_> = kernel_calls().iter().map(|(nr, name)| (*nr, (*name).to_owned())).collect();
        // A later kernel has more calls; what we have must agree.
        assert_eq!(theirs.into_iter().take(ours.len()).collect::<Vec<_>>(), ours, "{:?}", source.path());
    }
}

#[test]
fn unknown_numbers_are_forwarded() {
    for nr in [336, 386, 387, 423, 463, 512, 547, 0x4000_0000, 0x4000_0001, u32::MAX] {
        let entry = lookup(nr);
        assert_eq!(
            (entry.nr, entry.name, entry.class, entry.args),
            (nr, "unknown", Class::Forwarded, &[][..])
        );
        assert_eq!(refine(nr, [u64::MAX; 6]), Class::Forwarded);
    }
}

/// kernel-traps 3.3: calls that would change the deputy itself, or tie it to memory it does not have.
#[test]
fn the_deputy_is_never_asked_for_what_breaks_it() {
    let never =
        "rt_sigreturn sigaltstack restart_syscall iopl ioperm modify_ldt arch_prctl rseq set_robust_list \
        set_tid_address userfaultfd io_uring_setup io_uring_enter io_uring_register io_setup io_submit \
        perf_event_open seccomp ptrace execve execveat fork vfork clone clone3 exit exit_group";
    for name in never.split_whitespace() {
        for place in 0..6 {
            for value in
                (0..512).chain(0x1000..0x1030).chain(0x5000..0x5010).chain([u64::from(u32::MAX), u64::MAX])
            {
                let mut args = [0; 6];
                args[place] = value;
                let class = refine(number(name), args);
                assert!(
                    !matches!(class, Class::Forwarded | Class::Memory | Class::Signal),
                    "{name} {args:?}"
                );
            }
        }
    }
    // PR_SET_SECCOMP, PR_SET_MM, PR_SET_SYSCALL_USER_DISPATCH
    for option in [22, 35, 59] {
        assert_eq!(class_of("prctl", &[option]), Class::Home);
    }
    // Shared memory is memory; pages that must stay where they are, or may vanish, are not: MAP_LOCKED, MAP_HUGETLB, MAP_DROPPABLE.
    for flags in [0x01, 0x03, 0x21, 0x8_0003] {
        assert_eq!(class_of("mmap", &[0, 4096, 3, flags]), Class::Memory);
        assert_eq!(class_of("mmap", &[0, 4096, 3, flags | 0x2000]), Class::Home);
        assert_eq!(class_of("mmap", &[0, 4096, 3, flags | 0x4_0000]), Class::Home);
    }
    assert_eq!(class_of("mmap", &[0, 4096, 3, 0x28]), Class::Home);
}

#[test]
fn classes_are_as_designed() {
    assert_class(
        Class::Local,
        "sched_yield futex futex_waitv futex_wait futex_wake futex_requeue set_robust_list set_tid_address rseq \
         getcpu membarrier sigaltstack",
    );
    assert_class(Class::Clock, "time gettimeofday");
    assert_class(Class::Cached, "getpid gettid getppid getuid geteuid getgid getegid");
    assert_class(Class::Memory, "mmap munmap mprotect mremap brk madvise mlock mlock2 munlock munlockall shmat shmdt");
    assert_class(Class::Signal, "rt_sigaction rt_sigprocmask");
    assert_class(Class::SigReturn, "rt_sigreturn");
    assert_class(Class::Life, "fork vfork clone clone3");
    assert_class(Class::Exec, "execve execveat");
    assert_class(Class::Exit, "exit exit_group");
    assert_class(Class::Restart, "restart_syscall");
    assert_class(
        Class::Home,
        "remap_file_pages personality unshare setns mseal map_shadow_stack process_madvise move_pages \
         pkey_mprotect pkey_alloc pkey_free mlockall vmsplice clock_settime settimeofday",
    );
    assert_class(
        Class::Forwarded,
        "read write openat ioctl socket wait4 kill nanosleep clock_nanosleep rt_sigsuspend rt_sigtimedwait pause \
         ppoll pselect6 epoll_pwait epoll_pwait2 signalfd signalfd4 setuid timer_create prlimit64 clock_adjtime \
         set_mempolicy get_mempolicy mbind migrate_pages set_mempolicy_home_node",
    );
}

/// After which calls a process that came home for them goes back.
#[test]
fn it_goes_back_unless_something_stays_behind() {
    let returns = |name: &str, args: &[u64]| {
        let mut all = [0; 6];
        all[..args.len()].copy_from_slice(args);
        omcore::syscalls::returns(number(name), all)
    };
    for name in ["vmsplice", "mlockall", "unshare", "mremap", "futex", "clone", "shmdt"] {
        assert!(returns(name, &[]), "{name}");
    }
    for name in ["ptrace", "perf_event_open", "ioctl", "setsockopt", "arch_prctl"] {
        assert!(!returns(name, &[]), "{name}");
    }
    // PR_SET_MM; PR_SET_TSC, PR_SET_SPECULATION_CTRL, PR_SCHED_CORE
    assert!(returns("prctl", &[35]));
    for option in [26, 53, 62] {
        assert!(!returns("prctl", &[option]), "{option}");
    }
    // ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC
    assert!(returns("personality", &[0x004_0000]) && !returns("personality", &[0x040_0000]));
    // The 32-bit entry, and numbers that are not known.
    assert!(!omcore::syscalls::returns(u32::MAX, [0; 6]) && !omcore::syscalls::returns(500, [0; 6]));
}

#[test]
fn mappings_go_by_their_flags() {
    let mmap = |flags| class_of("mmap", &[0, 4096, 3, flags, u64::MAX, 0]);
    // MAP_PRIVATE; with ANONYMOUS; and FIXED; and POPULATE; and NORESERVE, STACK, GROWSDOWN
    for flags in [0x02, 0x22, 0x32, 0x8022, 0x2_4122] {
        assert_eq!(mmap(flags), Class::Memory, "{flags:#x}");
    }
    // LOCKED, HUGETLB (2 MB), DROPPABLE
    for flags in [0x2022, 0x5404_0022, 0x28] {
        assert_eq!(mmap(flags), Class::Home, "{flags:#x}");
    }
    assert_eq!(class_of("mremap", &[0, 1, 2, 3]), Class::Memory);
    assert_eq!(class_of("mremap", &[0, 1, 2, 5]), Class::Home);
}

#[test]
fn advice_goes_by_its_kind() {
    let madvise = |advice| class_of("madvise", &[0, 4096, advice]);
    for (class, kinds) in [
        (Class::Memory, &[0, 1, 2, 4, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 24][..]),
        (Class::Local, &[3, 20, 21, 22, 23, 25]),
        (Class::Home, &[9, 26, 100, 101]),
        (Class::Forwarded, &[5, 7, 128]),
    ] {
        for kind in kinds {
            assert_eq!(madvise(*kind), class, "{kind}");
        }
    }
}

#[test]
fn clocks_go_by_their_id() {
    let cpu_clock_of_7 = u64::from(!7_u32 << 3 | 2);
    let device_clock_of_fd_7 = u64::from(!7_u32 << 3 | 3);
    for call in ["clock_gettime", "clock_getres"] {
        for clock in [1, 6, 7] {
            assert_eq!(class_of(call, &[clock]), Class::Local, "{call} {clock}");
        }
        for clock in [0, 4, 5, 11] {
            let class = if call == "clock_gettime" { Class::Clock } else { Class::Local };
            assert_eq!(class_of(call, &[clock]), class, "{call} {clock}");
        }
        for clock in [2, 3, 8, 9, 12, cpu_clock_of_7, device_clock_of_fd_7] {
            assert_eq!(class_of(call, &[clock]), Class::Forwarded, "{call} {clock}");
        }
    }
    for call in ["clock_nanosleep", "timer_create"] {
        for clock in [0, 1, 2, 3, 7, 11, cpu_clock_of_7, device_clock_of_fd_7] {
            assert_eq!(class_of(call, &[clock]), Class::Forwarded, "{call} {clock}");
        }
    }
    for timer in 0..3 {
        assert_eq!(class_of("setitimer", &[timer]), Class::Forwarded);
    }
}

#[test]
fn futexes_that_inherit_priority_are_made_at_home() {
    // WAIT, WAKE, REQUEUE, WAIT_BITSET, private or not, by the realtime clock or not
    for operation in [0, 1, 3, 9, 128, 129, 9 | 128, 9 | 128 | 256] {
        assert_eq!(class_of("futex", &[0, operation]), Class::Local, "{operation}");
        // Only a wait until a time of day needs to know home's.
        let class = if operation == (9 | 128 | 256) { Class::Clock } else { Class::Local };
        assert_eq!(class_of("futex", &[0, operation, 0, 0x1000]), class, "{operation}");
    }
    for operation in [6, 7, 8, 11, 12, 13, 6 | 128, 13 | 128 | 256] {
        assert_eq!(class_of("futex", &[0, operation]), Class::Home, "{operation}");
    }
}

#[test]
fn operations_go_by_what_they_touch() {
    for code in 0x1001..=0x1004 {
        assert_eq!(class_of("arch_prctl", &[code]), Class::Local);
    }
    // ARCH_SET_CPUID, ARCH_REQ_XCOMP_PERM, ARCH_SHSTK_ENABLE
    for code in [0x1012, 0x1023, 0x5001] {
        assert_eq!(class_of("arch_prctl", &[code]), Class::Home);
    }
    // PDEATHSIG, NAME, KEEPCAPS, NO_NEW_PRIVS, CHILD_SUBREAPER; an int may have noise above it
    for option in [1, 2, 15, 16, 8, 38, 36, 0xdead_0000_0000_000f] {
        assert_eq!(class_of("prctl", &[option]), Class::Forwarded, "{option}");
    }
    assert_eq!(class_of("prctl", &[0x5356_4d41]), Class::Memory);
    assert_eq!(class_of("prctl", &[40]), Class::Local);
    assert_eq!(class_of("prctl", &[9999]), Class::Home);
    assert_eq!(class_of("personality", &[0xffff_ffff]), Class::Forwarded);
    assert_eq!(class_of("personality", &[0x004_0000]), Class::Home);
    // MEMBARRIER_CMD_PRIVATE_EXPEDITED and its registration
    assert_eq!(class_of("membarrier", &[1 << 3]), Class::Local);
    assert_eq!(class_of("membarrier", &[1 << 4]), Class::Memory);
    // TCGETS; USERFAULTFD_IOC_NEW, KVM_CREATE_VM
    assert_eq!(class_of("ioctl", &[0, 0x5401]), Class::Forwarded);
    assert_eq!(class_of("ioctl", &[3, 0xaa00]), Class::Home);
    assert_eq!(class_of("ioctl", &[3, 0xae01]), Class::Home);
    // SOL_SOCKET/SO_REUSEADDR; SOL_XDP/XDP_UMEM_REG
    assert_eq!(class_of("setsockopt", &[3, 1, 2]), Class::Forwarded);
    assert_eq!(class_of("setsockopt", &[3, 283, 4]), Class::Home);
    assert_eq!(class_of("get_robust_list", &[0]), Class::Local);
    assert_eq!(class_of("get_robust_list", &[17]), Class::Home);
}

/// Which arguments a descriptor takes its length from.
fn length_arg(how: ArgUse) -> Option<u8> {
    use ArgUse::*;
    match how {
        InBuf { len_arg } | OutBuf { len_arg } | OutBufRet { len_arg } => Some(len_arg),
        InArray { count_arg, .. } | InOutArray { count_arg, .. } | OutArrayRet { count_arg, .. } => {
            Some(count_arg)
        }
        InIov { count_arg } | OutIov { count_arg } => Some(count_arg),
        InOutSized { len_ptr_arg } => Some(len_ptr_arg),
        InOutFdSet { nfds_arg } => Some(nfds_arg),
        InStr | InStrs | InFixed(_) | InMsg | InSigSetRef | OutFixed(_) | InOutFixed(_) | InOutMsg => None,
    }
}

#[test]
fn descriptors_name_real_arguments() {
    for entry in all() {
        for pair in entry.args.windows(2) {
            assert!(pair[0].arg < pair[1].arg, "{}: in order, each once", entry.name);
        }
        for Arg { arg, how } in entry.args {
            assert!(*arg <= 5, "{}", entry.name);
            assert!(how.goes_in() || how.goes_out());
            if let Some(length) = length_arg(*how) {
                assert!(length <= 5 && length != *arg, "{}", entry.name);
                let pointed = matches!(how, ArgUse::InOutSized { .. });
                let also_memory = entry.args.iter().any(|other| other.arg == length);
                assert_eq!(
                    pointed, also_memory,
                    "{}: a length is a number, or a pointer that travels",
                    entry.name
                );
            }
        }
        // Only what goes to home while the process is away has anything to carry.
        let travels = matches!(entry.class, Class::Forwarded | Class::Signal | Class::Exec);
        assert!(travels || entry.args.is_empty(), "{}", entry.name);
    }
}

#[test]
fn lengths_come_from_the_arguments() {
    let capacity = |name, index: usize, args| lookup(number(name)).args[index].how.capacity(args);
    assert_eq!(capacity("write", 0, [1, 0, 100, 0, 0, 0]), Some(100));
    assert_eq!(capacity("poll", 0, [0, 0xffff_ffff_0000_0003, 0, 0, 0, 0]), Some(24));
    assert_eq!(capacity("stat", 1, [0; 6]), Some(144));
    assert_eq!(capacity("writev", 0, [1, 0, 2, 0, 0, 0]), Some(32));
    assert_eq!(capacity("epoll_wait", 0, [1, 0, 10, 0, 0, 0]), Some(120));
    for (nfds, bytes) in [(0, 0), (1, 8), (64, 8), (65, 16), (1024, 128)] {
        assert_eq!(capacity("select", 0, [nfds, 0, 0, 0, 0, 0]), Some(bytes));
    }
    assert_eq!(capacity("open", 0, [0; 6]), None);
    assert_eq!(capacity("getsockopt", 0, [0; 6]), None);
}

#[test]
fn only_written_bytes_come_back() {
    let written = |name, index: usize, args, ret| lookup(number(name)).args[index].how.written(args, ret);
    let three = [0, 0, 3, 0, 0, 0];
    assert_eq!(written("read", 0, three, 2), Some(2));
    assert_eq!(written("read", 0, three, -11), Some(0));
    // MSG_TRUNC: the datagram was longer than the buffer
    assert_eq!(written("recvfrom", 0, three, 1500), Some(3));
    // getxattr with size 0 returns the size it would need
    assert_eq!(written("getxattr", 2, [0; 6], 40), Some(0));
    assert_eq!(written("epoll_wait", 0, three, 2), Some(24));
    assert_eq!(written("stat", 0, [0; 6], 0), Some(0));
    assert_eq!(written("stat", 1, [0; 6], 0), Some(144));
    assert_eq!(written("stat", 1, [0; 6], -2), Some(0));
    assert_eq!(written("wait4", 0, [0; 6], 0), None);
    assert_eq!(written("readv", 0, three, 9), Some(9));
}

#[test]
fn operations_carry_their_own() {
    let tcgets = carried(number("ioctl"), [0, 0x5401, 1, 0, 0, 0]);
    assert_eq!(tcgets, [Arg { arg: 2, how: ArgUse::InOutFixed(36) }]);
    assert!(carried(number("ioctl"), [0, 0xaa00, 1, 0, 0, 0]).is_empty());
    assert!(carried(number("fcntl"), [0, 3, 0, 0, 0, 0]).is_empty());
    assert_eq!(carried(number("fcntl"), [0, 6, 0, 0, 0, 0]), [Arg { arg: 2, how: ArgUse::InFixed(32) }]);
    assert_eq!(carried(number("read"), [0; 6]), lookup(0).args);
}

#[test]
fn the_document_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/syscalls.md");
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == syscalls_doc::render(),
        "run: cargo run -p omcore --example syscalls_doc > docs/syscalls.md"
    );
}

proptest! {
    /// Whatever a program puts into its registers: an answer, no panic, no more than the kernel could have written.
    #[test]
    fn any_call_has_an_answer(nr in prop_oneof![0_u32..600, any::<u32>()], args: [u64; 6], ret: i64) {
        let class = refine(nr, args);
        prop_assert!(Class::ALL.contains(&class));
        for arg in carried(nr, args) {
            if let (Some(capacity), Some(written)) = (arg.how.capacity(args), arg.how.written(args, ret)) {
                let iovecs = matches!(arg.how, ArgUse::OutIov { .. });
                prop_assert!(written <= capacity || iovecs);
                prop_assert!(ret >= 0 || written == 0);
            }
        }
    }
}
