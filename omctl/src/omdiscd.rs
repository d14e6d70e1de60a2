// SPDX-License-Identifier: GPL-2.0-only

//! `omctl omdiscd`: finds the other nodes by multicast and gives the module the map of them.
//!
//! Every node says that it is there, again and again ([`message`]); who hears it keeps a list ([`members`]); when the
//! list has been calm for a while it becomes the map. Nobody leads, and no order of starting matters.

mod journal;
mod members;
mod message;
mod net;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use omcore::map::{Ip, Map};
use proc_hpc::value;

use crate::cli::OmdiscdArgs;
use crate::failure::{Code, Failure};
use crate::hpc::Hpc;
use crate::print::Report;
use crate::{keys, machine, setpe};
use journal::Journal;
use members::{Heard, Members};
use message::{Announcement, Key};
use net::Net;

/// Between two announcements, and how much later by chance, so that nodes do not speak all at once.
const PERIOD: Duration = Duration::from_secs(10);
const JITTER: Duration = Duration::from_secs(2);
/// The first announcements come faster, for one may be lost.
const EAGER: u32 = 3;
const EAGER_PERIOD: Duration = Duration::from_secs(1);

pub fn run(args: &OmdiscdArgs, json: bool) -> Result<Report, Failure> {
    let text = if args.trusted { None } else { Some(keys::load(&args.key)?) };
    let key: Key = text.as_deref().and_then(|text| value::key(text.as_bytes()));
    let net = Net::open(args)?;
    let now = Instant::now();
    let mut members = Members::new(net.own, args.forget.map(Duration::from_secs), now).ok_or_else(|| {
        let what = format!("the address {} makes no node id: its low 16 bits are 0", net.own);
        Failure::new(
            Code::Refused,
            what,
            "Give this machine another address, or use /etc/openmosix.map everywhere.",
        )
    })?;
    let hpc = if args.dry_run { None } else { Some(Hpc::open()?) };
    if let Some(hpc) = &hpc {
        setpe::admit(hpc, "omdiscd", text.as_deref())?;
        take_over(hpc, &mut members, now);
    }
    let journal = if args.foreground {
        Journal::foreground()
    } else {
        nix::unistd::daemon(false, false).map_err(|error| {
            Failure::new(
                Code::Refused,
                format!("cannot become a daemon: {error}"),
                "Stay in the foreground with -n.",
            )
        })?;
        Journal::daemon()
    };
    journal.say(&format!("this is node {} at {}", members.own_id(), net.own));
    let mut daemon = Daemon { net, key, members, hpc, journal, json, announced: 0, busy: false };
    match daemon.serve() {
        Ok(never) => match never {},
        Err(error) => {
            daemon.journal.say(&format!("the network failed: {error}. Exiting."));
            Err(Failure::new(Code::Refused, format!("the network failed: {error}"), ""))
        }
    }
}

/// Keeps the nodes of a map that is in use, if it was made as here.
fn take_over(hpc: &Hpc, members: &mut Members, now: Instant) {
    let Ok(kernel) = hpc.map() else { return };
    if kernel.own == members.own_id() {
        for (id, ip) in kernel.map().nodes() {
            if message::id_of(ip.into()) == Some(id) {
                members.seed(ip.into(), now);
            }
        }
    }
}

struct Daemon {
    net: Net,
    key: Key,
    members: Members,
    /// `None`: only say what would be done.
    hpc: Option<Hpc>,
    journal: Journal,
    json: bool,
    /// How often it has spoken.
    announced: u32,
    /// The module has refused the map for the moment; said once.
    busy: bool,
}

impl Daemon {
    fn serve(&mut self) -> std::io::Result<std::convert::Infallible> {
        let mut speak_at = Instant::now();
        loop {
            let now = Instant::now();
            if now >= speak_at {
                self.announce();
                let period = if self.announced < EAGER { EAGER_PERIOD } else { PERIOD + chance(JITTER) };
                speak_at = now + period;
            }
            for address in self.members.forget(now) {
                self.journal.say(&format!("{address} has not been heard of for long and is forgotten"));
            }
            if self.members.ready_at().is_some_and(|at| now >= at) {
                let was = self.members.is_member();
                self.use_map(now);
                if self.members.is_member() != was {
                    // The others are to know at once: a member keeps its id.
                    speak_at = now;
                }
            }
            let until = self.members.ready_at().map_or(speak_at, |at| at.min(speak_at));
            let Some((bytes, from)) = self.net.listen(until.saturating_duration_since(Instant::now()))?
            else {
                continue;
            };
            match Announcement::decode(&bytes, &self.key) {
                Err(wrong) => self.journal.stranger(from.ip(), &wrong.to_string()),
                Ok(what) => {
                    let heard = self.members.hear(&what, Instant::now());
                    self.tell(&what, heard);
                    // Whoever is new has not heard this node yet, nor who has its id.
                    if heard == Heard::New || what.newcomer && heard != Heard::Echo {
                        speak_at = speak_at.min(Instant::now() + chance(EAGER_PERIOD));
                    }
                }
            }
        }
    }

    fn announce(&mut self) {
        let sent = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |t| u64::try_from(t.as_nanos()).unwrap_or(0));
        let newcomer = self.announced < EAGER;
        let member = self.members.is_member();
        let bytes = Announcement { address: self.net.own, newcomer, member, sent }.encode(&self.key);
        if let Err(error) = self.net.say(&bytes) {
            // An interface may be down for a while.
            if self.announced == 0 {
                self.journal.say(&format!("cannot send announcements: {error}"));
            }
        }
        self.announced = self.announced.saturating_add(1);
    }

    fn tell(&self, what: &Announcement, heard: Heard) {
        let address = what.address;
        let id = message::id_of(address).unwrap_or(0);
        match heard {
            Heard::New => self.journal.say(&format!("node {id} is at {address}")),
            Heard::Collision { kept, left_out, first_time: true } => self.journal.say(&format!(
                "{kept} and {left_out} make the same node id {id}: {left_out} is left out of the cluster. Ids are the \
                 low 16 bits of addresses; give it another address, or use /etc/openmosix.map everywhere"
            )),
            Heard::Full => self.journal.say(&format!("the map is full: {address} is left out")),
            Heard::Echo | Heard::Again | Heard::Stale | Heard::Collision { .. } => {}
        }
    }

    fn use_map(&mut self, now: Instant) {
        let own = self.members.own_id();
        if let Some(by) = self.members.ousted_by() {
            self.journal
                .say(&format!("this node does not join, or keeps its old map: {by} has the id {own}"));
            self.members.used();
            return;
        }
        let entries = self.members.map();
        let map = Map::new(&entries);
        let Some(hpc) = &self.hpc else {
            self.journal.say("simulated notification to activate openMosix");
            self.show(map);
            self.members.joined();
            return;
        };
        match hpc.write("admin/config", &format!("self {own}\n{map}")) {
            Ok(()) => {
                self.journal
                    .say(&format!("notified the module to activate openMosix: node {own} of {}", map.len()));
                self.busy = false;
                self.members.joined();
            }
            Err(refusal) => {
                let passing = refusal.errno() == Errno::EBUSY;
                let failure = refusal.while_doing("the module did not take the map");
                if !(passing && self.busy) {
                    self.journal.say(&format!("{}; trying again", failure.what));
                }
                self.busy = passing;
                self.members.postpone(now);
            }
        }
    }

    /// Prints the map that would be used. Without a reader there is nothing to do about it.
    fn show(&self, map: Map<'_>) {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        let text = if self.json {
            let nodes: Vec<_> = map
                .nodes()
                .map(|(id, ip)| serde_json::json!({"id": id, "address": Ip(ip).to_string()}))
                .collect();
            format!("{}\n", serde_json::json!({"self": self.members.own_id(), "nodes": nodes}))
        } else {
            format!("self {}\n{map}", self.members.own_id())
        };
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// A time up to `most`, by chance.
fn chance(most: Duration) -> Duration {
    let random = machine::random::<2>().map_or(0, u16::from_ne_bytes);
    most.mul_f64(f64::from(random) / f64::from(u16::MAX))
}
