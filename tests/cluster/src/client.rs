// SPDX-License-Identifier: GPL-2.0-only

//! The harness's end of the talk with a node's agent (see [`crate::protocol`]).

use std::{
    collections::HashMap,
    fmt,
    io::{self, Write},
    os::unix::net::UnixStream,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc, Condvar, Mutex, MutexGuard,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail, Context, Result};
use nix::sys::signal::Signal;

use crate::{
    protocol::{self, Bytes, Event, EventKind, Op, Request, Spawn, Status, Stream},
    Node,
};

/// How long the agent may take for what it does at once.
const PROMPT: Duration = Duration::from_secs(30);

/// What a program left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// As the program was given, for messages.
    pub command: String,
    pub status: Status,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text without the white space at its ends.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_string()
    }

    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_string()
    }

    /// Passes on what succeeded and turns the rest into an error that shows what was said.
    pub fn expect_success(self) -> Result<Output> {
        if self.status.success() {
            Ok(self)
        } else {
            Err(anyhow!("{self}"))
        }
    }

    /// The opposite: an error unless the program failed by itself.
    pub fn expect_failure(self) -> Result<Output> {
        match self.status {
            Status::Code(code) if code != 0 => Ok(self),
            _ => Err(anyhow!("expected a failure: {self}")),
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "`{}`: {}", brief(&self.command), self.status)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let text = String::from_utf8_lossy(text);
            if !text.trim().is_empty() {
                write!(f, "\n  {name}: {}", text.trim().replace('\n', "\n          "))?;
            }
        }
        Ok(())
    }
}

/// As much of a command as is needed to know it again.
fn brief(command: &str) -> String {
    const LONGEST: usize = 160;
    let words = command.strip_prefix("/bin/sh -c ").unwrap_or(command);
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

// ---------------------------------------------------------------------------------------------------------
// The connection

/// One connection to an agent. Answers arrive in a thread of their own and are sorted by request.
pub(crate) struct Client {
    socket: Mutex<UnixStream>,
    next_id: AtomicU64,
    slots: Mutex<HashMap<u64, Arc<Slot>>>,
    greeting: Arc<Slot>,
}

/// What has arrived for one request.
#[derive(Default)]
pub(crate) struct Slot {
    state: Mutex<Arrived>,
    changed: Condvar,
}

/// Called with what a program prints while it prints it.
pub type Listener = Box<dyn FnMut(Stream, &[u8]) + Send>;

#[derive(Default)]
struct Arrived {
    hello: Option<(u32, String)>,
    pid: Option<i32>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    data: Vec<u8>,
    status: Option<Status>,
    done: bool,
    failed: Option<String>,
    /// The connection is gone: nothing more will arrive.
    gone: bool,
    listener: Option<Listener>,
}

impl Client {
    pub(crate) fn new(socket: UnixStream) -> Result<Arc<Client>> {
        let mut incoming = socket.try_clone()?;
        socket.set_write_timeout(Some(PROMPT))?;
        let client = Arc::new(Client {
            socket: Mutex::new(socket),
            next_id: AtomicU64::new(1),
            slots: Mutex::default(),
            greeting: Arc::default(),
        });
        lock(&client.slots).insert(0, client.greeting.clone());
        let weak = Arc::downgrade(&client);
        thread::Builder::new().name("agent reader".into()).spawn(move || {
            while let Ok(Some(event)) = protocol::receive::<Event>(&mut incoming) {
                let Some(client) = weak.upgrade() else { return };
                client.sort(event);
            }
            if let Some(client) = weak.upgrade() {
                client.give_up();
            }
        })?;
        Ok(client)
    }

    /// Waits for the agent's greeting: the node is up. `false` if it did not come in time or the node died.
    pub(crate) fn wait_greeting(&self, time_limit: Duration) -> Result<bool> {
        let arrived = self.greeting.wait(time_limit, |arrived| arrived.hello.is_some() || arrived.gone);
        let Some((version, _)) = arrived.hello.as_ref() else { return Ok(false) };
        if *version != protocol::VERSION {
            bail!("the node agent is of another version than the harness: run `make tools`");
        }
        Ok(true)
    }

    fn sort(&self, event: Event) {
        let Some(slot) = lock(&self.slots).get(&event.id).cloned() else { return };
        let mut arrived = lock(&slot.state);
        let mut finished = false;
        match event.kind {
            EventKind::Hello { version, kernel, .. } => arrived.hello = Some((version, kernel)),
            EventKind::Spawned { pid } => arrived.pid = Some(pid),
            EventKind::Output { stream, data } => {
                if let Some(listener) = &mut arrived.listener {
                    listener(stream, &data.0);
                }
                match stream {
                    Stream::Stdout => arrived.stdout.extend_from_slice(&data.0),
                    Stream::Stderr => arrived.stderr.extend_from_slice(&data.0),
                }
            }
            EventKind::Exited { status } => arrived.status = Some(status),
            EventKind::Data { data } => arrived.data.extend_from_slice(&data.0),
            EventKind::Done => finished = true,
            EventKind::Failed { message } => {
                arrived.failed = Some(message);
                finished = true;
            }
        }
        arrived.done |= finished;
        slot.changed.notify_all();
        drop(arrived);
        if finished {
            lock(&self.slots).remove(&event.id);
        }
    }

    fn give_up(&self) {
        for (_, slot) in lock(&self.slots).drain() {
            lock(&slot.state).gone = true;
            slot.changed.notify_all();
        }
    }

    /// The programs that were started and have not ended.
    fn running(&self) -> Vec<u64> {
        let runs = |slot: &Slot| {
            let arrived = lock(&slot.state);
            arrived.pid.is_some() && arrived.status.is_none()
        };
        lock(&self.slots).iter().filter(|(_, slot)| runs(slot)).map(|(id, _)| *id).collect()
    }

    /// Sends a request; what comes back collects in the slot.
    fn request(&self, op: Op, listener: Option<Listener>) -> io::Result<(u64, Arc<Slot>)> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let slot = Arc::new(Slot::default());
        lock(&slot.state).listener = listener;
        lock(&self.slots).insert(id, slot.clone());
        let sent = protocol::send(&mut *lock(&self.socket), &Request { id, op });
        if sent.is_err() {
            lock(&self.slots).remove(&id);
        }
        sent.map(|()| (id, slot))
    }
}

impl Slot {
    /// Waits until `enough` or until time is up.
    fn wait(&self, time_limit: Duration, enough: impl Fn(&Arrived) -> bool) -> MutexGuard<'_, Arrived> {
        let state = lock(&self.state);
        match self.changed.wait_timeout_while(state, time_limit, |arrived| !enough(arrived)) {
            Ok((state, _)) => state,
            Err(poisoned) => poisoned.into_inner().0,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

// ---------------------------------------------------------------------------------------------------------
// Requests

/// A request for which `Done` is all the answer, or data.
pub(crate) fn ask(node: &Node, op: Op, time_limit: Duration) -> Result<Vec<u8>> {
    let (_, slot) = node.client().request(op, None).map_err(|_| node.obituary())?;
    let mut arrived = slot.wait(time_limit, |arrived| arrived.done || arrived.gone);
    match (&arrived.failed, arrived.done, arrived.gone) {
        (Some(message), _, _) => Err(anyhow!("node {}: {message}", node.id())),
        (None, true, _) => Ok(std::mem::take(&mut arrived.data)),
        (None, false, true) => Err(node.obituary()),
        (None, false, false) => {
            Err(anyhow!("node {}: its agent did not answer within {time_limit:?}", node.id()))
        }
    }
}

/// A command to be run in a node. Made by [`Node::command`] and [`Node::shell`].
#[must_use]
pub struct Command {
    node: Node,
    spawn: Spawn,
    input: Option<Vec<u8>>,
    time_limit: Duration,
    listener: Option<Listener>,
}

impl Command {
    pub(crate) fn new(node: Node, argv: Vec<String>) -> Command {
        let cwd = "/root".to_string();
        let spawn = Spawn { argv, env: Vec::new(), cwd, stdin: false, tty: false, timeout_ms: 0 };
        Command {
            node,
            spawn,
            input: None,
            time_limit: crate::patient(Duration::from_secs(180)),
            listener: None,
        }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.spawn.env.push((name.into(), value.into()));
        self
    }

    pub fn cwd(mut self, directory: &str) -> Self {
        self.spawn.cwd = directory.into();
        self
    }

    /// These bytes, then an end of file, are the standard input.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.spawn.stdin = true;
        self.input = Some(bytes.into());
        self
    }

    /// Standard input is a pipe that [`Process::write`] fills.
    pub fn piped_input(mut self) -> Self {
        self.spawn.stdin = true;
        self
    }

    /// The program gets a controlling terminal: Ctrl-C is the byte 3 on its input.
    pub fn terminal(mut self) -> Self {
        self.spawn.tty = true;
        self
    }

    /// How long the program may run; 60 s if not set. Longer under a debug kernel.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = crate::patient(limit);
        self
    }

    /// Called with what the program prints while it prints it.
    pub fn listen(mut self, listener: impl FnMut(Stream, &[u8]) + Send + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Starts the program and waits for its end. A program that overstays is killed, after every node has
    /// written its tasks' stacks into its kernel log.
    pub fn run(self) -> Result<Output> {
        self.spawn()?.wait()
    }

    /// Starts the program.
    pub fn spawn(mut self) -> Result<Process> {
        // The agent's own limit is only for the case that the harness forgets the program.
        self.spawn.timeout_ms = (self.time_limit + PROMPT).as_millis() as u64;
        let command = self.spawn.argv.join(" ");
        let request = self.node.client().request(Op::Spawn(self.spawn), self.listener);
        let (id, slot) = request.map_err(|_| self.node.obituary())?;
        let deadline = Instant::now() + self.time_limit;
        let pid = {
            let arrived = slot.wait(PROMPT, |arrived| arrived.pid.is_some() || arrived.done || arrived.gone);
            match (arrived.pid, &arrived.failed) {
                (Some(pid), _) => pid,
                (None, Some(message)) => bail!("node {}: {message}", self.node.id()),
                (None, None) if arrived.gone => return Err(self.node.obituary()),
                (None, None) => bail!("node {}: starting `{command}` takes too long", self.node.id()),
            }
        };
        let process = Process { node: self.node, id, pid, slot, command, deadline };
        if let Some(input) = self.input {
            process.write(&input)?;
            process.close_input()?;
        }
        Ok(process)
    }
}

/// A program that was started in a node. Dropping it leaves the program running until its time limit.
pub struct Process {
    node: Node,
    id: u64,
    pid: i32,
    slot: Arc<Slot>,
    command: String,
    deadline: Instant,
}

impl Process {
    /// Its process id in the node.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Feeds its standard input.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        for chunk in bytes.chunks(protocol::CHUNK) {
            let op = Op::Stdin { spawn: self.id, data: Bytes(chunk.to_vec()), eof: false };
            ask(&self.node, op, PROMPT)?;
        }
        Ok(())
    }

    pub fn close_input(&self) -> Result<()> {
        ask(&self.node, Op::Stdin { spawn: self.id, data: Bytes::default(), eof: true }, PROMPT).map(drop)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let op = Op::Signal { spawn: self.id, signal: signal as i32, group: false };
        ask(&self.node, op, PROMPT).map(drop)
    }

    /// Sends a signal to it and to what it has started, as far as that has not left its process group.
    pub fn signal_group(&self, signal: Signal) -> Result<()> {
        let op = Op::Signal { spawn: self.id, signal: signal as i32, group: true };
        ask(&self.node, op, PROMPT).map(drop)
    }

    /// How it ended, if it has.
    pub fn status(&self) -> Option<Status> {
        lock(&self.slot.state).status
    }

    /// What it has printed so far.
    pub fn stdout_so_far(&self) -> String {
        String::from_utf8_lossy(&lock(&self.slot.state).stdout).into_owned()
    }

    pub fn stderr_so_far(&self) -> String {
        String::from_utf8_lossy(&lock(&self.slot.state).stderr).into_owned()
    }

    /// Waits until its standard output contains a text; an error if it ends before or its time is up.
    pub fn wait_for_output(&self, text: &str) -> Result<()> {
        let has = |arrived: &Arrived| String::from_utf8_lossy(&arrived.stdout).contains(text);
        let over = |arrived: &Arrived| has(arrived) || arrived.status.is_some() || arrived.gone;
        let arrived = self.slot.wait(self.left(), over);
        if has(&arrived) {
            return Ok(());
        }
        let gone = arrived.gone;
        drop(arrived);
        match gone {
            true => Err(self.node.obituary()),
            false => Err(anyhow!("`{text}` was not printed: {}", self.output_or(Status::TimedOut))),
        }
    }

    /// Waits for its end; past its time limit it is killed as [`Command::run`] says.
    pub fn wait(self) -> Result<Output> {
        let over = |arrived: &Arrived| arrived.status.is_some() || arrived.gone || arrived.failed.is_some();
        {
            let arrived = self.slot.wait(self.left(), over);
            if arrived.status.is_some() {
                drop(arrived);
                return Ok(self.output_or(Status::TimedOut));
            }
            if let Some(message) = &arrived.failed {
                bail!("node {}: `{}`: {message}", self.node.id(), self.command);
            }
            if arrived.gone {
                drop(arrived);
                return Err(self.node.obituary()).context(format!("while `{}` was running", self.command));
            }
        }
        self.node.show_tasks();
        let _ = self.signal_group(Signal::SIGKILL);
        drop(self.slot.wait(Duration::from_secs(5), over));
        let mut output = self.output_or(Status::TimedOut);
        output.status = Status::TimedOut;
        Ok(output)
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn output_or(&self, status: Status) -> Output {
        let arrived = lock(&self.slot.state);
        Output {
            command: self.command.clone(),
            status: arrived.status.unwrap_or(status),
            stdout: arrived.stdout.clone(),
            stderr: arrived.stderr.clone(),
        }
    }
}

/// Kills what the harness has started in a node and has not ended.
pub(crate) fn kill_running(node: &Node) -> Result<()> {
    for id in node.client().running() {
        let op = Op::Signal { spawn: id, signal: Signal::SIGKILL as i32, group: true };
        // It may just have ended.
        let _ = ask(node, op, PROMPT);
    }
    Ok(())
}

/// Reads a whole file of a node.
pub(crate) fn read_file(node: &Node, path: &str) -> Result<Vec<u8>> {
    ask(node, Op::ReadFile { path: path.into() }, PROMPT)
}

/// Writes a whole file of a node, with its directories.
pub(crate) fn write_file(node: &Node, path: &str, data: &[u8], mode: u32) -> Result<()> {
    let mut append = false;
    let mut rest = data;
    loop {
        let (chunk, after) = rest.split_at(rest.len().min(protocol::CHUNK));
        let op = Op::WriteFile { path: path.into(), data: Bytes(chunk.to_vec()), mode, append };
        ask(node, op, PROMPT)?;
        (rest, append) = (after, true);
        if rest.is_empty() {
            return Ok(());
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Ends the reading thread.
        let socket = lock(&self.socket);
        let _ = socket.shutdown(std::net::Shutdown::Both);
        let _ = (&*socket).flush();
    }
}
