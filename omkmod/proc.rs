// SPDX-License-Identifier: GPL-2.0-only
//! `/proc/hpc`: what its files show and do. Their names, modes and kinds are the table in `proc_hpc`; a file's number is its
//! place there.
//!
//! Runs in the reading or writing task; writes may wait for as long as a process needs to move.

use crate::sys::errno::EOPNOTSUPP;
use crate::cluster::load::{self, Load};
use crate::cluster::{cluster, Cluster};
use crate::process::request::{Refusal, Target};
use crate::process::{cantmove, journey};
use crate::proc_hpc::tree::{self, File, Guard};
use crate::proc_hpc::value::{self, Destination};
use crate::sys::group::sharers;
use crate::sys::procfs::{Dir, Text};
use crate::sys::task::{self, Role, Task};
use core::fmt::Write;
use core::sync::atomic::Ordering;
use kernel::prelude::*;

/// Version of module and protocol.
pub(crate) const VERSION: &str = "0.1.0";

/// Round trips of which `rtt` is the median.
const RTT_SAMPLES: u64 = 301;

/// The tree from load to unload. Fields are dropped in order, children first.
pub(crate) struct Tree {
    _admin: Dir,
    _info: Dir,
    _root: Dir,
}

impl Tree {
    pub(crate) fn new() -> Result<Self> {
        let mut root = Dir::new("hpc", None)?;
        let admin = Dir::new("admin", Some(&root))?;
        let info = Dir::new("info", Some(&root))?;
        for (number, f) in numbered() {
            match f.path.split_once('/') {
                None => root.file(f.path, f.mode, number, 0)?,
                Some(("admin", name)) => admin.file(name, f.mode, number, 0)?,
                Some(("info", name)) => info.file(name, f.mode, number, 0)?,
                _ => {}
            }
        }
        root.branch("pids", below("pids/PID/"))?;
        root.branch("nodes", below("nodes/N/"))?;
        root.branch("remote", below("remote/PID/"))?;
        Ok(Tree { _admin: admin, _info: info, _root: root })
    }
}

fn numbered() -> impl Iterator<Item = (u8, &'static File)> {
    tree::FILES.iter().enumerate().map(|(i, f)| (i as u8, f))
}

fn below(prefix: &'static str) -> impl Iterator<Item = (&'static str, u16, u8)> {
    numbered().filter_map(move |(n, f)| f.path.strip_prefix(prefix).map(|name| (name, f.mode, n)))
}

/// Which members a branch with a folder each has: asked by lookup and listing.
pub(crate) fn exists(branch: &str, number: u32) -> bool {
    let Some(c) = cluster() else { return false };
    match branch {
        "nodes" => u16::try_from(number).ok().is_some_and(|n| c.membership().is_some_and(|m| m.ip_of(n).is_some())),
        "remote" => c.guest(number as i32).is_some(),
        _ => Task::find(number as i32).is_some(),
    }
}

/// The first member whose number is above `after`.
pub(crate) fn next(branch: &str, after: u32) -> Option<u32> {
    let c = cluster()?;
    match branch {
        "nodes" => c.membership()?.map().nodes().map(|(id, _)| u32::from(id)).filter(|n| *n > after).min(),
        "remote" => c.guests().ok()?.iter().map(|g| g.pid as u32).filter(|n| *n > after).min(),
        _ => None,
    }
}

fn file(number: u8) -> Result<&'static File> {
    tree::FILES.get(usize::from(number)).ok_or(ENOENT)
}

fn done(r: core::fmt::Result) -> Result {
    r.map_err(|_| E2BIG)
}

/// Puts the text of a file into `out`.
pub(crate) fn show(number: u8, arg: u32, out: &mut Text<'_>) -> Result {
    let c = cluster().ok_or(ENODEV)?;
    let f = file(number)?;
    let (branch, name) = f.path.rsplit_once('/').unwrap_or(("", f.path));
    match branch {
        "info" => show_load(&load::own(), name, out),
        "nodes/N" => {
            let id = u16::try_from(arg).map_err(|_| ENOENT)?;
            if name == "address" {
                let ip = c.membership().and_then(|m| m.ip_of(id)).ok_or(ENOENT)?;
                let [a, b, c, d] = ip.to_be_bytes();
                return done(writeln!(out, "{a}.{b}.{c}.{d}"));
            }
            if name == "rtt" {
                // Asked anew each time: it is a measurement, of some tenths of a second.
                let ns = crate::link::connect(c, id)?.measure(RTT_SAMPLES)?;
                return done(writeln!(out, "{ns}"));
            }
            show_load(&load::of(id).ok_or(ENOENT)?, name, out)
        }
        "remote/PID" => show_guest(c, arg as i32, name, out),
        "pids/PID" => show_process(c, arg as i32, name, out),
        _ => show_node(c, name, out),
    }
}

fn show_load(l: &Load, name: &str, out: &mut Text<'_>) -> Result {
    done(match name {
        "load" => writeln!(out, "{}", l.load),
        "mem" => writeln!(out, "{}", l.mem),
        "rmem" => writeln!(out, "{}", l.rmem),
        "tmem" => writeln!(out, "{}", l.tmem),
        "speed" => writeln!(out, "{}", l.speed),
        "status" => writeln!(out, "{}", l.status),
        "util" => writeln!(out, "{}", l.util),
        "cpus" => writeln!(out, "{}", l.cpus),
        _ => return Err(ENOENT),
    })
}

fn show_node(c: &Cluster, name: &str, out: &mut Text<'_>) -> Result {
    let s = &c.switches;
    let toggle = |b: &core::sync::atomic::AtomicBool| u8::from(b.load(Ordering::Relaxed));
    done(match name {
        "config" => return c.print_map(out),
        "block" => writeln!(out, "{}", toggle(&s.block)),
        "stay" => writeln!(out, "{}", toggle(&s.stay)),
        "lstay" => writeln!(out, "{}", toggle(&s.lstay)),
        "quiet" => writeln!(out, "{}", toggle(&s.quiet)),
        "trusted" => writeln!(out, "{}", toggle(&s.trusted)),
        "mospe" => writeln!(out, "{}", c.own_id()),
        "version" => writeln!(out, "{VERSION}"),
        "speed" => writeln!(out, "{}", s.speed.load(Ordering::Relaxed)),
        "sspeed" => writeln!(out, "{}", s.sspeed.load(Ordering::Relaxed)),
        "gateways" => writeln!(out, "0"),
        // Commands: nothing to show but the reasons that a write leaves behind.
        "bring" | "expel" => Ok(()),
        _ => return Err(ENOENT),
    })
}

fn show_guest(c: &Cluster, pid: i32, name: &str, out: &mut Text<'_>) -> Result {
    let g = c.guest(pid).ok_or(ENOENT)?;
    let task = Task::find_global(pid).ok_or(ENOENT)?;
    done(match name {
        "from" => writeln!(out, "{}", g.home),
        "identity" => writeln!(out, "node {} pid {} ({})", g.home, g.home_pid, journey::comm_text(&g.comm)),
        "stats" => {
            let (utime, stime) = task.cputime();
            writeln!(out, "utime {} ms, stime {} ms, forwarded calls {}", utime / 1_000_000, stime / 1_000_000, g.calls.load(Ordering::Relaxed))
        }
        "statm" => {
            let (size, resident) = task.memory();
            writeln!(out, "{size} {resident}")
        }
        "goto" => writeln!(out, "{}", c.own_id()),
        _ => return Err(ENOENT),
    })
}

fn show_process(c: &Cluster, pid: i32, name: &str, out: &mut Text<'_>) -> Result {
    let task = Task::find(pid).ok_or(ESRCH)?;
    let away = c.away(task.pid());
    done(match name {
        "where" | "goto" | "migrate" => writeln!(out, "{}", away.map_or(0, |d| d.node)),
        "nmigs" => writeln!(out, "{}", c.records.lock().get(&task).map_or(0, |r| r.nmigs)),
        "lock" => writeln!(out, "{}", u8::from(c.records.lock().get(&task).is_some_and(|r| r.locked))),
        "cantmove" => {
            let locked = c.records.lock().get(&task).is_some_and(|r| r.locked);
            // One that is away has no other reasons: what was asked when it left still holds.
            cantmove::write(if away.is_some() { 0 } else { task.reasons() }, out)
                .and_then(|()| if locked { writeln!(out, "{}", cantmove::LOCKED) } else { Ok(()) })
                .and_then(|()| if away.is_some() { Ok(()) } else { show_obstacles(c, &task, out) })
        }
        "group" => {
            if !task.may_control() {
                return Err(EACCES);
            }
            let group = sharers(&task)?;
            let mut pids = group.iter().map(|t| t.seen_pid()).filter(|pid| *pid != 0);
            pids.try_for_each(|pid| writeln!(out, "{pid}"))
        }
        "moves" => {
            let records = c.records.lock();
            let moves = records.get(&task).map_or(&[][..], |r| &r.moves);
            moves.iter().try_for_each(|m| {
                writeln!(out, "{} {} {} {} {} {}", m.from, m.to, m.pages, m.pages * 4096, m.frozen_ns / 1000, m.calls)
            })
        }
        "execgoto" => writeln!(out, "{}", u8::from(task.role() == Role::Armed)),
        _ => return Err(ENOENT),
    })
}

/// What keeps processes here that share memory with this one. Told to those who may know of them.
fn show_obstacles(c: &Cluster, task: &Task, out: &mut Text<'_>) -> core::fmt::Result {
    let group = if task.may_control() { sharers(task).ok() } else { None };
    for other in group.iter().flatten().filter(|t| *t != task) {
        let locked = || c.records.lock().get(other).is_some_and(|r| r.locked).then_some(cantmove::LOCKED);
        // What holds for a moment only may be our own looking.
        if let Some(why) = cantmove::first(other.reasons() & !cantmove::PASSING).or_else(locked) {
            let (pid, comm) = (other.pid(), other.comm());
            writeln!(out, "it shares memory with pid {pid} ({}), which cannot leave: {why}", journey::comm_text(&comm))?;
        }
    }
    Ok(())
}

/// A write to a file. On error the reason, if there is more to say than the errno, is in `why`.
pub(crate) fn store(number: u8, arg: u32, data: &[u8], why: &mut Text<'_>) -> Result {
    let c = cluster().ok_or(ENODEV)?;
    let f = file(number)?;
    if f.guard == Guard::Root && !task::is_admin() {
        let _ = write!(why, "only root may do this");
        return Err(EPERM);
    }
    let (branch, name) = f.path.rsplit_once('/').unwrap_or(("", f.path));
    match branch {
        "pids/PID" => store_process(c, arg as i32, name, data, why),
        "remote/PID" => {
            let g = c.guest(arg as i32).ok_or(ESRCH)?;
            match Destination::parse(data) {
                // Where it goes from here is for its home to decide: it goes home.
                Some(Destination::Home) => c.send_home(&g, why),
                Some(Destination::Node(n)) if n == g.home => c.send_home(&g, why),
                Some(Destination::Balance) => bad_value(why),
                Some(_) => {
                    let _ = write!(why, "a guest can only be sent home from here; its home node may send it elsewhere");
                    Err(EOPNOTSUPP)
                }
                None => bad_value(why),
            }
        }
        _ => store_node(c, name, data, why),
    }
}

fn bad_value(why: &mut Text<'_>) -> Result {
    let _ = write!(why, "not a value for this file (see docs/admin.md)");
    Err(EINVAL)
}

fn store_node(c: &Cluster, name: &str, data: &[u8], why: &mut Text<'_>) -> Result {
    let s = &c.switches;
    let switch = match name {
        "config" => return c.configure(data, why),
        "bring" | "expel" => {
            if value::toggle(data) != Some(true) {
                return bad_value(why);
            }
            return if name == "bring" { c.bring(why) } else { c.expel(why) };
        }
        "key" => {
            return match value::key(data) {
                Some(key) => c.set_key(&key),
                None => {
                    let _ = write!(why, "a key is 64 hexadecimal digits (omctl keygen makes one)");
                    Err(EINVAL)
                }
            }
        }
        "speed" | "sspeed" => {
            return match value::number(data) {
                Some(n) if n > 0 => {
                    (if name == "speed" { &s.speed } else { &s.sspeed }).store(n, Ordering::Relaxed);
                    Ok(())
                }
                _ => bad_value(why),
            }
        }
        "block" => &s.block,
        "stay" => &s.stay,
        "lstay" => &s.lstay,
        "quiet" => &s.quiet,
        "trusted" => &s.trusted,
        _ => {
            let _ = write!(why, "this file cannot be written");
            return Err(EPERM);
        }
    };
    match value::toggle(data) {
        Some(on) => {
            switch.store(on, Ordering::Relaxed);
            Ok(())
        }
        None => bad_value(why),
    }
}

fn store_process(c: &Cluster, pid: i32, name: &str, data: &[u8], why: &mut Text<'_>) -> Result {
    let task = Task::find(pid).ok_or(ESRCH)?;
    if !task.may_control() {
        let _ = write!(why, "only its owner or an administrator may do this to a process");
        return Err(EPERM);
    }
    match name {
        "goto" | "migrate" => {
            let target = match Destination::parse(data) {
                Some(Destination::Home) => Target::Home,
                Some(Destination::Node(n)) if c.own_id() == n => Target::Home,
                Some(Destination::Node(n)) => Target::Node(n),
                Some(Destination::Balance) | None => return bad_value(why),
            };
            journey::ask(&task, target).map_err(|r: Refusal| {
                let _ = why.write_str(r.words());
                r.errno()
            })
        }
        "lock" => match value::toggle(data) {
            Some(on) => {
                c.records.lock().of(&task)?.locked = on;
                Ok(())
            }
            None => bad_value(why),
        },
        "execgoto" => {
            let Some(node) = value::node(data) else { return bad_value(why) };
            if task.pid() != task::pid() {
                let _ = write!(why, "a process sets this for itself only (pids/self/execgoto)");
                return Err(EPERM);
            }
            if !c.membership().is_some_and(|m| m.ip_of(node).is_some()) {
                let _ = write!(why, "node {node} is not in the map");
                return Err(ENXIO);
            }
            task::arm_exec(journey::after_exec, usize::from(node))
        }
        _ => {
            let _ = write!(why, "this file cannot be written");
            Err(EPERM)
        }
    }
}
