// SPDX-License-Identifier: GPL-2.0-only

//! Boots nodes and judges their kernel logs.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Duration,
};

use anyhow::{bail, ensure, Context, Result};

use crate::{
    artifacts::{self, Kernel},
    initramfs, qemu, Network, Node, NodeId, Root,
};

/// How long all nodes together may take to boot.
const BOOT_TIME: Duration = Duration::from_secs(120);
/// How many times longer everything may take with the debug kernel, and how many times more memory its nodes get.
const DEBUG_PATIENCE: u32 = 10;
const DEBUG_MEMORY: u32 = 2;
/// The harness's nodes share one /24 and two processors; more than this is a mistake.
const MOST_NODES: u32 = 16;

/// A cluster to be booted.
#[derive(Clone)]
pub struct Builder {
    nodes: u32,
    memory_mb: u32,
    processors: u32,
    root: Root,
    /// Roots of nodes that differ from `root`.
    roots: Vec<(NodeId, Root)>,
    memories: Vec<(NodeId, u32)>,
    kernel: Kernel,
    kernel_arguments: String,
    logs: Option<PathBuf>,
    seed: u64,
    may_run_out_of_memory: bool,
}

impl Builder {
    fn new() -> Self {
        Builder {
            nodes: 2,
            memory_mb: 512,
            processors: 1,
            root: Root::Host,
            roots: Vec::new(),
            memories: Vec::new(),
            kernel: Kernel::Reference,
            kernel_arguments: String::new(),
            logs: None,
            seed: 0,
            may_run_out_of_memory: false,
        }
    }

    /// That a kernel kills processes for memory is no complaint.
    pub fn may_run_out_of_memory(mut self) -> Self {
        self.may_run_out_of_memory = true;
        self
    }

    /// How many nodes; they are numbered from 1.
    pub fn nodes(mut self, nodes: u32) -> Self {
        self.nodes = nodes;
        self
    }

    /// Memory of each node. Nodes with the debug kernel get more.
    pub fn memory_mb(mut self, memory: u32) -> Self {
        self.memory_mb = memory;
        self
    }

    /// Memory of one node.
    pub fn node_memory_mb(mut self, node: NodeId, memory: u32) -> Self {
        self.memories.push((node, memory));
        self
    }

    /// Virtual processors of each node.
    pub fn processors(mut self, processors: u32) -> Self {
        self.processors = processors;
        self
    }

    /// The root of every node.
    pub fn root(mut self, root: Root) -> Self {
        self.root = root;
        self
    }

    /// The root of one node.
    pub fn node_root(mut self, node: NodeId, root: Root) -> Self {
        self.roots.push((node, root));
        self
    }

    pub fn kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        if kernel == Kernel::Debug {
            // KASAN takes 5-level addresses for wild ones while the boot processor's features are being read; and
            // evaluating ACPI's interrupt routing takes half a minute a device.
            return self.kernel_arguments("no5lvl pci=noacpi");
        }
        self
    }

    /// Words for the kernel command line, such as `mitigations=off`.
    pub fn kernel_arguments(mut self, arguments: &str) -> Self {
        self.kernel_arguments.push_str(arguments);
        self.kernel_arguments.push(' ');
        self
    }

    /// Keeps the kernel logs in this directory, as `nodeN.log`; else they go with the cluster.
    pub fn keep_logs(mut self, directory: impl Into<PathBuf>) -> Self {
        self.logs = Some(directory.into());
        self
    }

    /// Determines which frames the network loses and reorders, where it is told to.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Boots the nodes and waits until all are up.
    pub fn start(self) -> Result<Cluster> {
        ensure!((1..=MOST_NODES).contains(&self.nodes), "a cluster has 1 to {MOST_NODES} nodes");
        if self.kernel == Kernel::Debug {
            crate::PATIENCE.store(DEBUG_PATIENCE, Ordering::Relaxed);
        }
        let image = artifacts::kernel_image(self.kernel)?;
        let accelerator = qemu::accelerator(&image)?;
        let directory = tempfile::Builder::new().prefix("omcluster-").tempdir()?;
        let logs = self.logs.clone().unwrap_or_else(|| directory.path().to_path_buf());
        fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
        let initramfs = directory.path().join("initramfs.cpio");
        initramfs::write(&artifacts::contents(self.kernel)?, &initramfs)?;

        let ids = 1..=self.nodes;
        let network = Network::start(self.seed)?;
        let mut cluster = Cluster {
            builder: self,
            nodes: Vec::new(),
            network,
            directory,
            image,
            accelerator,
            logs,
            boots: 0,
        };
        for id in ids {
            let node = cluster.power_on(id)?;
            cluster.nodes.push(node);
        }
        cluster.wait_up()?;
        Ok(cluster)
    }

    fn root_of(&self, id: NodeId) -> Root {
        self.roots.iter().rev().find(|(node, _)| *node == id).map_or(self.root, |(_, root)| *root)
    }

    fn memory_of(&self, id: NodeId) -> u32 {
        let own = self.memories.iter().rev().find(|(node, _)| *node == id);
        let memory = own.map_or(self.memory_mb, |(_, memory)| *memory);
        if self.kernel == Kernel::Debug {
            memory * DEBUG_MEMORY
        } else {
            memory
        }
    }
}

/// A booted cluster. Dropping it kills the nodes.
pub struct Cluster {
    builder: Builder,
    nodes: Vec<Node>,
    network: Network,
    directory: tempfile::TempDir,
    image: PathBuf,
    accelerator: qemu::Accelerator,
    logs: PathBuf,
    /// How often a node was powered on again, to tell the logs apart.
    boots: u32,
}

impl Cluster {
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A node by its number, from 1.
    ///
    /// # Panics
    /// If there is no such node: the test is wrong.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize - 1]
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    pub fn accelerator(&self) -> qemu::Accelerator {
        self.accelerator
    }

    /// Where the kernel logs are.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// Powers a node on again that was killed. It starts from nothing: no module, no files.
    pub fn boot_again(&mut self, id: NodeId) -> Result<()> {
        ensure!(!self.node(id).is_running(), "node {id} is running");
        self.boots += 1;
        self.nodes[id as usize - 1] = self.power_on(id)?;
        self.wait_up()
    }

    fn power_on(&self, id: NodeId) -> Result<Node> {
        let suffix = if self.boots == 0 { String::new() } else { format!("-boot{}", self.boots + 1) };
        let (node, network) = Node::start(&qemu::Machine {
            id,
            accelerator: self.accelerator,
            kernel: &self.image,
            initramfs: &self.directory.path().join("initramfs.cpio"),
            memory_mb: self.builder.memory_of(id),
            processors: self.builder.processors,
            root: self.builder.root_of(id),
            kernel_arguments: &self.builder.kernel_arguments,
            console: &self.logs.join(format!("node{id}{suffix}.log")),
        })?;
        self.network.attach(id, network)?;
        Ok(node)
    }

    fn wait_up(&self) -> Result<()> {
        for node in &self.nodes {
            if !node.was_killed() {
                node.wait_up(crate::patient(BOOT_TIME))?;
            }
            node.set_peers(&self.nodes);
        }
        Ok(())
    }

    /// Where every node's kernel log ends now, for [`Cluster::check_logs`].
    pub fn log_positions(&self) -> Result<Vec<u64>> {
        self.nodes.iter().map(Node::log_position).collect()
    }

    /// Fails with excerpts if a node's kernel has complained since `positions` (empty: since the start), or
    /// if a node has died that was not killed.
    pub fn check_logs(&self, positions: &[u64]) -> Result<()> {
        let mut findings = String::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let mut log = node.kernel_log_from(positions.get(index).copied().unwrap_or(0))?;
            if self.builder.may_run_out_of_memory {
                log = log.without_out_of_memory();
            }
            if let Some(excerpt) = log.excerpt() {
                findings.push_str(&format!("the kernel of node {} complains:\n{excerpt}\n", node.id()));
            } else if !node.is_running() && !node.was_killed() {
                findings.push_str(&format!("{:#}\n", node.obituary()));
            }
        }
        if findings.is_empty() {
            Ok(())
        } else {
            bail!("{}", findings.trim_end())
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.network.stop();
    }
}
