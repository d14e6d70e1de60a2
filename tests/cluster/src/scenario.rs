// SPDX-License-Identifier: GPL-2.0-only

//! Runs scenarios: functions that do something with a booted cluster and say whether it went well.
//!
//! Those that leave the cluster as they found it share one; the others get their own. After each, whatever
//! it said, the kernel logs are judged, and no guest may be left anywhere. A shared cluster that was in a
//! scenario that failed is not used again.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{anyhow, Context, Error, Result};

use crate::{
    artifacts::{self, Kernel},
    openmosix::Joined,
    Builder, Cluster, Root,
};

/// How long guests may take to disappear when their processes have been killed.
const CLEAN_UP: Duration = Duration::from_secs(30);

type Run = Box<dyn Fn(&mut Cluster) -> Result<()> + Send + Sync>;

/// One thing that must work.
pub struct Scenario {
    /// `room/what`, by which it is chosen.
    pub name: String,
    pub cluster: Shape,
    /// It takes minutes, and runs only when it is named or long ones are asked for.
    pub long: bool,
    run: Run,
}

impl Scenario {
    /// The same, as one of the long ones.
    pub fn long(self) -> Self {
        Scenario { long: true, ..self }
    }
}

/// The cluster that a scenario runs on.
#[derive(Clone)]
pub enum Shape {
    /// Three nodes that have joined, node 3 without files. To be left as found.
    Shared,
    /// Its own: booted nodes without the module.
    Own(Builder),
    /// Its own, and no other cluster is at work meanwhile: it is about the load of nodes, which share this machine's processors.
    Alone(Builder),
}

/// A scenario on the shared cluster.
pub fn shared(name: impl Into<String>, run: impl Fn(&Cluster) -> Result<()> + Send + Sync + 'static) -> Scenario {
    Scenario { name: name.into(), cluster: Shape::Shared, long: false, run: Box::new(move |cluster| run(cluster)) }
}

/// A scenario on a cluster of its own.
pub fn own(
    name: impl Into<String>,
    builder: Builder,
    run: impl Fn(&mut Cluster) -> Result<()> + Send + Sync + 'static,
) -> Scenario {
    Scenario { name: name.into(), cluster: Shape::Own(builder), long: false, run: Box::new(run) }
}

/// A scenario on a cluster of its own while no other one runs.
pub fn alone(
    name: impl Into<String>,
    builder: Builder,
    run: impl Fn(&mut Cluster) -> Result<()> + Send + Sync + 'static,
) -> Scenario {
    Scenario { name: name.into(), cluster: Shape::Alone(builder), long: false, run: Box::new(run) }
}

/// How scenarios are run.
#[derive(Debug, Clone)]
pub struct Options {
    pub kernel: Kernel,
    /// Of each node, but for scenarios about load.
    pub processors: u32,
    /// Where the kernel logs go, in one folder a cluster.
    pub logs: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Options { kernel: Kernel::Reference, processors: 1, logs: artifacts::project().join("target/scenario-logs") }
    }
}

impl Options {
    /// Logs of former runs only confuse.
    pub fn clear_logs(&self) {
        let _ = fs::remove_dir_all(&self.logs);
    }
}

/// What became of one scenario.
pub struct Verdict {
    pub name: String,
    pub took: Duration,
    /// With the place of the kernel logs in the error.
    pub result: Result<()>,
}

/// Runs scenarios one after the other and keeps the shared cluster between them.
pub struct Runner {
    options: Options,
    /// Tells the logs of runners apart that are at work at the same time.
    lane: usize,
    shared: Option<Cluster>,
    clusters: u32,
}

impl Runner {
    pub fn new(options: Options, lane: usize) -> Self {
        Runner { options, lane, shared: None, clusters: 0 }
    }

    pub fn run(&mut self, scenario: &Scenario) -> Verdict {
        let started = Instant::now();
        let result = match &scenario.cluster {
            Shape::Shared => self.run_shared(scenario),
            Shape::Own(builder) | Shape::Alone(builder) => {
                // Two clusters of one lane would only be in each other's way.
                self.shared = None;
                let (mut builder, logs) = self.prepare("own", builder.clone());
                if !matches!(scenario.cluster, Shape::Alone(_)) {
                    builder = builder.processors(self.options.processors);
                }
                builder
                    .start()
                    .and_then(|mut cluster| judged(scenario, &mut cluster))
                    .map_err(|e| with_place(e, &logs))
            }
        };
        Verdict { name: scenario.name.clone(), took: started.elapsed(), result }
    }

    fn run_shared(&mut self, scenario: &Scenario) -> Result<()> {
        let mut cluster = match self.shared.take() {
            Some(cluster) => cluster,
            None => {
                let (builder, logs) = self.prepare("shared", shared_cluster());
                let cluster = builder.processors(self.options.processors).start().map_err(|e| with_place(e, &logs))?;
                cluster.load_and_join()?;
                cluster
            }
        };
        let logs = cluster.logs().to_path_buf();
        judged(scenario, &mut cluster).map_err(|e| with_place(e, &logs))?;
        self.shared = Some(cluster);
        Ok(())
    }

    fn prepare(&mut self, kind: &str, builder: Builder) -> (Builder, PathBuf) {
        self.clusters += 1;
        let logs = self.options.logs.join(format!("{kind}{}.{}", self.lane + 1, self.clusters));
        (builder.kernel(self.options.kernel).keep_logs(&logs), logs)
    }
}

fn with_place(error: Error, logs: &Path) -> Error {
    anyhow!("{error:#}\n(kernel logs are in {})", logs.display())
}

fn shared_cluster() -> Builder {
    Cluster::builder().nodes(3).memory_mb(384).node_root(3, Root::None).kernel_arguments("mitigations=off")
}

/// Runs a scenario and judges the cluster afterwards.
fn judged(scenario: &Scenario, cluster: &mut Cluster) -> Result<()> {
    let positions = cluster.log_positions()?;
    for node in cluster.nodes() {
        node.note(&format!("scenario {}", scenario.name))?;
    }
    let result = (scenario.run)(cluster);
    let judgement = cluster.check_logs(&positions);
    match (result, judgement) {
        (Ok(()), Ok(())) => clean_up(cluster).context("cleaning up afterwards"),
        (Err(error), Ok(())) => Err(error),
        (Ok(()), Err(judgement)) => Err(judgement),
        (Err(error), Err(judgement)) => Err(error.context(format!("{judgement:#}"))),
    }
}

/// Kills what is left and waits until no node hosts a guest.
fn clean_up(cluster: &Cluster) -> Result<()> {
    cluster.network().restore_all();
    let alive = || cluster.nodes().iter().filter(|node| node.is_running());
    for node in alive() {
        node.kill_commands()?;
    }
    for node in alive() {
        node.wait_until("no guest is left", CLEAN_UP, || Ok(node.guests()?.is_empty()))?;
    }
    cluster.check_logs(&[])
}
