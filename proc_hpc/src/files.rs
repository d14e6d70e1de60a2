// SPDX-License-Identifier: GPL-2.0-only

//! The rows of the table of files; [`super::tree`] says what a row is and finds one.

use super::tree::{File, Guard, Kind};

const fn read(path: &'static str, kind: Kind, help: &'static str, origin: &'static str) -> File {
    File { path, mode: 0o444, guard: Guard::ReadOnly, kind, default: None, unit: "", help, origin }
}

const fn toggle(path: &'static str, help: &'static str, origin: &'static str) -> File {
    File {
        path,
        mode: 0o644,
        guard: Guard::Root,
        kind: Kind::Toggle,
        default: Some("0"),
        unit: "",
        help,
        origin,
    }
}

const fn root(path: &'static str, mode: u16, kind: Kind, help: &'static str, origin: &'static str) -> File {
    File { path, mode, guard: Guard::Root, kind, default: None, unit: "", help, origin }
}

/// A number that root sets: from `least` to `most`, before that `default`.
const fn setting(
    path: &'static str,
    (least, most): (u64, u64),
    default: &'static str,
    unit: &'static str,
    help: &'static str,
    origin: &'static str,
) -> File {
    let kind = Kind::Range(least, most);
    File { default: Some(default), unit, ..root(path, 0o644, kind, help, origin) }
}

/// What a process says of itself by writing 1.
const fn decay(path: &'static str, help: &'static str, origin: &'static str) -> File {
    File { guard: Guard::Anyone, ..owner(path, Kind::Command, help, origin) }
}

const fn owner(path: &'static str, kind: Kind, help: &'static str, origin: &'static str) -> File {
    File { path, mode: 0o666, guard: Guard::Owner, kind, default: None, unit: "", help, origin }
}

/// Every file, folder by folder. `bring` and `expel` are readable for their reasons' sake.
pub const FILES: &[File] = &[
    read(
        "config",
        Kind::Config,
        "the node map and this node's id; empty when not a member",
        "config (table 5.1)",
    ),
    File {
        default: Some("0"),
        ..read(
            "gateways",
            Kind::Number,
            "gateways between this node and the farthest; the same as admin/gateways",
            "gateways (table 5.1)",
        )
    },
    root(
        "admin/config",
        0o644,
        Kind::Config,
        "join with \"self ID\" and a map, leave with \"off\"",
        "admin/config (table 5.2)",
    ),
    toggle("admin/block", "1: take no guests", "admin/block (table 5.2)"),
    toggle("admin/stay", "1: no process leaves by itself", "admin/stay (table 5.2)"),
    toggle(
        "admin/lstay",
        "1: this node's own processes do not leave by themselves",
        "admin/lstay (table 5.2)",
    ),
    toggle("admin/quiet", "1: tell nobody this node's load", "admin/quiet (table 5.2)"),
    root(
        "admin/bring",
        0o600,
        Kind::Command,
        "1: set lstay, bring every own process home, return when done",
        "admin/bring (table 5.2)",
    ),
    root(
        "admin/expel",
        0o600,
        Kind::Command,
        "1: set block, send every guest home, return when done",
        "admin/expel (table 5.2)",
    ),
    read("admin/mospe", Kind::Node, "this node's id; 0 when not a member", "admin/mospe (table 5.2)"),
    read("admin/version", Kind::Lines, "the module's version", "admin/version (table 6.2)"),
    root("admin/key", 0o200, Kind::Key, "the cluster key, 64 hexadecimal digits", ""),
    toggle("admin/trusted", "1: links without a key, for networks where every machine is trusted", ""),
    root(
        "admin/speed",
        0o644,
        Kind::Range(1, u64::MAX),
        "this node's speed, in units of sspeed",
        "admin/speed (table 5.2)",
    ),
    File {
        default: Some("10000"),
        ..root(
            "admin/sspeed",
            0o644,
            Kind::Range(1, u64::MAX),
            "the speed of a standard processor",
            "admin/sspeed (table 6.2)",
        )
    },
    setting(
        "admin/gateways",
        (0, 2),
        "0",
        "gateways",
        "gateways between this node and the farthest: a question for the load waits 1 + this times as long",
        "admin/gateways (table 5.2)",
    ),
    setting(
        "admin/period",
        (100, 60_000),
        "1000",
        "ms",
        "time between two load messages, and between two decisions of the balancer",
        "",
    ),
    File {
        default: Some("1"),
        ..toggle("admin/balance", "1: processes are moved by themselves; 0: only commands move them", "")
    },
    File {
        default: Some("cost"),
        ..root(
            "admin/policy",
            0o644,
            Kind::Policy,
            "how the balancer decides: by opportunity cost, or by thresholds of the number of running processes",
            "",
        )
    },
    File {
        default: Some("1 3 9"),
        unit: "running processes",
        ..root(
            "admin/thresholds",
            0o644,
            Kind::Thresholds,
            "policy thresholds: with how many running processes a node is under, full, over",
            "",
        )
    },
    setting(
        "admin/victim",
        (1, 4),
        "2",
        "",
        "policy thresholds: which process leaves: 1 least processor time used, 2 most, 3 least memory, 4 most",
        "",
    ),
    File {
        default: Some(""),
        ..root(
            "admin/preferred",
            0o644,
            Kind::Nodes,
            "policy thresholds: nodes to ask first; empty: made from the map, so that different nodes prefer different ones",
            "",
        )
    },
    setting(
        "admin/loadlimit",
        (0, u64::MAX),
        "0",
        "load; 100 is one running process on a standard processor",
        "take no guest while the load is above this; 0: no limit",
        "load_limit (CONFIG_MOSIX_LOADLIMIT)",
    ),
    setting(
        "admin/loadlimitmode",
        (0, 2),
        "0",
        "",
        "what loadlimit counts: 0 all processes, 1 guests only, 2 own processes only",
        "load_limit_mode (CONFIG_MOSIX_LOADLIMIT)",
    ),
    setting(
        "admin/cpulimit",
        (0, u64::MAX),
        "0",
        "percent of one processor",
        "take no guest while processors are used more than this; 0: no limit",
        "cpu_limit (CONFIG_MOSIX_LOADLIMIT)",
    ),
    setting(
        "admin/cpulimitmode",
        (0, 2),
        "0",
        "",
        "what cpulimit counts: 0 all processes, 1 guests only, 2 own processes only",
        "cpu_limit_mode (CONFIG_MOSIX_LOADLIMIT)",
    ),
    setting("admin/maxguests", (0, u64::MAX), "0", "guests", "most guests at a time; 0: no limit", ""),
    setting(
        "admin/residence",
        (0, 86_400),
        "5",
        "s",
        "a process that has just moved is not moved by itself again before it has been on its node so long; after its second move by itself it goes anywhere but home only after twice as long, and so on",
        "",
    ),
    setting(
        "admin/decayinterval",
        (1, 3600),
        "60",
        "s",
        "how often the statistics of processes decay",
        "admin/decay-interval (table 5.2)",
    ),
    File {
        default: Some("976"),
        unit: "per mille",
        ..root(
            "admin/slowdecay",
            0o644,
            Kind::PerMille,
            "how much of the past is kept at each interval, for processes with slow decay",
            "admin/slow-decay (tables 5.2, 6.2)",
        )
    },
    File {
        default: Some("926"),
        unit: "per mille",
        ..root(
            "admin/fastdecay",
            0o644,
            Kind::PerMille,
            "how much of the past is kept at each interval, for processes with fast decay",
            "admin/fast-decay (table 5.2)",
        )
    },
    File {
        default: Some("250000 120000 130000 12000 130000 12000 0 0"),
        unit: "ns",
        ..root(
            "admin/overheads",
            0o644,
            Kind::Overheads,
            "what being away costs on this network: PAGE CALL OUT OUTKB IN INKB FIRST LAST; omctl tune measures it",
            "admin/overheads (table 5.2)",
        )
    },
    File {
        default: Some("1"),
        ..toggle("admin/nomfs", "1: without the cluster file system; 0 is refused", "admin/nomfs (table 5.2)")
    },
    File {
        default: Some(""),
        ..root("admin/mfcosts", 0o644, Kind::Absent, "costs of the cluster file system", "admin/mfcosts (table 6.2)")
    },
    root("admin/mfskill", 0o200, Kind::Absent, "hides trees from the cluster file system", "admin/mfskill (table 6.2)"),
    root("admin/dfsalinks", 0o200, Kind::Absent, "paths of the cluster file system", "admin/dfsalinks (table 5.2)"),
    read("info/load", Kind::Number, "load of this node; 100 is one running process on a standard processor", "info/load (table 5.5)"),
    read("info/mem", Kind::Bytes, "memory free for processes", "info/mem (table 5.5)"),
    read("info/rmem", Kind::Bytes, "physical memory free", "info/rmem (table 5.5)"),
    read("info/tmem", Kind::Bytes, "physical memory in all", "info/tmem (table 5.5)"),
    read("info/speed", Kind::Number, "speed of this node, in units of sspeed", "info/speed (table 5.5)"),
    read("info/status", Kind::Status, "state of this node, a sum of bits", "info/status (table 5.5)"),
    read("info/util", Kind::Number, "processor use of this node, percent", "info/util (table 5.5)"),
    read("info/cpus", Kind::Number, "processors of this node", "info/CPUs (5.4)"),
    File {
        unit: "load",
        ..read("info/upload", Kind::Number, "the load told to other nodes: with what has just come", "")
    },
    read("info/guests", Kind::Number, "guests here", ""),
    read("info/slots", Kind::Number, "guests that may still come; 65535 when there is no limit", ""),
    read("info/away", Kind::Number, "own processes that are away", ""),
    read("info/filecache", Kind::Bytes, "pages of other nodes' files kept here for guests; the kernel takes them back when it needs memory", ""),
    read(
        "info/balance",
        Kind::Counters,
        "what load messages and balancer did: sent received dropped considered moved_out refused came_in sent_home usher \
         queries",
        "",
    ),
    read(
        "info/reason",
        Kind::Lines,
        "the last decisions of the balancer, newest last, at most 32: SECONDS PID COMM from A to B: why, or stays: why",
        "",
    ),
    read("nodes/N/load", Kind::Number, "load of node N; 100 is one running process on a standard processor", "nodes/N/load (table 5.5)"),
    read("nodes/N/mem", Kind::Bytes, "memory free for processes", "nodes/N/mem (table 5.5)"),
    read("nodes/N/rmem", Kind::Bytes, "physical memory free", "nodes/N/rmem (table 5.5)"),
    read("nodes/N/tmem", Kind::Bytes, "physical memory in all", "nodes/N/tmem (table 5.5)"),
    read("nodes/N/speed", Kind::Number, "speed of node N, in units of sspeed", "nodes/N/speed (table 5.5)"),
    read("nodes/N/status", Kind::Status, "state of node N, a sum of bits", "nodes/N/status (table 5.5)"),
    read("nodes/N/util", Kind::Number, "processor use of node N, percent", "nodes/N/util (table 5.5)"),
    read("nodes/N/cpus", Kind::Number, "processors of node N", "nodes/N/CPUs (5.4)"),
    File {
        mode: 0o400,
        ..read(
            "nodes/N/rtt",
            Kind::Number,
            "round trip of one byte between the two kernels, ns, measured when root reads it",
            "",
        )
    },
    File { unit: "load", ..read("nodes/N/upload", Kind::Number, "the load node N tells: with what has just come", "") },
    read("nodes/N/guests", Kind::Number, "guests on node N", ""),
    read("nodes/N/slots", Kind::Number, "guests that may still come to node N; 65535 when there is no limit", ""),
    read("nodes/N/address", Kind::Address, "primary address of node N", ""),
    decay("decay/clear", "forget the statistics of this process", "decay/clear (table 5.3)"),
    decay("decay/cpujob", "this process needs the processor", "decay/cpujob, cputjob (table 5.3)"),
    decay("decay/iojob", "this process needs the disk", "decay/iojob (table 5.3)"),
    decay("decay/fast", "its statistics decay fast", "decay/fast (table 5.3)"),
    decay("decay/slow", "its statistics decay slowly", "decay/slow (table 5.3)"),
    decay("decay/none", "its statistics do not decay", "nodecay (table 5.7)"),
    decay("decay/exec", "what was said here stays through every execve", "decay/exec (table 6.3)"),
    decay("decay/execonce", "what was said here stays through the next execve only", "decay/execonce (table 6.3)"),
    decay("decay/inherit", "children get it too", "decay/inherit (table 6.3)"),
    File {
        unit: "per mille",
        ..read(
            "decay/own",
            Kind::Lines,
            "the decay factor of this process, then what it said: like 926 cpujob exec inherit",
            "decay/own (table 6.3)",
        )
    },
    read("remote/PID/from", Kind::Node, "home node of the guest", "remote/from (table 5.3)"),
    read(
        "remote/PID/identity",
        Kind::Lines,
        "what home tells about the guest: pid and command name",
        "remote/identity (table 5.3)",
    ),
    read("remote/PID/stats", Kind::Lines, "processor use of the guest, and its nice value", "remote/stats (table 5.3)"),
    File {
        unit: "pages",
        ..read(
            "remote/PID/statm",
            Kind::Lines,
            "memory of the guest: total resident shared text library data dirty",
            "remote/statm (table 5.3)",
        )
    },
    root(
        "remote/PID/goto",
        0o600,
        Kind::Destination,
        "\"home\", or the id of its home node: send the guest home",
        "remote/goto (table 6.5)",
    ),
    read(
        "pids/PID/where",
        Kind::Node,
        "the node where the process runs; 0: at home",
        "/proc/PID/where (table 5.4)",
    ),
    read("pids/PID/nmigs", Kind::Number, "how often the process has moved", "/proc/PID/nmigs (table 5.4)"),
    read(
        "pids/PID/cantmove",
        Kind::Lines,
        "why the process may not leave now, one reason a line; empty: it may",
        "/proc/PID/cantmove (table 5.4)",
    ),
    read(
        "pids/PID/group",
        Kind::Lines,
        "pids of the processes that move together with it, itself included, because they share writable memory; for its \
         owner and root",
        "",
    ),
    owner(
        "pids/PID/goto",
        Kind::Destination,
        "move the process to a node, home, or to where it runs best (balance); returns when it is there",
        "/proc/PID/goto (table 5.4)",
    ),
    owner("pids/PID/migrate", Kind::Destination, "the same as goto", "/proc/PID/migrate (table 5.4)"),
    File {
        default: Some("0"),
        ..owner(
            "pids/PID/lock",
            Kind::Toggle,
            "1: the process does not leave home, neither by itself nor by command",
            "/proc/PID/lock (table 5.4)",
        )
    },
    File {
        default: Some("0"),
        ..owner(
            "pids/PID/stay",
            Kind::Toggle,
            "1: the process is not moved by itself; a command still moves it; children made afterwards get it too",
            "mosrun -L (5.3.4)",
        )
    },
    File {
        default: Some("0"),
        ..owner(
            "pids/PID/sigmig",
            Kind::Range(0, 64),
            "the signal that the process gets after each of its moves; 0: none",
            "/proc/PID/sigmig (table 6.6)",
        )
    },
    File {
        default: Some("3"),
        ..owner(
            "pids/PID/disclosure",
            Kind::Range(0, 3),
            "what a host shows of the process in identity: 0 nothing, 1 its pid, 2 also uid and gid, 3 also its command name",
            "/proc/self/disclosure, CONFIG_MOSIX_DISCLOSURE",
        )
    },
    read(
        "pids/PID/stats",
        Kind::Counters,
        "what the balancer knows of it: load (hundredths of a processor, decayed) cpu_ms calls_per_s out_kb_per_s \
         in_kb_per_s memory_kb age_s here_s, and the words hint and decay; for its owner and root",
        "",
    ),
    read("pids/PID/moves", Kind::Moves, "its moves: FROM TO PAGES BYTES FROZEN_US CALLS", ""),
    File {
        default: Some("0"),
        ..owner(
            "pids/PID/execgoto",
            Kind::Node,
            "the node to go to after the next successful execve; only in pids/self; reads 1 while one is set",
            "",
        )
    },
];
