// SPDX-License-Identifier: GPL-2.0-only

//! One node: its QEMU process, its agent, its kernel log. Handles are cheap to clone.

use std::{
    fs,
    io::{Read, Seek, SeekFrom},
    os::unix::{net::UnixStream, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::Child,
    sync::{Arc, Mutex, MutexGuard, Weak},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{anyhow, bail, Context, Result};

use crate::{
    client::{self, Client, Command, Output, Process},
    kernel_log::KernelLog,
    protocol::Op,
    qemu, NodeId,
};

/// What a node's root file system is, below the image with the module, the tools and the test programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Root {
    /// The root of this machine, read-only, with a tmpfs over it; and once more, raw, at `/host`.
    #[default]
    Host,
    /// Busybox.
    None,
}

/// A handle on a node.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

/// What [`Node`] handles share.
struct Inner {
    id: NodeId,
    root: Root,
    client: Arc<Client>,
    qemu: Mutex<Child>,
    monitor: Mutex<UnixStream>,
    console: PathBuf,
    /// The nodes of the cluster, this one included, for what one node's trouble makes others do.
    peers: Mutex<Vec<Weak<Inner>>>,
    /// It was killed on purpose; its log ends somewhere and that is no complaint.
    killed: Mutex<bool>,
}

impl Node {
    pub(crate) fn start(machine: &qemu::Machine) -> Result<(Node, UnixStream)> {
        let (child, sockets) = machine.start()?;
        let inner = Inner {
            id: machine.id,
            root: machine.root,
            client: Client::new(sockets.agent)?,
            qemu: Mutex::new(child),
            monitor: Mutex::new(sockets.monitor),
            console: machine.console.to_path_buf(),
            peers: Mutex::default(),
            killed: Mutex::new(false),
        };
        Ok((Node(Arc::new(inner)), sockets.network))
    }

    pub(crate) fn wait_up(&self, time_limit: Duration) -> Result<()> {
        if self.0.client.wait_greeting(time_limit)? {
            // Nodes have the same time, as the machines of a cluster should: QEMU starts their clocks at whole
            // seconds.
            return self.set_clock(0, time_limit);
        }
        if self.is_running() {
            bail!(
                "node {} is not up after {time_limit:?}; the end of its kernel log:\n{}",
                self.id(),
                self.kernel_log()?.tail(25)
            );
        }
        Err(self.obituary())
    }

    /// Sets its time of day: this machine's, and so many seconds more.
    pub fn set_clock(&self, ahead: i64, time_limit: Duration) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("this machine's clock")?;
        let nanoseconds = (now.as_nanos() as u64).saturating_add_signed(ahead.saturating_mul(1_000_000_000));
        client::ask(self, Op::SetTime { nanoseconds }, time_limit).map(drop)
    }

    pub(crate) fn set_peers(&self, nodes: &[Node]) {
        *lock(&self.0.peers) = nodes.iter().map(|node| Arc::downgrade(&node.0)).collect();
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub fn id(&self) -> NodeId {
        self.0.id
    }

    pub fn root(&self) -> Root {
        self.0.root
    }

    // ------------------------------------------------------------------------------------------- commands

    /// A program with its arguments.
    pub fn command(&self, argv: &[&str]) -> Command {
        Command::new(self.clone(), argv.iter().map(|word| word.to_string()).collect())
    }

    /// A shell script.
    pub fn shell(&self, script: &str) -> Command {
        self.command(&["/bin/sh", "-c", script])
    }

    /// Runs a shell script to its end, for at most a minute.
    pub fn run(&self, script: &str) -> Result<Output> {
        self.shell(script).run()
    }

    /// Runs a shell script that must succeed, and gives what it printed.
    pub fn sh(&self, script: &str) -> Result<String> {
        Ok(self.run(script)?.expect_success().with_context(|| format!("on node {}", self.id()))?.text())
    }

    /// Starts a shell script.
    pub fn spawn(&self, script: &str) -> Result<Process> {
        self.shell(script).spawn()
    }

    /// Kills everything that was started by this handle or another and still runs.
    pub fn kill_commands(&self) -> Result<()> {
        client::kill_running(self)
    }

    pub fn read(&self, path: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.read_bytes(path)?).into_owned())
    }

    pub fn read_bytes(&self, path: &str) -> Result<Vec<u8>> {
        client::read_file(self, path)
    }

    /// Writes a file that root may read and write and others may read.
    pub fn write(&self, path: &str, data: impl AsRef<[u8]>) -> Result<()> {
        self.write_mode(path, data, 0o644)
    }

    /// Writes a file with certain permissions.
    pub fn write_mode(&self, path: &str, data: impl AsRef<[u8]>, mode: u32) -> Result<()> {
        client::write_file(self, path, data.as_ref(), mode)
    }

    /// Polls a condition until it holds.
    pub fn wait_until(
        &self,
        what: &str,
        limit: Duration,
        mut holds: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let limit = crate::patient(limit);
        let deadline = Instant::now() + limit;
        // Asking is work for the node, which a test of its load would see.
        let mut pause = Duration::from_millis(50);
        while !holds()? {
            if Instant::now() > deadline {
                self.show_tasks();
                bail!("node {}: waited {limit:?} in vain: {what}", self.id());
            }
            thread::sleep(pause);
            pause = (pause + pause / 4).min(Duration::from_millis(500));
        }
        Ok(())
    }

    // ------------------------------------------------------------------------------------------ life cycle

    /// Kills the machine as a power failure would.
    pub fn kill(&self) -> Result<()> {
        *lock(&self.0.killed) = true;
        let mut qemu = lock(&self.0.qemu);
        qemu.kill()?;
        qemu.wait()?;
        Ok(())
    }

    /// Stops the machine and its clock, as a machine that hangs would be for the others.
    pub fn pause(&self) -> Result<()> {
        qemu::monitor(&lock(&self.0.monitor), "stop").with_context(|| format!("pausing node {}", self.id()))
    }

    pub fn resume(&self) -> Result<()> {
        qemu::monitor(&lock(&self.0.monitor), "cont").with_context(|| format!("resuming node {}", self.id()))
    }

    /// The process on this machine that is the node.
    pub fn machine_pid(&self) -> i32 {
        lock(&self.0.qemu).id() as i32
    }

    pub fn is_running(&self) -> bool {
        matches!(lock(&self.0.qemu).try_wait(), Ok(None))
    }

    pub(crate) fn was_killed(&self) -> bool {
        *lock(&self.0.killed)
    }

    /// Says that a node died, and shows what it said last.
    pub(crate) fn obituary(&self) -> anyhow::Error {
        // The connection closes a moment before the process is gone.
        let deadline = Instant::now() + Duration::from_secs(2);
        while self.is_running() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        let end = match lock(&self.0.qemu).try_wait() {
            Ok(Some(status)) => match status.signal() {
                Some(signal) => format!("QEMU killed by signal {signal}"),
                None => format!("QEMU ended with {status}"),
            },
            _ => "its agent closed the connection".into(),
        };
        let log = self.kernel_log().map(|log| log.excerpt().unwrap_or_else(|| log.tail(25)));
        let errors = fs::read_to_string(qemu::errors_of(&self.0.console)).unwrap_or_default();
        anyhow!(
            "node {} is gone ({end}); its kernel log:\n{}\n{errors}",
            self.id(),
            log.unwrap_or_else(|error| format!("{error:#}"))
        )
    }

    // ------------------------------------------------------------------------------------------ kernel log

    /// All that the kernel has printed since it started.
    pub fn kernel_log(&self) -> Result<KernelLog> {
        self.kernel_log_from(0)
    }

    /// Where the kernel log ends now.
    pub fn log_position(&self) -> Result<u64> {
        Ok(fs::metadata(&self.0.console)?.len())
    }

    /// What the kernel has printed after a position.
    pub fn kernel_log_from(&self, position: u64) -> Result<KernelLog> {
        let mut file = fs::File::open(&self.0.console).context("no kernel log")?;
        file.seek(SeekFrom::Start(position))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(KernelLog { text: String::from_utf8_lossy(&bytes).replace('\r', "") })
    }

    pub fn console(&self) -> &Path {
        &self.0.console
    }

    /// Writes a line into the node's kernel log.
    pub fn note(&self, line: &str) -> Result<()> {
        self.write("/dev/kmsg", format!("harness: {line}\n"))
    }

    /// Makes every node of the cluster write all its tasks' stacks into its kernel log (SysRq-T), as far as
    /// it still answers.
    pub(crate) fn show_tasks(&self) {
        for node in lock(&self.0.peers).iter().filter_map(Weak::upgrade).map(Node) {
            if node.is_running() {
                let op = Op::WriteFile {
                    path: "/proc/sysrq-trigger".into(),
                    data: crate::protocol::Bytes(b"t".to_vec()),
                    mode: 0o200,
                    append: false,
                };
                let _ = client::ask(&node, op, Duration::from_secs(10));
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let mut qemu = lock(&self.qemu);
        let _ = qemu.kill();
        let _ = qemu.wait();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
