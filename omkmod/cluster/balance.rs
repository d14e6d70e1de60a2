// SPDX-License-Identifier: GPL-2.0-only
//! Processes are moved by themselves: this node's own ones to where they get on best, guests home when they are in the way.
//!
//! One thread, `om_balance`, looks at all processes once a period ([`Setting::Period`]), lets the pure logic in
//! `omcore::balance` choose, and asks the processes to move. It does not wait for them: what is under way is looked at again
//! in the next period, so one that hangs holds up nobody.
//!
//! Locks: `book`, then `gauge` and `loads`, all mutexes. None is held while a process is asked, which may wait for the network.

use super::admission::limits;
use super::book::{boot_ms, Book, Line, Pending};
use super::load;
use super::meter::Coming;
use super::settings::Setting;
use super::{cluster, Cluster};
use crate::omcore::balance::admit::Shares;
use crate::omcore::balance::choose::{self, Choice, Reason, Settings};
use crate::omcore::balance::cost::Costs;
use crate::omcore::balance::evict::{self, Why};
use crate::omcore::balance::node::{Candidate, Hint, Node, Place};
use crate::omcore::balance::stats::Pace;
use crate::omcore::balance::thresholds::{self, Victim};
use crate::omcore::balance::{usher, UNIT};
use crate::proc_hpc::value::Policy;
use crate::process::journey::{self, comm_text};
use crate::process::request::{Cause, Refusal, Target};
use crate::sys::census::Census;
use crate::sys::errno::ENETDOWN;
use crate::sys::procfs::Text;
use crate::sys::task::{Role, Task};
use crate::sys::{self, crypto, thread};
use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::c_str;
use kernel::prelude::*;
use kernel::sync::Mutex;
use kernel::{new_mutex, pin_init};

/// Moves begun in one period at most, and under way at most.
const MOST_A_PERIOD: usize = 8;
const MOST_AT_ONCE: usize = 8;
/// One that could not be moved is left alone for so long.
const BARRED_MS: u64 = 30_000;
/// News that is older than so many periods does not count.
const STALE_PERIODS: u64 = 20;
const MIB: u64 = 1 << 20;

/// What the balancer has done since the module was loaded, as in `info/balance`.
#[derive(Clone, Copy)]
#[repr(usize)]
pub(crate) enum Count {
    Sent,
    Received,
    Dropped,
    Considered,
    MovedOut,
    Refused,
    CameIn,
    SentHome,
    Usher,
    Queries,
}

const COUNTS: [&str; 10] =
    ["sent", "received", "dropped", "considered", "moved_out", "refused", "came_in", "sent_home", "usher", "queries"];

/// The balancer.
#[pin_data]
pub(crate) struct Balance {
    #[pin]
    book: Mutex<Book>,
    counts: [AtomicU64; COUNTS.len()],
}

fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Everything that one decision looks at.
struct View {
    own: Node,
    others: KVec<Node>,
    candidates: KVec<Candidate>,
    /// CPU time of each of them, ms.
    cpu_ms: KVec<u64>,
    settings: Settings,
}

impl View {
    fn others(&self) -> impl Iterator<Item = Node> + Clone + '_ {
        self.others.iter().copied()
    }

    fn memory_of(&self, choice: &Choice) -> u64 {
        self.candidates.iter().find(|p| p.key == choice.key).map_or(0, |p| p.memory)
    }

    /// A process goes from one node to another: until the nodes say so themselves.
    fn expect(&mut self, choice: &Choice, from: u16) {
        let memory = self.memory_of(choice);
        if let Some(c) = cluster() {
            c.loads.lock().expect(choice.to, memory);
        }
        if let Some(n) = self.others.iter_mut().find(|n| n.id == choice.to) {
            n.expect(memory);
        }
        if choice.to == self.own.id {
            self.own.expect(memory);
        }
        let host = if from == self.own.id { Some(&mut self.own) } else { self.others.iter_mut().find(|n| n.id == from) };
        if let Some(n) = host {
            let less = n.share(choice.demand);
            n.load = n.load.saturating_sub(less);
            n.upload = n.upload.saturating_sub(less);
            n.mem = n.mem.saturating_add(memory).min(n.tmem);
        }
        for p in self.candidates.iter_mut().filter(|p| p.key == choice.key) {
            p.stay = true;
        }
    }
}

impl Balance {
    /// It knows nothing.
    pub(super) fn new() -> impl PinInit<Self> {
        let book = Book {
            known: KVec::new(),
            lines: KVec::new(),
            pending: KVec::new(),
            looked: 0,
            shares: Shares::default(),
        };
        pin_init!(Balance {
            book <- new_mutex!(book),
            counts: [const { AtomicU64::new(0) }; COUNTS.len()],
        })
    }

    /// One more of these.
    pub(crate) fn count(&self, what: Count) {
        if let Some(n) = self.counts.get(what as usize) {
            n.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `info/balance`.
    pub(crate) fn show_counts(&self, out: &mut Text<'_>) -> core::fmt::Result {
        COUNTS.iter().zip(&self.counts).try_for_each(|(name, n)| writeln!(out, "{name} {}", n.load(Ordering::Relaxed)))
    }

    /// `info/reason`.
    pub(crate) fn show_reasons(&self, out: &mut Text<'_>) -> core::fmt::Result {
        let book = self.book.lock();
        book.lines.iter().try_for_each(|l| {
            let (comm, words) = (comm_text(&l.comm), l.why.words());
            write!(out, "{} {} {comm} ", l.ms / 1000, l.pid)?;
            match l.to {
                Some(to) => writeln!(out, "from {} to {to}: {words}", l.from),
                None => writeln!(out, "stays: {words}"),
            }
        })
    }

    /// `pids/PID/stats`.
    pub(crate) fn show_process(&self, task: &Task, out: &mut Text<'_>) -> Result {
        let now = boot_ms();
        let manner = task.traits().manner();
        let mut book = self.book.lock();
        let Some(k) = book.find(task.pid()).filter(|k| k.started == task.started()) else { return Ok(()) };
        let p = k.candidate(now, manner.hint, false);
        let hint = match manner.hint {
            Hint::None => "none",
            Hint::Cpu => "cpujob",
            Hint::Io => "iojob",
        };
        writeln!(
            out,
            "load {}\ncpu_ms {}\ncalls_per_s {}\nout_kb_per_s {}\nin_kb_per_s {}\nmemory_kb {}\nage_s {}\nhere_s {}\nhint {hint}\n\
             decay {}",
            k.stats.cpu(),
            k.last.cpu / 1_000_000,
            p.comm.calls,
            p.comm.out_kb,
            p.comm.in_kb,
            p.memory / 1024,
            p.age_ms / 1000,
            p.here_ms / 1000,
            pace(cluster().ok_or(ENETDOWN)?).factor(manner.decay),
        )
        .map_err(|_| E2BIG)
    }

    /// `decay/clear`.
    pub(crate) fn forget(&self, task: &Task) {
        if let Some(k) = self.book.lock().find(task.pid()) {
            k.stats.clear();
        }
    }

    /// What this node's own processes and its guests use.
    pub(crate) fn shares(&self) -> Shares {
        self.book.lock().shares
    }

    /// `migrate PID balance`: to the best place, if it is not there.
    pub(crate) fn place(&self, c: &Cluster, task: &Task) -> core::result::Result<(), Refusal> {
        let m = c.membership().ok_or(ENETDOWN)?;
        let view = self.view(c)?;
        let key = task.pid() as u64;
        let process = view.candidates.iter().find(|p| p.key == key);
        let Some(process) = process else {
            return Err(Refusal::new(EAGAIN, format_args!("nothing is known of it yet: try again in a moment")));
        };
        match choose::best_for(&view.own, view.others(), process, &view.settings) {
            Some(choice) if choice.to == m.own_id() => journey::ask(task, Target::Home),
            Some(choice) => journey::ask(task, Target::Node(choice.to)),
            None => Ok(()),
        }
    }

    fn settings(&self, c: &Cluster) -> Settings {
        let s = &c.settings;
        let o = s.overheads();
        let dice = crypto::random().first_chunk().copied().map_or(0, u32::from_le_bytes);
        Settings {
            costs: Costs {
                page: o.page,
                call: o.call,
                out: o.out,
                out_kb: o.out_kb,
                in_: o.input,
                in_kb: o.input_kb,
                first: o.first,
                last: o.last,
            },
            gateways: s.get(Setting::Gateways).min(2) as u8,
            residence_ms: s.get(Setting::Residence) * 1000,
            stale_ms: narrow(s.get(Setting::Period) * STALE_PERIODS),
            dice,
            ..Settings::default()
        }
    }

    /// As it is now.
    fn view(&self, c: &Cluster) -> Result<View> {
        let now = boot_ms();
        let (mut candidates, mut cpu_ms) = (KVec::new(), KVec::new());
        {
            let book = self.book.lock();
            for k in book.known.iter() {
                // Most processes sleep and are small: nobody would move them.
                let light = k.node == 0 && k.stats.cpu() == 0 && k.memory < MIB;
                if light {
                    continue;
                }
                let Some(task) = Task::find_global(k.pid) else { continue };
                let locked = c.records.lock().get(&task).is_some_and(|r| r.locked);
                let pending = book.pending.iter().any(|p| p.pid == k.pid);
                let traits = task.traits();
                // One that is about to execute a program elsewhere knows where it goes.
                let armed = task.role() == Role::Armed;
                let p = k.candidate(now, traits.manner().hint, traits.stays() || locked || pending || armed);
                candidates.push(p, GFP_KERNEL)?;
                cpu_ms.push(k.last.cpu / 1_000_000, GFP_KERNEL)?;
            }
        }
        let mut others = c.loads.lock().window()?;
        // The hosts of its own processes count, however long ago they were heard of.
        for p in candidates.iter() {
            let Place::At(host) = p.place else { continue };
            if !others.iter().any(|n| n.id == host) {
                if let Some(n) = c.loads.lock().known(host) {
                    others.push(n, GFP_KERNEL)?;
                }
            }
        }
        let mut own = load::own();
        // What is on its way out is as good as gone.
        let leaving = self.book.lock().pending.iter().filter(|p| p.from == own.id).map(|p| p.memory).sum();
        own.mem = own.mem.saturating_add(leaving).min(own.tmem);
        Ok(View { own, others, candidates, cpu_ms, settings: self.settings(c) })
    }

    /// What came of those that were asked.
    fn settle(&self, c: &Cluster) {
        let mut book = self.book.lock();
        let now = boot_ms();
        let mut i = 0;
        while let Some(p) = book.pending.get(i) {
            let Some(outcome) = p.request.outcome() else {
                i += 1;
                continue;
            };
            let Some(p) = sys::swap_remove(&mut book.pending, i) else { return };
            match outcome {
                Ok(()) => {
                    if let Some(coming) = p.coming {
                        coming.arrived();
                    }
                    self.count(Count::MovedOut);
                    if let Some(k) = book.find(p.pid) {
                        k.moves = k.moves.saturating_add(1);
                    }
                    let why = Refusal::new(EAGAIN, format_args!("{}", p.choice.reason));
                    book.say(Line { ms: now, pid: p.pid, comm: p.comm, from: p.from, to: Some(p.choice.to), why });
                }
                Err(why) => {
                    self.count(Count::Refused);
                    if p.from == c.own_id() {
                        c.gauge.stayed(p.choice.demand);
                    }
                    if let Some(k) = book.find(p.pid) {
                        k.barred = now + BARRED_MS;
                    }
                    book.say(Line { ms: now, pid: p.pid, comm: p.comm, from: p.from, to: None, why });
                }
            }
        }
    }

    /// Asks a process to move. The view knows of it afterwards.
    fn start(&self, c: &Cluster, view: &mut View, choice: &Choice) -> Result {
        let pid = choice.key as i32;
        self.count(Count::Considered);
        let own = c.own_id();
        let from = c.away(pid).map_or(own, |a| a.node);
        view.expect(choice, from);
        let Some(task) = Task::find_global(pid) else { return Ok(()) };
        let target = if choice.to == own { Target::Home } else { Target::Node(choice.to) };
        let begun = journey::begin(&task, target, Cause::Balance { load: choice.demand, limit: choice.limit });
        let comm = task.comm();
        let mut book = self.book.lock();
        match begun {
            Ok(request) => {
                if from == own {
                    c.gauge.left(choice.demand);
                }
                let coming = if choice.to == own { Some(Coming::new(c)) } else { None };
                book.pending.push(Pending { pid, comm, from, choice: *choice, memory: view.memory_of(choice), request, coming }, GFP_KERNEL)?;
            }
            Err(why) => {
                self.count(Count::Refused);
                let now = boot_ms();
                if let Some(k) = book.find(pid) {
                    k.barred = now + BARRED_MS;
                }
                book.say(Line { ms: now, pid, comm, from, to: None, why });
            }
        }
        Ok(())
    }

    fn choose(&self, c: &Cluster, view: &View) -> Option<Choice> {
        let processes = || view.candidates.iter().copied();
        let choice = match c.settings.policy() {
            Policy::Cost => usher::decide(&view.own, view.others(), processes(), &view.settings),
            Policy::Thresholds => self
                .share_out(c, view)
                .or_else(|| usher::usher(&view.own, view.others(), processes(), &view.settings)),
        };
        if choice.is_some_and(|found| found.reason == Reason::Memory) {
            self.count(Count::Usher);
        }
        choice
    }

    /// The second policy.
    fn share_out(&self, c: &Cluster, view: &View) -> Option<Choice> {
        let m = c.membership()?;
        let mut preferred = KVec::new();
        let mut whole = true;
        load::each_preferred(c, &m, |id| {
            let known = c.loads.lock().known(id);
            if let Some(n) = known {
                whole &= preferred.push(n, GFP_KERNEL).is_ok();
            }
        });
        let leaving = self.book.lock().pending.iter().filter(|p| p.from == m.own_id()).count();
        let running = c.gauge.running().saturating_sub(leaving as u32);
        let processes = view.candidates.iter().copied().zip(view.cpu_ms.iter().copied());
        let rule = Victim::from_rule(c.settings.get(Setting::Victim)).unwrap_or_default();
        let nodes = preferred.iter().copied().filter(|_| whole);
        thresholds::transfer(&view.own, running, &load::thresholds(c), nodes, processes, rule, &view.settings)
    }

    /// One period.
    fn round(&self, c: &Cluster, census: &mut Census) -> Result {
        let pace = pace(c);
        let (elapsed, own) = self.book.lock().census(c, census.take(), &pace);
        let (cpu, wanted) = guests_demand(c)?;
        // What has left by now is in no account of this period any more.
        self.settle(c);
        let (elapsed_ms, all_ms) = (elapsed / 1_000_000, (own + wanted) / 1_000_000);
        let leaving_ms = self.leaving(c.own_id()).saturating_mul(elapsed_ms) / u64::from(UNIT);
        c.gauge.period(elapsed_ms, all_ms, leaving_ms, c.settings.get(Setting::Speed));
        self.weigh(elapsed, cpu);
        if !c.settings.is(Setting::Balance) {
            return Ok(());
        }
        self.evict(c)?;
        let mut view = self.view(c)?;
        for _ in 0..MOST_A_PERIOD {
            if self.book.lock().pending.len() >= MOST_AT_ONCE {
                break;
            }
            let Some(choice) = self.choose(c, &view) else { break };
            self.start(c, &mut view, &choice)?;
        }
        Ok(())
    }

    /// What those want of the processors that are about to leave this node, hundredths.
    fn leaving(&self, own: u16) -> u64 {
        let book = self.book.lock();
        book.pending.iter().filter(|p| p.from == own).map(|p| u64::from(p.choice.demand)).sum()
    }

    /// How much of this node its guests use, who had so much CPU time in the period.
    fn weigh(&self, elapsed_ns: u64, cpu_ns: u64) {
        let own = load::own();
        let cpus = u64::from(own.cpus.max(1));
        let cpu_guests = narrow((cpu_ns / 1000 * 100).checked_div(elapsed_ns / 1000).unwrap_or(0)).min(narrow(cpus * 100));
        let cpu_all = u32::from(own.util) * narrow(cpus);
        let cpu_own = cpu_all.saturating_sub(cpu_guests);
        // Of the load, guests have the part that they have of the processors' use.
        let part = |n: u32| narrow(u64::from(own.load) * u64::from(n) / u64::from(cpu_all.max(1)));
        let load_guests = part(cpu_guests).min(own.load);
        self.book.lock().shares = Shares { load_guests, load_own: own.load - load_guests, cpu_guests, cpu_own };
    }

    /// Guests that must go.
    fn evict(&self, c: &Cluster) -> Result {
        if c.settings.is(Setting::Stay) {
            return Ok(());
        }
        let all = c.guests()?;
        let mut guests = KVec::new();
        for g in all.iter().filter(|g| g.is_first()) {
            guests.push(g.weighed(), GFP_KERNEL)?;
        }
        let found = evict::evict(&load::own(), guests.iter().copied(), &limits(c), &self.shares());
        let Some((key, why)) = found else { return Ok(()) };
        let Some(g) = all.iter().find(|g| g.pid as u64 == key) else { return Ok(()) };
        self.count(if matches!(why, Why::Memory) { Count::Usher } else { Count::SentHome });
        g.send_home();
        let why = Refusal::new(EAGAIN, format_args!("{why}"));
        let line = Line { ms: boot_ms(), pid: g.pid, comm: g.comm, from: c.own_id(), to: Some(g.home), why };
        self.book.lock().say(line);
        Ok(())
    }
}

/// CPU time of all guests since the last look, and the time for which they ran or could have; ns.
fn guests_demand(c: &Cluster) -> Result<(u64, u64)> {
    let (mut cpu, mut wanted) = (0, 0);
    for g in c.guests()?.iter().filter(|g| g.is_first()) {
        let used = g.look();
        cpu += used.0;
        wanted += used.0 + used.1;
    }
    Ok((cpu, wanted))
}

/// How fast statistics decay here.
pub(crate) fn pace(c: &Cluster) -> Pace {
    let s = &c.settings;
    Pace {
        interval_ns: s.get(Setting::DecayInterval) * 1_000_000_000,
        slow: s.get(Setting::SlowDecay) as u16,
        fast: s.get(Setting::FastDecay) as u16,
    }
}

pub(super) fn start() -> Result<thread::Thread> {
    let mut census = Census::new()?;
    thread::Thread::start(c_str!("om_balance"), move || {
        while !thread::should_stop() {
            let Some(c) = cluster() else { return };
            // Without memory nothing is decided.
            let _ = c.balance.round(c, &mut census);
            thread::sleep(narrow(c.settings.get(Setting::Period)));
        }
    })
}
