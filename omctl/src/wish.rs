// SPDX-License-Identifier: GPL-2.0-only

//! What a process wishes for itself before it becomes a command: where to run, whether it may be moved, what it is
//! like. All of it goes through the files of the process that writes.
//!
//! A wish that cannot be met is told on standard error and never keeps the command from running.

use std::collections::BTreeSet;

use nix::errno::Errno;
use proc_hpc::value::Status;

use crate::hpc::Hpc;
use crate::machine;
use crate::status::Node;

/// Where the command is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// No wish.
    #[default]
    Anywhere,
    Home,
    Node(u16),
    /// One of these, by chance.
    Among(BTreeSet<u16>),
}

/// Whether it may be moved automatically afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stay {
    /// As the parent.
    #[default]
    Inherit,
    Movable,
    /// A command still moves it.
    Fixed,
    /// At home, where no command moves it either.
    Locked,
}

/// What it needs most, on a machine with memory without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    Cpu,
    Io,
}

/// For how long its statistics count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    Fast,
    Slow,
    Never,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub place: Place,
    pub stay: Stay,
    pub job: Option<Job>,
    pub decay: Option<Decay>,
}

impl Wish {
    pub fn cpu_job() -> Self {
        Self { job: Some(Job::Cpu), ..Self::default() }
    }

    pub fn io_job() -> Self {
        Self { job: Some(Job::Io), ..Self::default() }
    }

    pub fn decay(decay: Decay) -> Self {
        Self { decay: Some(decay), ..Self::default() }
    }

    /// Tells the module, for this process, which then becomes the command.
    pub fn tell(&self, hpc: &Hpc, own: u16) {
        let decay = self.decay_files();
        for name in decay {
            say(hpc, &format!("decay/{name}"), "1\n", "the balancer was not told what the command is like");
        }
        let (stay, lock) = match self.stay {
            Stay::Inherit => (None, None),
            Stay::Movable => (Some("0\n"), Some("0\n")),
            Stay::Fixed => (Some("1\n"), None),
            // The lock is this process' alone; its children at least are not moved by themselves.
            Stay::Locked => (Some("1\n"), Some("1\n")),
        };
        for (name, text) in [("stay", stay), ("lock", lock)] {
            if let Some(text) = text {
                say(hpc, &format!("pids/self/{name}"), text, &format!("cannot set \"{name}\""));
            }
        }
        let node = match &self.place {
            Place::Anywhere | Place::Home => None,
            Place::Node(id) => Some(*id),
            Place::Among(nodes) => choose(hpc, nodes),
        };
        if let Some(id) = node.filter(|&id| id != own) {
            let failed = format!("running at home, not on node {id}");
            say(hpc, "pids/self/execgoto", &format!("{id}\n"), &failed);
        }
    }

    /// The files below `decay/` to write. A job is more than one process: what is said of it holds for the programs
    /// it executes and for its children.
    fn decay_files(&self) -> Vec<&'static str> {
        let job = self.job.map(|job| match job {
            Job::Cpu => "cpujob",
            Job::Io => "iojob",
        });
        let decay = self.decay.map(|decay| match decay {
            Decay::Fast => "fast",
            Decay::Slow => "slow",
            Decay::Never => "none",
        });
        let mut files: Vec<&str> = job.into_iter().chain(decay).collect();
        if !files.is_empty() {
            files.extend(["exec", "inherit"]);
        }
        files
    }
}

fn say(hpc: &Hpc, path: &str, text: &str, failed: &str) {
    if let Err(mut refusal) = hpc.write(path, text) {
        if refusal.errno() == Errno::ENOENT {
            refusal.reason = "the module is older than this tool".to_owned();
        }
        eprintln!("mosrun: {}", refusal.while_doing(failed).what);
    }
}

/// One of the nodes by chance, of those that are up if any is.
fn choose(hpc: &Hpc, nodes: &BTreeSet<u16>) -> Option<u16> {
    let up: Vec<u16> = Node::all(hpc)
        .into_iter()
        .filter(|node| nodes.contains(&node.id))
        .filter(|node| node.up || node.status.has(Status::SELF))
        .map(|node| node.id)
        .collect();
    let candidates = if up.is_empty() { nodes.iter().copied().collect() } else { up };
    let random = machine::random::<8>().map_or(0, u64::from_ne_bytes);
    let index = random.checked_rem(candidates.len() as u64)?;
    candidates.get(index as usize).copied()
}
