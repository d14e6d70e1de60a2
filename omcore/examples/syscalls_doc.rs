// SPDX-License-Identifier: GPL-2.0-only

//! Prints `docs/syscalls.md` from the system call table:
//! `cargo run -p omcore --example syscalls_doc > docs/syscalls.md`

use omcore::syscalls::{all, carried, refine, Arg, ArgUse, Class, Entry};
use std::fmt::Write;

const INTRODUCTION: &str = "\
<!-- Generated from omcore/src/syscalls.rs and its table. Do not edit; run
     cargo run -p omcore --example syscalls_doc > docs/syscalls.md -->

# System calls of a process that is away

A process that runs on another node is in two halves. The *guest* is there: it has the memory and computes. The *deputy*
is at home: it has the process number, the files, the sockets, the user's rights, the parent and the children. Each
system call of the process belongs to exactly one class, which says which half executes it. What a program notices of it
is mostly time, for a call that needs home costs a round trip over the network; what else is in [limits.md](limits.md).

To judge whether a program gains from leaving, look at the calls it makes while it computes (`strace -c` tells). *Local*
calls, `getpid` and `gettid` cost what they always cost. *Forwarded*, *memory* and *signal* calls, and the other *cached*
ones, cost a round trip each. *Life* calls cost some round trips more, *exec* a move of the fresh program. *Home* calls
bring the process home, and it goes back when it has made them, if it may leave; that depends on what the call left behind,
and `/proc/hpc/pids/PID/cantmove` says so. Such a call costs two moves.

A call that the table does not know, of a newer kernel perhaps, is forwarded.

";

const CARRIED: &str = "\
## What travels with a call

The deputy can reach all memory of its guest: when a forwarded call touches a page, the page is fetched over the link, and
what the call changed is sent back. Any call works that way, whatever its arguments point at. For the usual calls the
`carried` column saves these extra round trips. It lists arguments, counted from 0, that point at memory which the call
reads (*in*), writes (*out*), or both (*in/out*). `arg2` means the value of argument 2, `ret` what the call returned. The
pages of that memory travel with the request, at most 256; only the whole pages of a buffer that the call fills from its
beginning (*out, ret of … bytes*) stay where they are. The bytes that the call changed come back with the reply. Nothing
depends on this column but speed.

";

/// The whole document.
pub fn render() -> String {
    let mut text = String::from(INTRODUCTION);
    text.push_str("## The classes\n\n| class | calls | who executes it |\n|---|---:|---|\n");
    for class in Class::ALL {
        let count = all().iter().filter(|entry| entry.class == class).count();
        writeln!(text, "| {} | {count} | {} |", class.word(), meaning(class)).unwrap();
    }
    text.push_str(
        "\nSome calls have several uses; a `*` marks them. The table shows the class of the ordinary use, the \
         notes name the others.\n\n",
    );
    text.push_str(CARRIED);
    text.push_str("## All calls\n\n| nr | name | class | carried | notes |\n|---:|---|---|---|---|\n");
    for entry in all() {
        let star = if has_several_uses(entry) { "\\*" } else { "" };
        let carries = entry.args.iter().map(describe).collect::<Vec<_>>().join("; ");
        let Entry { nr, name, class, note, .. } = entry;
        writeln!(text, "| {nr} | {name} | {}{star} | {carries} | {note} |", class.word()).unwrap();
    }
    by_operation(&mut text);
    text
}

fn meaning(class: Class) -> &'static str {
    match class {
        Class::Local => "The guest's kernel alone, at native speed.",
        Class::Clock => "The guest's kernel alone, with the difference between its clock and home's.",
        Class::Cached => {
            "Small numbers of the process. `getpid` and `gettid`: the guest's node, at native speed, from what home sent \
             with the process. The others: the deputy, as if they were forwarded."
        }
        Class::Forwarded => {
            "The deputy, at home, with home's files, devices, network, users and clocks. One round trip and the \
             data's way."
        }
        Class::Memory => {
            "Home first, then the guest's kernel repeats it: both keep the same map of the memory, and home's limits \
             count. One round trip."
        }
        Class::Signal => {
            "Home first, then the guest's kernel: both know which signals are blocked or handled. One round trip."
        }
        Class::SigReturn => {
            "The guest's kernel, at the end of a signal handler; home is told which signals are blocked from now on. \
             It does not wait."
        }
        Class::Life => {
            "Both: home makes its half of the child and gives it its number, then the guest's node makes the other half by \
             copying what is there; the child works where its parent does. Threads are made at home."
        }
        Class::Exec => {
            "The deputy, from its own files; the guest ends, and the new program leaves for the same node before it begins."
        }
        Class::Exit => "The deputy ends with this status, as its parent expects; the guest is gone.",
        Class::Home => {
            "Home, where the process goes first and executes the call as if it had never left: the call ties the \
             kernel to the process's memory or processor."
        }
        Class::Restart => {
            "Whoever executed the interrupted call goes on with it. Programs do not make this call, the kernel does."
        }
    }
}

/// Do some arguments give another class? Tried with every small value, and the few large ones that mean something.
fn has_several_uses(entry: &Entry) -> bool {
    let large = [0x1002, 0x4_0022, u64::from(u32::MAX), 0xaa00, 0x5356_4d41];
    (0..6).any(|place| {
        (0..512).chain(large).any(|value| {
            let mut args = [0; 6];
            args[place] = value;
            refine(entry.nr, args) != entry.class
        })
    }) || refine(entry.nr, [0, 283, 4, 0, 0, 0]) != entry.class
}

fn describe(arg: &Arg) -> String {
    use ArgUse::*;
    let what = match arg.how {
        InBuf { len_arg } => format!("in, arg{len_arg} bytes"),
        InStr => "in, string".into(),
        InStrs => "in, strings".into(),
        InFixed(n) => format!("in, {n} bytes"),
        InArray { count_arg, size } => format!("in, arg{count_arg} × {size} bytes"),
        InIov { count_arg } => format!("in, data of arg{count_arg} iovecs"),
        InMsg => "in, message".into(),
        InSigSetRef => "in, signal set".into(),
        OutFixed(n) => format!("out, {n} bytes"),
        OutBuf { len_arg } => format!("out, arg{len_arg} bytes"),
        OutBufRet { len_arg } => format!("out, ret of arg{len_arg} bytes"),
        OutArrayRet { count_arg, size } => format!("out, ret of arg{count_arg} × {size} bytes"),
        OutIov { count_arg } => format!("out, ret bytes in arg{count_arg} iovecs"),
        InOutFixed(n) => format!("in/out, {n} bytes"),
        InOutArray { count_arg, size: 1 } => format!("in/out, arg{count_arg} bytes"),
        InOutArray { count_arg, size } => format!("in/out, arg{count_arg} × {size} bytes"),
        InOutSized { len_ptr_arg } => format!("in/out, *arg{len_ptr_arg} bytes"),
        InOutFdSet { nfds_arg } => format!("in/out, arg{nfds_arg} bits"),
        InOutMsg => "in/out, message".into(),
    };
    format!("{}: {what}", arg.arg)
}

/// A call, the argument that selects its operation, the operation's name and value.
type Operation = (&'static str, usize, &'static str, u64);

/// The operations of ioctl, fcntl and prctl that carry something.
const OPERATIONS: [Operation; 18] = [
    ("ioctl", 1, "TCGETS", 0x5401),
    ("ioctl", 1, "TCSETS", 0x5402),
    ("ioctl", 1, "TCSETSW", 0x5403),
    ("ioctl", 1, "TCSETSF", 0x5404),
    ("ioctl", 1, "TIOCGPGRP", 0x540f),
    ("ioctl", 1, "TIOCSPGRP", 0x5410),
    ("ioctl", 1, "TIOCOUTQ", 0x5411),
    ("ioctl", 1, "TIOCGWINSZ", 0x5413),
    ("ioctl", 1, "FIONREAD", 0x541b),
    ("ioctl", 1, "FIONBIO", 0x5421),
    ("fcntl", 1, "F_GETLK", 5),
    ("fcntl", 1, "F_SETLK", 6),
    ("fcntl", 1, "F_SETLKW", 7),
    ("fcntl", 1, "F_OFD_GETLK", 36),
    ("fcntl", 1, "F_OFD_SETLK", 37),
    ("fcntl", 1, "F_OFD_SETLKW", 38),
    ("prctl", 0, "PR_SET_NAME", 15),
    ("prctl", 0, "PR_GET_NAME", 16),
];

fn by_operation(text: &mut String) {
    text.push_str("\n## Calls that carry by operation\n\n| name | operation | carried |\n|---|---|---|\n");
    for (call, place, operation, value) in OPERATIONS {
        let mut args = [0; 6];
        args[place] = value;
        for entry in all().iter().filter(|entry| entry.name == call) {
            let carries = carried(entry.nr, args).iter().map(describe).collect::<Vec<_>>().join("; ");
            writeln!(text, "| {call} | {operation} | {carries} |").unwrap();
        }
    }
}

#[allow(dead_code)] // the test of the document includes this file
fn main() {
    print!("{}", render());
}
