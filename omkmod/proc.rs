// SPDX-License-Identifier: GPL-2.0-only
//! `/proc/hpc`: what its files show and do. Their names, modes and kinds are the table in `proc_hpc`; a file's number is its
//! place there.
//!
//! Runs in the reading or writing task; writes may wait for as long as a process needs to move.

use crate::sys::errno::EOPNOTSUPP;
use crate::cluster::{balance, load};
use crate::cluster::{cluster, Cluster};
use crate::omcore::balance::node::{Hint, Node};
use crate::omcore::balance::stats::{Decay, Keep};
use crate::omcore::traits::Traits;
use crate::process::request::{Refusal, Target};
use crate::process::{cantmove, journey};
use crate::proc_hpc::tree::{self, File, Guard, Kind};
use crate::proc_hpc::value::{self, Destination};
use crate::omcore::wire;
use crate::sys::group::sharers;
use crate::sys::memory;
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
    _decay: Dir,
    _root: Dir,
}

impl Tree {
    pub(crate) fn new() -> Result<Self> {
        let mut root = Dir::new("hpc", None)?;
        let admin = Dir::new("admin", Some(&root))?;
        let info = Dir::new("info", Some(&root))?;
        let decay = Dir::new("decay", Some(&root))?;
        for (number, f) in numbered() {
            match f.path.split_once('/') {
                None => root.file(f.path, f.mode, number, 0)?,
                Some(("admin", name)) => admin.file(name, f.mode, number, 0)?,
                Some(("info", name)) => info.file(name, f.mode, number, 0)?,
                Some(("decay", name)) => decay.file(name, f.mode, number, 0)?,
                _ => {}
            }
        }
        root.branch("pids", below("pids/PID/"))?;
        root.branch("nodes", below("nodes/N/"))?;
        root.branch("remote", below("remote/PID/"))?;
        Ok(Tree { _admin: admin, _info: info, _decay: decay, _root: root })
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
        "info" => show_info(c, name, out),
        "decay" => show_decay(c, name, out),
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

fn show_load(n: &Node, name: &str, out: &mut Text<'_>) -> Result {
    done(match name {
        "load" => writeln!(out, "{}", n.load),
        "upload" => writeln!(out, "{}", n.upload),
        "mem" => writeln!(out, "{}", n.mem),
        "rmem" => writeln!(out, "{}", n.rmem),
        "tmem" => writeln!(out, "{}", n.tmem),
        "speed" => writeln!(out, "{}", n.speed),
        "status" => writeln!(out, "{}", n.status),
        "util" => writeln!(out, "{}", n.util),
        "cpus" => writeln!(out, "{}", n.cpus),
        "guests" => writeln!(out, "{}", n.guests),
        "slots" => writeln!(out, "{}", n.slots),
        _ => return Err(ENOENT),
    })
}

fn show_info(c: &Cluster, name: &str, out: &mut Text<'_>) -> Result {
    match name {
        "away" => done(writeln!(out, "{}", c.all_away()?.len())),
        "filecache" => done(writeln!(out, "{}", memory::kept_pages() * wire::PAGE as u64)),
        "balance" => done(c.balance.show_counts(out)),
        "reason" => done(c.balance.show_reasons(out)),
        _ => show_load(&load::own(), name, out),
    }
}

fn show_node(c: &Cluster, name: &str, out: &mut Text<'_>) -> Result {
    if let Some(shown) = c.settings.show(name, out) {
        return done(shown);
    }
    done(match name {
        "config" => return c.print_map(out),
        "mospe" => writeln!(out, "{}", c.own_id()),
        "version" => writeln!(out, "{VERSION}"),
        // There is no cluster file system.
        "nomfs" => writeln!(out, "1"),
        // Commands: nothing to show but the reasons that a write leaves behind.
        "bring" | "expel" | "mfcosts" => Ok(()),
        _ => return Err(ENOENT),
    })
}

/// The policy of the process that asks.
fn show_decay(c: &Cluster, name: &str, out: &mut Text<'_>) -> Result {
    if name != "own" {
        return Ok(());
    }
    let manner = Task::current()?.traits().manner();
    done(writeln!(out, "{}", manner.show(balance::pace(c))))
}

fn store_decay(c: &Cluster, name: &str, data: &[u8], why: &mut Text<'_>) -> Result {
    if value::toggle(data) != Some(true) {
        return bad_value(why);
    }
    let me = Task::current()?;
    let change = match name {
        "clear" => {
            c.balance.forget(&me);
            return me.change_traits(Traits::set_hint(Hint::None));
        }
        "cpujob" => Traits::set_hint(Hint::Cpu),
        "iojob" => Traits::set_hint(Hint::Io),
        "fast" => Traits::set_decay(Decay::Fast),
        "slow" => Traits::set_decay(Decay::Slow),
        "none" => Traits::set_decay(Decay::None),
        "exec" => Traits::set_keep(Keep::Always),
        "execonce" => Traits::set_keep(Keep::Once),
        "inherit" => Traits::set_inherit(),
        _ => return Err(EPERM),
    };
    me.change_traits(change)
}

fn show_guest(c: &Cluster, pid: i32, name: &str, out: &mut Text<'_>) -> Result {
    let g = c.guest(pid).ok_or(ENOENT)?;
    let task = Task::find_global(pid).ok_or(ENOENT)?;
    done(match name {
        "from" => writeln!(out, "{}", g.home),
        "identity" => {
            let known = g.company.known;
            let mut shown = write!(out, "node {}", g.home);
            if known.level >= 1 {
                shown = shown.and_then(|()| write!(out, " pid {}", g.home_pid));
            }
            if known.level >= 2 {
                shown = shown.and_then(|()| write!(out, " uid {} gid {}", known.uid, known.gid));
            }
            if known.level >= 3 {
                shown = shown.and_then(|()| write!(out, " ({})", journey::comm_text(&g.comm)));
            }
            shown.and_then(|()| writeln!(out))
        }
        "stats" => {
            let (utime, stime) = task.cputime();
            let (utime, stime, calls) = (utime / 1_000_000, stime / 1_000_000, g.calls.load(Ordering::Relaxed));
            writeln!(out, "utime {utime} ms, stime {stime} ms, forwarded calls {calls}, nice {}", task.nice())
        }
        "statm" => {
            let m = task.memory_parts();
            writeln!(out, "{} {} {} {} {} {} {}", m[0], m[1], m[2], m[3], m[4], m[5], m[6])
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
        "stay" => writeln!(out, "{}", u8::from(task.traits().stays())),
        "sigmig" => writeln!(out, "{}", task.traits().sigmig()),
        "disclosure" => writeln!(out, "{}", task.traits().disclosure()),
        "stats" => {
            if !task.may_control() {
                return Err(EACCES);
            }
            return c.balance.show_process(&task, out);
        }
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
        "decay" => store_decay(c, name, data, why),
        _ => store_node(c, f, name, data, why),
    }
}

fn bad_value(why: &mut Text<'_>) -> Result {
    let _ = write!(why, "not a value for this file (see docs/proc-hpc.md)");
    Err(EINVAL)
}

fn store_node(c: &Cluster, f: &File, name: &str, data: &[u8], why: &mut Text<'_>) -> Result {
    if f.kind == Kind::Absent || name == "nomfs" && value::toggle(data) == Some(false) {
        let _ = write!(why, "the cluster file system is not part of this version");
        return Err(EOPNOTSUPP);
    }
    if let Some(taken) = c.settings.store(name, data) {
        return if taken { Ok(()) } else { bad_value(why) };
    }
    match name {
        "config" => c.configure(data, why),
        "bring" | "expel" => {
            if value::toggle(data) != Some(true) {
                return bad_value(why);
            }
            if name == "bring" {
                c.bring(why)
            } else {
                c.expel(why)
            }
        }
        "key" => match value::key(data) {
            Some(key) => c.set_key(&key),
            None => {
                let _ = write!(why, "a key is 64 hexadecimal digits (omctl keygen makes one)");
                Err(EINVAL)
            }
        },
        "nomfs" => value::toggle(data).map(|_| ()).map_or_else(|| bad_value(why), Ok),
        _ => {
            let _ = write!(why, "this file cannot be written");
            Err(EPERM)
        }
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
                Some(Destination::Balance) => {
                    return c.balance.place(c, &task).map_err(|r: Refusal| {
                        let _ = why.write_str(r.words());
                        r.errno()
                    })
                }
                None => return bad_value(why),
            };
            journey::ask(&task, target).map_err(|r: Refusal| {
                let _ = why.write_str(r.words());
                r.errno()
            })
        }
        "stay" => match value::toggle(data) {
            Some(on) => task.change_traits(Traits::set_stay(on)),
            None => bad_value(why),
        },
        "sigmig" => match value::within(data, 0, 64) {
            Some(signal) => task.change_traits(Traits::set_sigmig(signal as u8)),
            None => bad_value(why),
        },
        "disclosure" => match value::within(data, 0, 3) {
            Some(level) => task.change_traits(Traits::set_disclosure(level as u8)),
            None => bad_value(why),
        },
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
