// SPDX-License-Identifier: GPL-2.0-only

//! Runs many programs on one cluster, several at a time.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use anyhow::{anyhow, Result};

use super::{
    cell::{self, Stage},
    Cell, Feature, Verdict, Way,
};
use crate::{openmosix::Joined, Cluster, Root};

/// How many programs run at the same time: most of them wait most of the time.
const AT_A_TIME: usize = 4;
/// How long guests may take to disappear when all programs have ended.
const CLEAN_UP: Duration = Duration::from_secs(30);

/// What came of it all.
#[derive(Default)]
pub struct Outcome {
    pub cells: Vec<Cell>,
    /// What kernels complained about, with the names of what ran then.
    pub complaints: Vec<String>,
}

/// What a worker takes: a program, from this way on.
type Task = (Feature, Way);

/// What the workers share.
struct Shared<'a> {
    tasks: VecDeque<Task>,
    /// What runs now.
    running: Vec<Task>,
    cells: Vec<Cell>,
    /// What is wrong with the cluster, and what ran when that was found.
    broken: Option<(String, Vec<Task>)>,
    /// Where the kernel logs have been judged up to.
    judged: Vec<u64>,
    told: &'a mut (dyn FnMut(&Cell) + Send),
}

impl Shared<'_> {
    fn tell(&mut self, cell: Cell) {
        (self.told)(&cell);
        self.cells.push(cell);
    }
}

/// Runs features in some ways and calls `told` with each outcome. One cluster is booted, and another whenever a
/// kernel has complained or a node has died; what ran then is run again, alone.
pub fn run(
    features: &[Feature],
    ways: &[Way],
    children: bool,
    logs: &Path,
    told: &mut (dyn FnMut(&Cell) + Send),
) -> Result<Outcome> {
    let Some(first) = ways.first() else { return Ok(Outcome::default()) };
    let mut tasks: VecDeque<Task> = features.iter().map(|feature| (feature.clone(), *first)).collect();
    let mut suspects: VecDeque<Task> = VecDeque::new();
    let mut cells = Vec::new();
    let mut complaints = Vec::new();
    let mut boots = 0;
    loop {
        let alone = tasks.is_empty();
        let now = std::mem::take(if alone { &mut suspects } else { &mut tasks });
        if now.is_empty() {
            return Ok(Outcome { cells, complaints });
        }
        boots += 1;
        let cluster = boot(&logs.join(format!("cluster{boots}")))?;
        let shared = Mutex::new(Shared {
            tasks: now,
            running: Vec::new(),
            cells: Vec::new(),
            broken: None,
            judged: cluster.log_positions()?,
            told: &mut *told,
        });
        thread::scope(|scope| {
            for _ in 0..if alone { 1 } else { AT_A_TIME } {
                scope.spawn(|| work(&cluster, &shared, ways, children));
            }
        });
        let mut shared = shared.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        match shared.broken.take() {
            None => {
                if let Err(error) = clean_up(&cluster) {
                    complaints.push(format!("{error:#}"));
                }
            }
            Some((complaint, blamed)) => {
                let names: Vec<String> =
                    blamed.iter().map(|(feature, way)| format!("{feature} {way}")).collect();
                complaints.push(format!("with {}: {complaint}", names.join(", ")));
                if let [(feature, way)] = blamed.as_slice() {
                    let why = format!("{complaint}\n(logs: {})", cluster.logs().display());
                    let verdict = Verdict::Failed(why);
                    shared.tell(Cell { feature: feature.clone(), way: *way, verdict, took: Duration::ZERO });
                    let next = ways.iter().find(|other| *other > way);
                    shared.tasks.extend(next.map(|next| (feature.clone(), *next)));
                } else {
                    suspects.extend(blamed);
                }
            }
        }
        if alone {
            suspects.append(&mut shared.tasks);
        } else {
            tasks.append(&mut shared.tasks);
        }
        cells.append(&mut shared.cells);
    }
}

fn boot(logs: &Path) -> Result<Cluster> {
    let builder = Cluster::builder().nodes(2).memory_mb(512).node_root(2, Root::None);
    let cluster = builder.kernel_arguments("mitigations=off").keep_logs(logs).start()?;
    cluster.load_and_join()?;
    Ok(cluster)
}

/// Takes tasks until there are no more or the cluster is broken.
fn work(cluster: &Cluster, shared: &Mutex<Shared>, ways: &[Way], children: bool) {
    let stage = Stage { home: cluster.node(1), host: cluster.node(2), children };
    loop {
        let (feature, from) = {
            let mut shared = lock(shared);
            if shared.broken.is_some() {
                return;
            }
            let Some(task) = shared.tasks.pop_front() else { return };
            task
        };
        for &way in ways.iter().filter(|way| **way >= from) {
            let task = (feature.clone(), way);
            {
                let mut shared = lock(shared);
                if shared.broken.is_some() {
                    shared.tasks.push_front(task);
                    return;
                }
                shared.running.push(task.clone());
            }
            let started = Instant::now();
            let _ = stage.home.note(&format!("{feature} {way}"));
            let verdict = cell::run(&stage, &feature, way);
            let mut shared = lock(shared);
            if let Some((_, blamed)) = &shared.broken {
                // It was in the wrong place; it runs again if it is not among the blamed anyway.
                if !blamed.contains(&task) {
                    shared.tasks.push_front(task);
                }
                return;
            }
            if let Err(complaint) = judge(cluster, &mut shared) {
                shared.broken = Some((format!("{complaint:#}"), shared.running.clone()));
                return;
            }
            shared.running.retain(|other| *other != task);
            let skipped = matches!(verdict, Verdict::Skipped(_));
            let no_use = way == Way::AtHome && verdict != Verdict::Pass;
            shared.tell(Cell { feature: feature.clone(), way, verdict, took: started.elapsed() });
            if skipped || no_use {
                break;
            }
        }
    }
}

/// Fails if a kernel has complained since it was asked last, or a node has died.
fn judge(cluster: &Cluster, shared: &mut Shared) -> Result<()> {
    let positions = cluster.log_positions()?;
    cluster.check_logs(&shared.judged)?;
    shared.judged = positions;
    Ok(())
}

/// No guest may be left when all programs have ended.
fn clean_up(cluster: &Cluster) -> Result<()> {
    for node in cluster.nodes() {
        node.kill_commands()?;
    }
    for node in cluster.nodes() {
        let gone = node.wait_until("no guest is left", CLEAN_UP, || Ok(node.guests()?.is_empty()));
        gone.map_err(|error| {
            let left = node.sh("cat /proc/hpc/remote/*/identity").unwrap_or_default();
            anyhow!("{error:#}: {left}")
        })?;
    }
    cluster.check_logs(&[])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
