// SPDX-License-Identifier: GPL-2.0-only

//! The table itself: one entry for each number of `arch/x86/entry/syscalls/syscall_64.tbl`, Linux 6.12.
//!
//! A row reads: number, name, class of its ordinary use, the pointer arguments worth carrying, a note.

use super::ArgUse::*;
use super::{Arg, Class, Entry};

/// The numbers from here to [`GAP_END`] were never given out.
pub(super) const GAP_START: u32 = 336;
pub(super) const GAP_END: u32 = 424;

// Sizes of the kernel's structures, in bytes.
const EPOLL_EVENT: u32 = 12;
pub(super) const FLOCK: u32 = 32;
pub(super) const IOVEC: u32 = 16;
const ITIMERSPEC: u32 = 32;
const ITIMERVAL: u32 = 32;
const MNT_ID_REQ: u32 = 24;
const MQ_ATTR: u32 = 64;
const POLLFD: u32 = 8;
const RLIMIT: u32 = 16;
const RUSAGE: u32 = 144;
const SEMBUF: u32 = 6;
const SIGACTION: u32 = 32;
const SIGEVENT: u32 = 64;
const SIGINFO: u32 = 128;
const SIGSET: u32 = 8;
const STAT: u32 = 144;
const STATFS: u32 = 120;
const STATX: u32 = 256;
const SYSINFO: u32 = 112;
pub(super) const TERMIOS: u32 = 36;
const TIMESPEC: u32 = 16;
const TIMEVAL: u32 = 16;
const TIMEX: u32 = 208;
const TMS: u32 = 32;
const UTSNAME: u32 = 390;

// Notes that several calls share.
const AIO: &str = "The kernel writes to user memory after the call.";
const METERED: &str = "Timers of CPU time hear of the guest's about twenty times a second.";
const CPU_TIME: &str = "Home adds the CPU time that the guest used.";
const ANSWERED: &str = "Answered at the guest: home sent it with the process.";
const ASKED: &str = "Asked at home each time: it may change there.";
const CLOCK_SET: &str = "The guest's clocks are those of home when it arrived: it arrives again.";
const FUTEX: &str = "All who share the memory are on one node.";
const LOCKS: &str = "Home counts it and looks at the limit; the guest's node locks it, as far as its own limit allows.";
const NUMA: &str = "For the memory at home, when it is there; at the guest nothing is placed.";
const OWN_PAGES: &str = "Home: of the process' own smaps, smaps_rollup, numa_maps and pagemap in /proc.";
const OWN_REFERENCES: &str = "Home: to the process' own clear_refs in /proc.";
const PKEYS: &str = "Protection keys are processor state and mapping state at once.";
// These calls take a temporary mask and leave the old one in `saved_sigmask`, with TIF_RESTORE_SIGMASK set, when they are
// interrupted; they answer ERESTARTNOHAND (epoll: EINTR). The deputy then takes the signal under the temporary mask. If it
// has a handler, a `Signal` frame ahead of the reply carries the siginfo, the temporary mask and the flag; the saved mask is
// the one that the guest has. Its kernel must find both masks as home's did, or it would not deliver a signal that only the
// temporary mask lets through, and rt_sigreturn would not restore the saved one. If no handler ran, the deputy restores the
// saved mask and runs the call again, except after EINTR. `pause` has no mask and otherwise does the same.
const SAVED_MASK: &str =
    "Waits at home under a temporary signal mask; a handler runs under it and returns to the old one.";
const SCHED: &str = "For the deputy only: the guest keeps the default priority of its node.";
const SELF_SIGNAL: &str = "A signal to oneself is sent ahead of the reply: its handler runs before the call returns.";
const STACK: &str = "The stack limit of a guest stays what it was when the process left.";
const UNBUILT: &str = "No such call in the kernel: ENOSYS.";

macro_rules! table {
    ($($nr:literal $name:ident $class:ident [$($arg:literal $how:expr),*] $($note:expr)?;)*) => {
        [$(Entry {
            nr: $nr,
            name: stringify!($name),
            class: Class::$class,
            args: &[$(Arg { arg: $arg, how: $how }),*],
            note: concat_note!($($note)?),
        }),*]
    };
}

macro_rules! concat_note {
    () => {
        ""
    };
    ($note:expr) => {
        $note
    };
}

/// How many calls the kernel has a number for.
const ROWS: usize = 375;

#[rustfmt::skip]
pub(super) static TABLE: [Entry; ROWS] = table! {
    0 read Forwarded [1 OutBufRet { len_arg: 2 }] OWN_PAGES;
    1 write Forwarded [1 InBuf { len_arg: 2 }] OWN_REFERENCES;
    2 open Forwarded [0 InStr];
    3 close Forwarded [];
    4 stat Forwarded [0 InStr, 1 OutFixed(STAT)];
    5 fstat Forwarded [1 OutFixed(STAT)];
    6 lstat Forwarded [0 InStr, 1 OutFixed(STAT)];
    7 poll Forwarded [0 InOutArray { count_arg: 1, size: POLLFD }];
    8 lseek Forwarded [];
    9 mmap Memory []
        "Home: droppable, locked or huge-page mappings, and shared ones that are writable or have no file. Of a file, \
         home looks at what became of it: shared and opened for writing, or device memory, brings the process home \
         too. MAP_POPULATE does nothing at the guest.";
    10 mprotect Memory [];
    11 munmap Memory [];
    12 brk Memory [];
    13 rt_sigaction Signal [1 InFixed(SIGACTION), 2 OutFixed(SIGACTION)];
    14 rt_sigprocmask Signal [1 InFixed(SIGSET), 2 OutFixed(SIGSET)];
    15 rt_sigreturn SigReturn [];
    16 ioctl Forwarded []
        "Terminal and socket basics are carried by number. Home: drivers that keep user memory (userfaultfd, KVM, \
         vhost, VFIO, RDMA, DRM), and the process' own pagemap in /proc.";
    17 pread64 Forwarded [1 OutBufRet { len_arg: 2 }] OWN_PAGES;
    18 pwrite64 Forwarded [1 InBuf { len_arg: 2 }] OWN_REFERENCES;
    19 readv Forwarded [1 OutIov { count_arg: 2 }] OWN_PAGES;
    20 writev Forwarded [1 InIov { count_arg: 2 }] OWN_REFERENCES;
    21 access Forwarded [0 InStr];
    22 pipe Forwarded [0 OutFixed(8)];
    23 select Forwarded [
        1 InOutFdSet { nfds_arg: 0 }, 2 InOutFdSet { nfds_arg: 0 }, 3 InOutFdSet { nfds_arg: 0 },
        4 InOutFixed(TIMEVAL)
    ];
    24 sched_yield Local [];
    25 mremap Memory [] "Home: MREMAP_DONTUNMAP; mappings of files.";
    26 msync Forwarded [] "What was written to shared mappings is brought home first.";
    27 mincore Local [] "Tells what is in the memory of the node where the process is.";
    28 madvise Memory []
        "Local: advice about pages (WILLNEED, COLD, PAGEOUT, POPULATE, COLLAPSE). Home: REMOVE, HWPOISON, \
         SOFT_OFFLINE, advice of later kernels. At home FREE is run as DONTNEED.";
    29 shmget Forwarded [];
    30 shmat Memory [];
    31 shmctl Forwarded [];
    32 dup Forwarded [];
    33 dup2 Forwarded [];
    34 pause Forwarded [];
    35 nanosleep Forwarded [0 InFixed(TIMESPEC), 1 InOutFixed(TIMESPEC)];
    36 getitimer Forwarded [1 OutFixed(ITIMERVAL)];
    37 alarm Forwarded [];
    38 setitimer Forwarded [1 InFixed(ITIMERVAL), 2 OutFixed(ITIMERVAL)]
        METERED;
    39 getpid Cached [] ANSWERED;
    40 sendfile Forwarded [2 InOutFixed(8)];
    41 socket Forwarded [];
    42 connect Forwarded [1 InBuf { len_arg: 2 }];
    43 accept Forwarded [1 InOutSized { len_ptr_arg: 2 }, 2 InOutFixed(4)];
    44 sendto Forwarded [1 InBuf { len_arg: 2 }, 4 InBuf { len_arg: 5 }];
    45 recvfrom Forwarded [1 OutBufRet { len_arg: 2 }, 4 InOutSized { len_ptr_arg: 5 }, 5 InOutFixed(4)];
    46 sendmsg Forwarded [1 InMsg];
    47 recvmsg Forwarded [1 InOutMsg];
    48 shutdown Forwarded [];
    49 bind Forwarded [1 InBuf { len_arg: 2 }];
    50 listen Forwarded [];
    51 getsockname Forwarded [1 InOutSized { len_ptr_arg: 2 }, 2 InOutFixed(4)];
    52 getpeername Forwarded [1 InOutSized { len_ptr_arg: 2 }, 2 InOutFixed(4)];
    53 socketpair Forwarded [3 InOutFixed(8)];
    54 setsockopt Forwarded [3 InBuf { len_arg: 4 }] "Home: XDP_UMEM_REG, which pins user memory.";
    55 getsockopt Forwarded [3 InOutSized { len_ptr_arg: 4 }, 4 InOutFixed(4)];
    56 clone Life [];
    57 fork Life [];
    58 vfork Life [];
    59 execve Exec [0 InStr, 1 InStrs, 2 InStrs];
    60 exit Exit [];
    61 wait4 Forwarded [1 InOutFixed(4), 3 InOutFixed(RUSAGE)];
    62 kill Forwarded [] SELF_SIGNAL;
    63 uname Forwarded [0 OutFixed(UTSNAME)] "Home's names.";
    64 semget Forwarded [];
    65 semop Forwarded [1 InArray { count_arg: 2, size: SEMBUF }];
    66 semctl Forwarded [];
    67 shmdt Memory [];
    68 msgget Forwarded [];
    69 msgsnd Forwarded [];
    70 msgrcv Forwarded [];
    71 msgctl Forwarded [];
    72 fcntl Forwarded [] "Locks are carried by operation.";
    73 flock Forwarded [];
    74 fsync Forwarded [];
    75 fdatasync Forwarded [];
    76 truncate Forwarded [0 InStr];
    77 ftruncate Forwarded [];
    78 getdents Forwarded [1 OutBufRet { len_arg: 2 }];
    79 getcwd Forwarded [0 OutBufRet { len_arg: 1 }];
    80 chdir Forwarded [0 InStr];
    81 fchdir Forwarded [];
    82 rename Forwarded [0 InStr, 1 InStr];
    83 mkdir Forwarded [0 InStr];
    84 rmdir Forwarded [0 InStr];
    85 creat Forwarded [0 InStr];
    86 link Forwarded [0 InStr, 1 InStr];
    87 unlink Forwarded [0 InStr];
    88 symlink Forwarded [0 InStr, 1 InStr];
    89 readlink Forwarded [0 InStr, 1 OutBufRet { len_arg: 2 }];
    90 chmod Forwarded [0 InStr];
    91 fchmod Forwarded [];
    92 chown Forwarded [0 InStr];
    93 fchown Forwarded [];
    94 lchown Forwarded [0 InStr];
    95 umask Forwarded [];
    96 gettimeofday Clock [];
    97 getrlimit Forwarded [1 OutFixed(RLIMIT)];
    98 getrusage Forwarded [1 OutFixed(RUSAGE)]
        "Home adds the CPU time that the guest used, and knows the most memory it had.";
    99 sysinfo Forwarded [0 OutFixed(SYSINFO)] "Home's memory and load.";
    100 times Forwarded [0 OutFixed(TMS)] CPU_TIME;
    101 ptrace Home [] "A tracer watches from home; a traced process stays there.";
    102 getuid Cached [] ASKED;
    103 syslog Forwarded [];
    104 getgid Cached [] ASKED;
    105 setuid Forwarded [];
    106 setgid Forwarded [];
    107 geteuid Cached [] ASKED;
    108 getegid Cached [] ASKED;
    109 setpgid Forwarded [];
    110 getppid Cached [] ASKED;
    111 getpgrp Forwarded [];
    112 setsid Forwarded [];
    113 setreuid Forwarded [];
    114 setregid Forwarded [];
    115 getgroups Forwarded [1 OutArrayRet { count_arg: 0, size: 4 }];
    116 setgroups Forwarded [1 InArray { count_arg: 0, size: 4 }];
    117 setresuid Forwarded [];
    118 getresuid Forwarded [0 OutFixed(4), 1 OutFixed(4), 2 OutFixed(4)];
    119 setresgid Forwarded [];
    120 getresgid Forwarded [0 OutFixed(4), 1 OutFixed(4), 2 OutFixed(4)];
    121 getpgid Forwarded [];
    122 setfsuid Forwarded [];
    123 setfsgid Forwarded [];
    124 getsid Forwarded [];
    125 capget Forwarded [0 InOutFixed(8), 1 InOutFixed(24)];
    126 capset Forwarded [0 InOutFixed(8), 1 InFixed(24)];
    127 rt_sigpending Forwarded [0 OutBuf { len_arg: 1 }] "Blocked signals wait at home.";
    128 rt_sigtimedwait Forwarded [0 InFixed(SIGSET), 1 OutFixed(SIGINFO), 2 InFixed(TIMESPEC)]
        "Takes the signal at home; none reaches the guest.";
    129 rt_sigqueueinfo Forwarded [2 InFixed(SIGINFO)];
    130 rt_sigsuspend Forwarded [0 InFixed(SIGSET)] SAVED_MASK;
    131 sigaltstack Local [] "Moves with the process.";
    132 utime Forwarded [0 InStr, 1 InFixed(16)];
    133 mknod Forwarded [0 InStr];
    134 uselib Forwarded [] UNBUILT;
    135 personality Home [] "Forwarded: the question (0xffffffff).";
    136 ustat Forwarded [1 OutFixed(32)];
    137 statfs Forwarded [0 InStr, 1 OutFixed(STATFS)];
    138 fstatfs Forwarded [1 OutFixed(STATFS)];
    139 sysfs Forwarded [];
    140 getpriority Forwarded [];
    141 setpriority Forwarded [] SCHED;
    142 sched_setparam Forwarded [1 InFixed(4)] SCHED;
    143 sched_getparam Forwarded [1 OutFixed(4)];
    144 sched_setscheduler Forwarded [2 InFixed(4)] SCHED;
    145 sched_getscheduler Forwarded [];
    146 sched_get_priority_max Forwarded [];
    147 sched_get_priority_min Forwarded [];
    148 sched_rr_get_interval Forwarded [1 OutFixed(TIMESPEC)];
    149 mlock Memory [] LOCKS;
    150 munlock Memory [];
    151 mlockall Home [] "What is locked now or later belongs to the node that locks it.";
    152 munlockall Memory [];
    153 vhangup Forwarded [];
    154 modify_ldt Home [] "Processor state.";
    155 pivot_root Forwarded [0 InStr, 1 InStr];
    156 _sysctl Forwarded [] UNBUILT;
    157 prctl Home []
        "Forwarded: what the deputy holds (names, dumpable, capabilities, no_new_privs, death signal, timer slack, \
         subreaper) and most questions. Memory: PR_SET_VMA. Local: PR_GET_TID_ADDRESS.";
    158 arch_prctl Home [] "Local: the FS and GS bases.";
    159 adjtimex Forwarded [0 InOutFixed(TIMEX)];
    160 setrlimit Forwarded [1 InFixed(RLIMIT)] STACK;
    161 chroot Forwarded [0 InStr];
    162 sync Forwarded [];
    163 acct Forwarded [0 InStr];
    164 settimeofday Home [] CLOCK_SET;
    165 mount Forwarded [0 InStr, 1 InStr, 2 InStr];
    166 umount2 Forwarded [0 InStr];
    167 swapon Forwarded [0 InStr];
    168 swapoff Forwarded [0 InStr];
    169 reboot Forwarded [];
    170 sethostname Forwarded [0 InBuf { len_arg: 1 }];
    171 setdomainname Forwarded [0 InBuf { len_arg: 1 }];
    172 iopl Home [] "Processor state.";
    173 ioperm Home [] "Processor state.";
    174 create_module Forwarded [] UNBUILT;
    175 init_module Forwarded [2 InStr];
    176 delete_module Forwarded [0 InStr];
    177 get_kernel_syms Forwarded [] UNBUILT;
    178 query_module Forwarded [] UNBUILT;
    179 quotactl Forwarded [1 InStr];
    180 nfsservctl Forwarded [] UNBUILT;
    181 getpmsg Forwarded [] UNBUILT;
    182 putpmsg Forwarded [] UNBUILT;
    183 afs_syscall Forwarded [] UNBUILT;
    184 tuxcall Forwarded [] UNBUILT;
    185 security Forwarded [] UNBUILT;
    186 gettid Cached [] ANSWERED;
    187 readahead Forwarded [];
    188 setxattr Forwarded [0 InStr, 1 InStr, 2 InBuf { len_arg: 3 }];
    189 lsetxattr Forwarded [0 InStr, 1 InStr, 2 InBuf { len_arg: 3 }];
    190 fsetxattr Forwarded [1 InStr, 2 InBuf { len_arg: 3 }];
    191 getxattr Forwarded [0 InStr, 1 InStr, 2 OutBufRet { len_arg: 3 }];
    192 lgetxattr Forwarded [0 InStr, 1 InStr, 2 OutBufRet { len_arg: 3 }];
    193 fgetxattr Forwarded [1 InStr, 2 OutBufRet { len_arg: 3 }];
    194 listxattr Forwarded [0 InStr, 1 OutBufRet { len_arg: 2 }];
    195 llistxattr Forwarded [0 InStr, 1 OutBufRet { len_arg: 2 }];
    196 flistxattr Forwarded [1 OutBufRet { len_arg: 2 }];
    197 removexattr Forwarded [0 InStr, 1 InStr];
    198 lremovexattr Forwarded [0 InStr, 1 InStr];
    199 fremovexattr Forwarded [1 InStr];
    200 tkill Forwarded [] SELF_SIGNAL;
    201 time Clock [];
    202 futex Local [] "All who share the memory are on one node. Clock: a wait until a time of day.";
    203 sched_setaffinity Forwarded [2 InBuf { len_arg: 1 }] "Binds the deputy, by home's processor numbers.";
    204 sched_getaffinity Forwarded [2 OutBufRet { len_arg: 1 }] "Home's processors.";
    205 set_thread_area Forwarded [] UNBUILT;
    206 io_setup Home [] AIO;
    207 io_destroy Home [] AIO;
    208 io_getevents Home [] AIO;
    209 io_submit Home [] AIO;
    210 io_cancel Home [] AIO;
    211 get_thread_area Forwarded [] UNBUILT;
    212 lookup_dcookie Forwarded [] UNBUILT;
    213 epoll_create Forwarded [];
    214 epoll_ctl_old Forwarded [] UNBUILT;
    215 epoll_wait_old Forwarded [] UNBUILT;
    216 remap_file_pages Home [] "Shared memory.";
    217 getdents64 Forwarded [1 OutBufRet { len_arg: 2 }];
    218 set_tid_address Local [] "Not at home: a dying deputy would write to the guest's memory.";
    219 restart_syscall Restart [];
    220 semtimedop Forwarded [1 InArray { count_arg: 2, size: SEMBUF }, 3 InFixed(TIMESPEC)];
    221 fadvise64 Forwarded [];
    222 timer_create Forwarded [1 InFixed(SIGEVENT), 2 OutFixed(4)] METERED;
    223 timer_settime Forwarded [2 InFixed(ITIMERSPEC), 3 OutFixed(ITIMERSPEC)];
    224 timer_gettime Forwarded [1 OutFixed(ITIMERSPEC)];
    225 timer_getoverrun Forwarded [];
    226 timer_delete Forwarded [];
    227 clock_settime Home [] CLOCK_SET;
    228 clock_gettime Forwarded [1 OutFixed(TIMESPEC)]
        "Local: the monotonic clock, its coarse one and boottime, by the time namespace. Clock: realtime, its coarse one, raw \
         and TAI. For CPU-time clocks home adds what the guest used.";
    229 clock_getres Forwarded [1 OutFixed(TIMESPEC)] "Local: the clocks that clock_gettime reads without home.";
    230 clock_nanosleep Forwarded [2 InFixed(TIMESPEC), 3 InOutFixed(TIMESPEC)] METERED;
    231 exit_group Exit [];
    232 epoll_wait Forwarded [1 OutArrayRet { count_arg: 2, size: EPOLL_EVENT }];
    233 epoll_ctl Forwarded [3 InFixed(EPOLL_EVENT)];
    234 tgkill Forwarded [] SELF_SIGNAL;
    235 utimes Forwarded [0 InStr, 1 InFixed(2 * TIMEVAL)];
    236 vserver Forwarded [] UNBUILT;
    237 mbind Forwarded [] NUMA;
    238 set_mempolicy Forwarded [] NUMA;
    239 get_mempolicy Forwarded [] NUMA;
    240 mq_open Forwarded [0 InStr, 3 InFixed(MQ_ATTR)];
    241 mq_unlink Forwarded [0 InStr];
    242 mq_timedsend Forwarded [1 InBuf { len_arg: 2 }, 4 InFixed(TIMESPEC)];
    243 mq_timedreceive Forwarded [1 OutBufRet { len_arg: 2 }, 3 OutFixed(4), 4 InFixed(TIMESPEC)];
    244 mq_notify Forwarded [1 InFixed(SIGEVENT)];
    245 mq_getsetattr Forwarded [1 InFixed(MQ_ATTR), 2 OutFixed(MQ_ATTR)];
    246 kexec_load Forwarded [];
    247 waitid Forwarded [2 InOutFixed(SIGINFO), 4 InOutFixed(RUSAGE)];
    248 add_key Forwarded [0 InStr, 1 InStr, 2 InBuf { len_arg: 3 }];
    249 request_key Forwarded [0 InStr, 1 InStr, 2 InStr];
    250 keyctl Forwarded [];
    251 ioprio_set Forwarded [];
    252 ioprio_get Forwarded [];
    253 inotify_init Forwarded [];
    254 inotify_add_watch Forwarded [1 InStr];
    255 inotify_rm_watch Forwarded [];
    256 migrate_pages Forwarded [] NUMA;
    257 openat Forwarded [1 InStr];
    258 mkdirat Forwarded [1 InStr];
    259 mknodat Forwarded [1 InStr];
    260 fchownat Forwarded [1 InStr];
    261 futimesat Forwarded [1 InStr, 2 InFixed(2 * TIMEVAL)];
    262 newfstatat Forwarded [1 InStr, 2 OutFixed(STAT)];
    263 unlinkat Forwarded [1 InStr];
    264 renameat Forwarded [1 InStr, 3 InStr];
    265 linkat Forwarded [1 InStr, 3 InStr];
    266 symlinkat Forwarded [0 InStr, 2 InStr];
    267 readlinkat Forwarded [1 InStr, 2 OutBufRet { len_arg: 3 }];
    268 fchmodat Forwarded [1 InStr];
    269 faccessat Forwarded [1 InStr];
    270 pselect6 Forwarded [
        1 InOutFdSet { nfds_arg: 0 }, 2 InOutFdSet { nfds_arg: 0 }, 3 InOutFdSet { nfds_arg: 0 },
        4 InOutFixed(TIMESPEC), 5 InSigSetRef
    ] SAVED_MASK;
    271 ppoll Forwarded [0 InOutArray { count_arg: 1, size: POLLFD }, 2 InOutFixed(TIMESPEC), 3 InFixed(SIGSET)]
        SAVED_MASK;
    272 unshare Home [] "Namespaces belong to home.";
    273 set_robust_list Local [] "Not at home: a dying deputy would walk the guest's memory.";
    274 get_robust_list Local [] "Home: of another task.";
    275 splice Forwarded [1 InOutFixed(8), 3 InOutFixed(8)];
    276 tee Forwarded [];
    277 sync_file_range Forwarded [];
    278 vmsplice Home [] "A pipe keeps user pages after the call.";
    279 move_pages Home [] "It tells of every single page where it is.";
    280 utimensat Forwarded [1 InStr, 2 InFixed(2 * TIMESPEC)];
    281 epoll_pwait Forwarded [1 OutArrayRet { count_arg: 2, size: EPOLL_EVENT }, 4 InFixed(SIGSET)] SAVED_MASK;
    282 signalfd Forwarded [1 InBuf { len_arg: 2 }];
    283 timerfd_create Forwarded [];
    284 eventfd Forwarded [];
    285 fallocate Forwarded [];
    286 timerfd_settime Forwarded [2 InFixed(ITIMERSPEC), 3 OutFixed(ITIMERSPEC)];
    287 timerfd_gettime Forwarded [1 OutFixed(ITIMERSPEC)];
    288 accept4 Forwarded [1 InOutSized { len_ptr_arg: 2 }, 2 InOutFixed(4)];
    289 signalfd4 Forwarded [1 InBuf { len_arg: 2 }];
    290 eventfd2 Forwarded [];
    291 epoll_create1 Forwarded [];
    292 dup3 Forwarded [];
    293 pipe2 Forwarded [0 OutFixed(8)];
    294 inotify_init1 Forwarded [];
    295 preadv Forwarded [1 OutIov { count_arg: 2 }] OWN_PAGES;
    296 pwritev Forwarded [1 InIov { count_arg: 2 }] OWN_REFERENCES;
    297 rt_tgsigqueueinfo Forwarded [3 InFixed(SIGINFO)];
    298 perf_event_open Home [] "Counts on the processor where the process runs.";
    299 recvmmsg Forwarded [4 InOutFixed(TIMESPEC)];
    300 fanotify_init Forwarded [];
    301 fanotify_mark Forwarded [4 InStr];
    302 prlimit64 Forwarded [2 InFixed(RLIMIT), 3 OutFixed(RLIMIT)] STACK;
    303 name_to_handle_at Forwarded [1 InStr];
    304 open_by_handle_at Forwarded [];
    305 clock_adjtime Forwarded [1 InOutFixed(TIMEX)];
    306 syncfs Forwarded [];
    307 sendmmsg Forwarded [];
    308 setns Home [] "Namespaces belong to home.";
    309 getcpu Local [] "The guest's node may number more processors than home has.";
    310 process_vm_readv Forwarded [1 OutIov { count_arg: 2 }, 3 InArray { count_arg: 4, size: IOVEC }];
    311 process_vm_writev Forwarded [1 InIov { count_arg: 2 }, 3 InArray { count_arg: 4, size: IOVEC }];
    312 kcmp Forwarded [];
    313 finit_module Forwarded [1 InStr];
    314 sched_setattr Forwarded [1 InOutFixed(56)] SCHED;
    315 sched_getattr Forwarded [1 InOutArray { count_arg: 2, size: 1 }];
    316 renameat2 Forwarded [1 InStr, 3 InStr];
    317 seccomp Home [] "The filter must see every call.";
    318 getrandom Local [] "Any node's random bytes are as good.";
    319 memfd_create Forwarded [0 InStr];
    320 kexec_file_load Forwarded [];
    321 bpf Forwarded [1 InOutArray { count_arg: 2, size: 1 }];
    322 execveat Exec [1 InStr, 2 InStrs, 3 InStrs];
    323 userfaultfd Home [] "Watches the faults of one address space.";
    324 membarrier Local [] "Memory: registrations, which mark the address space.";
    325 mlock2 Memory [] LOCKS;
    326 copy_file_range Forwarded [1 InOutFixed(8), 3 InOutFixed(8)];
    327 preadv2 Forwarded [1 OutIov { count_arg: 2 }] OWN_PAGES;
    328 pwritev2 Forwarded [1 InIov { count_arg: 2 }] OWN_REFERENCES;
    329 pkey_mprotect Home [] PKEYS;
    330 pkey_alloc Home [] PKEYS;
    331 pkey_free Home [] PKEYS;
    332 statx Forwarded [1 InStr, 4 OutFixed(STATX)];
    333 io_pgetevents Home [] AIO;
    334 rseq Local [] "Registered anew wherever the process goes.";
    335 uretprobe Home [] "Only uprobe trampolines call it.";
    424 pidfd_send_signal Forwarded [2 InFixed(SIGINFO)];
    425 io_uring_setup Home [] AIO;
    426 io_uring_enter Home [] AIO;
    427 io_uring_register Home [] AIO;
    428 open_tree Forwarded [1 InStr];
    429 move_mount Forwarded [1 InStr, 3 InStr];
    430 fsopen Forwarded [0 InStr];
    431 fsconfig Forwarded [2 InStr];
    432 fsmount Forwarded [];
    433 fspick Forwarded [1 InStr];
    434 pidfd_open Forwarded [];
    435 clone3 Life [];
    436 close_range Forwarded [];
    437 openat2 Forwarded [1 InStr, 2 InBuf { len_arg: 3 }];
    438 pidfd_getfd Forwarded [];
    439 faccessat2 Forwarded [1 InStr];
    440 process_madvise Home [] "May name oneself or a process that is away.";
    441 epoll_pwait2 Forwarded [
        1 OutArrayRet { count_arg: 2, size: EPOLL_EVENT }, 3 InFixed(TIMESPEC), 4 InFixed(SIGSET)
    ] SAVED_MASK;
    442 mount_setattr Forwarded [1 InStr, 3 InBuf { len_arg: 4 }];
    443 quotactl_fd Forwarded [];
    444 landlock_create_ruleset Forwarded [0 InBuf { len_arg: 1 }];
    445 landlock_add_rule Forwarded [];
    446 landlock_restrict_self Forwarded [];
    447 memfd_secret Forwarded [] "Its mapping is shared and comes home.";
    448 process_mrelease Forwarded [];
    449 futex_waitv Local [] FUTEX;
    450 set_mempolicy_home_node Forwarded [] NUMA;
    451 cachestat Forwarded [1 InFixed(16), 2 OutFixed(40)];
    452 fchmodat2 Forwarded [1 InStr];
    453 map_shadow_stack Home [] "Processor state.";
    454 futex_wake Local [] FUTEX;
    455 futex_wait Local [] FUTEX;
    456 futex_requeue Local [] FUTEX;
    457 statmount Forwarded [0 InFixed(MNT_ID_REQ)];
    458 listmount Forwarded [0 InFixed(MNT_ID_REQ), 1 OutArrayRet { count_arg: 2, size: 8 }];
    459 lsm_get_self_attr Forwarded [1 InOutSized { len_ptr_arg: 2 }, 2 InOutFixed(4)];
    460 lsm_set_self_attr Forwarded [1 InBuf { len_arg: 2 }];
    461 lsm_list_modules Forwarded [0 InOutSized { len_ptr_arg: 1 }, 1 InOutFixed(4)];
    462 mseal Home [] "Seals a mapping for good.";
};

// `lookup` computes the place of a number; this proves that it computes right.
const _: () = {
    let mut i = 0;
    while i < ROWS {
        let gap = if i < GAP_START as usize { 0 } else { GAP_END - GAP_START };
        assert!(TABLE[i].nr == i as u32 + gap);
        i += 1;
    }
};
