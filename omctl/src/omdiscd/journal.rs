// SPDX-License-Identifier: GPL-2.0-only

//! Where `omdiscd` says what happens: standard error in the foreground, the system's log as a daemon.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::os::unix::net::UnixDatagram;

/// Strangers that are remembered, so that each is named once and none can fill the log.
const STRANGERS: usize = 64;

pub struct Journal {
    log: Option<UnixDatagram>,
    strangers: BTreeSet<IpAddr>,
}

impl Journal {
    pub fn foreground() -> Self {
        Self { log: None, strangers: BTreeSet::new() }
    }

    pub fn daemon() -> Self {
        let log = UnixDatagram::unbound().and_then(|log| log.connect("/dev/log").map(|()| log));
        Self { log: log.ok(), strangers: BTreeSet::new() }
    }

    pub fn say(&self, what: &str) {
        let me = std::process::id();
        match &self.log {
            // Facility daemon, severity notice. A log that is full or gone is no reason to stop.
            Some(log) => drop(log.send(format!("<29>omdiscd[{me}]: {what}").as_bytes())),
            None => eprintln!("omdiscd[{me}]: {what}"),
        }
    }

    /// Says something about a machine whose words are not believed, once.
    pub fn stranger(&mut self, who: IpAddr, what: &str) {
        if self.strangers.len() < STRANGERS && self.strangers.insert(who) {
            self.say(&format!("unauthorized announcement from {who}: {what}"));
        }
    }
}
