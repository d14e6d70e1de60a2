// SPDX-License-Identifier: GPL-2.0-only

//! The first process of a node, and the harness's hand in it.
//!
//! As process 1 it makes the node's root file system from the initramfs (see `cluster::initramfs`), brings
//! the network up, starts itself again as `node-agent serve` and then only buries orphans. The second
//! process carries out what the harness asks for over a virtio-serial port (see `cluster::protocol`).
//!
//! It reads the kernel command line: `om.id=N` (node id and last byte of the address) and
//! `om.root=host|none`.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::{fs::OpenOptionsExt, fs::PermissionsExt, process::CommandExt, process::ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{mpsc, Arc, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use anyhow::{bail, Context, Result};
use cluster::protocol::{self, Bytes, Event, EventKind, Op, Request, Spawn, Status, Stream};
use nix::{
    mount::{mount, MsFlags},
    poll::{poll, PollFd, PollFlags, PollTimeout},
    sys::signal::{kill, killpg, Signal},
    sys::termios,
    unistd::Pid,
};

const PATH_VARIABLE: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/busybox";

fn main() {
    let result = match std::env::args().nth(1).as_deref() {
        Some("serve") => serve(),
        _ => be_init(),
    };
    if let Err(error) = result {
        note(&format!("{error:#}"));
        eprintln!("node-agent: {error:#}");
        std::process::exit(1);
    }
}

/// Writes a line to the kernel log, if that is possible yet.
fn note(line: &str) {
    if let Ok(mut log) = OpenOptions::new().write(true).open("/dev/kmsg") {
        // One write is one record.
        let _ = log.write_all(format!("node-agent: {line}\n").as_bytes());
    }
}

// ---------------------------------------------------------------------------------------------------------
// Process 1

struct Settings {
    id: u32,
    host_root: bool,
}

fn settings() -> Result<Settings> {
    let command_line = fs::read_to_string("/proc/cmdline")?;
    let value = |key: &str| command_line.split_whitespace().find_map(|word| word.strip_prefix(key));
    Ok(Settings {
        id: value("om.id=").context("om.id is missing")?.parse().context("om.id")?,
        host_root: value("om.root=") == Some("host"),
    })
}

fn be_init() -> Result<()> {
    for (kind, target) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")] {
        mount_at(kind, kind, target, "")?;
    }
    let settings = settings()?;
    make_root(&settings).context("making the root file system")?;
    enter_root().context("entering the root file system")?;
    describe_node(&settings).context("writing the node's description")?;
    network_up(settings.id).context("bringing the network up")?;
    // From here on everything the kernel says is wanted.
    fs::write("/proc/sys/kernel/printk", "8 4 1 7")?;
    fs::write("/proc/sys/kernel/sysrq", "1")?;
    note("root and network are ready");

    let server = Command::new("/proc/self/exe")
        .arg("serve")
        .env_clear()
        .env("PATH", PATH_VARIABLE)
        .env("HOME", "/root")
        .env("LANG", "C.UTF-8")
        .env("TERM", "linux")
        .env("OM_NODE", settings.id.to_string())
        .current_dir("/root")
        .spawn()
        .context("starting the server")?;
    bury_orphans(Pid::from_raw(server.id() as i32))
}

fn bury_orphans(server: Pid) -> Result<()> {
    loop {
        match nix::sys::wait::wait() {
            Ok(status) if status.pid() == Some(server) => bail!("the server ended: {status:?}"),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error).context("waiting for children"),
        }
    }
}

fn mount_at(source: &str, kind: &str, target: &str, options: &str) -> Result<()> {
    fs::create_dir_all(target).with_context(|| format!("creating {target}"))?;
    mount(Some(source), target, Some(kind), MsFlags::empty(), Some(options))
        .with_context(|| format!("mounting {kind} at {target} ({options})"))
}

/// Lays a writable tmpfs and the image over the host's root or busybox, at `/root.new`.
fn make_root(settings: &Settings) -> Result<()> {
    let lower = if settings.host_root {
        fs::create_dir_all("/host")?;
        mount(
            Some("host"),
            "/host",
            Some("9p"),
            MsFlags::MS_RDONLY,
            Some("trans=virtio,version=9p2000.L,cache=loose,msize=512000"),
        )
        .context("mounting the host's root over 9p")?;
        "/image:/host"
    } else {
        "/image:/base"
    };
    mount_at("upper", "tmpfs", "/upper", "size=75%,mode=755")?;
    fs::create_dir_all("/upper/data")?;
    fs::create_dir_all("/upper/work")?;
    let options = format!("lowerdir={lower},upperdir=/upper/data,workdir=/upper/work");
    mount_at("node", "overlay", "/root.new", &options)?;

    for (kind, target, options) in [
        ("proc", "proc", ""),
        ("sysfs", "sys", ""),
        ("devtmpfs", "dev", ""),
        ("devpts", "dev/pts", "mode=620,ptmxmode=666"),
        ("tmpfs", "dev/shm", "mode=1777"),
        ("tmpfs", "tmp", "mode=1777,size=75%"),
        ("tmpfs", "run", "mode=755"),
        ("cgroup2", "sys/fs/cgroup", ""),
    ] {
        mount_at(kind, kind, &format!("/root.new/{target}"), options)?;
    }
    // Not in every kernel.
    for (kind, target) in [("debugfs", "sys/kernel/debug"), ("tracefs", "sys/kernel/tracing")] {
        let _ = mount_at(kind, kind, &format!("/root.new/{target}"), "");
    }
    if settings.host_root {
        fs::create_dir_all("/root.new/host")?;
        mount(Some("/host"), "/root.new/host", None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .context("binding /host")?;
    }
    Ok(())
}

/// Makes `/root.new` the root. Kernel threads share process 1's root, so that the programs the kernel starts
/// see it too.
fn enter_root() -> Result<()> {
    std::env::set_current_dir("/root.new")?;
    mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>)?;
    nix::unistd::chroot(".")?;
    std::env::set_current_dir("/")?;
    Ok(())
}

fn describe_node(settings: &Settings) -> Result<()> {
    for directory in ["/etc", "/root", "/var/tmp", "/var/log", "/var/lib"] {
        fs::create_dir_all(directory)?;
    }
    let name = format!("node{}", settings.id);
    nix::unistd::sethostname(&name)?;
    fs::write("/etc/hostname", format!("{name}\n"))?;
    let mut hosts = String::from("127.0.0.1 localhost\n");
    for id in 1..=16 {
        hosts.push_str(&format!("{} node{id}\n", cluster::address(id)));
    }
    fs::write("/etc/hosts", hosts)?;
    if !settings.host_root {
        fs::write(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        )?;
        fs::write("/etc/group", "root:x:0:\nnogroup:x:65534:\n")?;
    }
    Ok(())
}

fn network_up(id: u32) -> Result<()> {
    let address = format!("{}/24", cluster::address(id));
    let device = ["addr", "add", &address, "dev", "eth0"];
    for arguments in [&["link", "set", "lo", "up"][..], &device, &["link", "set", "eth0", "up"]] {
        let output = Command::new("/busybox/busybox")
            .arg("ip")
            .args(arguments)
            .output()
            .context("running busybox ip")?;
        if !output.status.success() {
            bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------------------------
// The server

type Port = Arc<Mutex<File>>;
type Spawned = Arc<Mutex<HashMap<u64, Running>>>;

/// A program that was started and may still run.
struct Running {
    pid: Pid,
    /// It has been waited for; only its group may be signalled.
    ended: bool,
    /// What is sent here a thread writes to its standard input; closed when dropped.
    stdin: Option<mpsc::Sender<Vec<u8>>>,
}

fn serve() -> Result<()> {
    // What a list of tasks calls this process and its threads.
    fs::write("/proc/self/comm", "node-agent")?;
    let mut requests = open_port()?;
    let port: Port = Arc::new(Mutex::new(requests.try_clone()?));
    let node = std::env::var("OM_NODE").unwrap_or_default().parse().unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_string();
    answer(&port, 0, EventKind::Hello { version: protocol::VERSION, node, kernel });

    let spawned = Spawned::default();
    while let Some(Request { id, op }) = protocol::receive(&mut requests)? {
        let (port, spawned) = (port.clone(), spawned.clone());
        // A thread each: reading or writing a file of /proc may take as long as a migration. Standard
        // input and signals are done here so that they keep their order.
        match op {
            Op::Stdin { .. } | Op::Signal { .. } | Op::SetTime { .. } | Op::Ping => {
                carry_out(&port, &spawned, id, op)
            }
            _ => drop(thread::spawn(move || carry_out(&port, &spawned, id, op))),
        }
    }
    bail!("the harness closed the port")
}

fn carry_out(port: &Port, spawned: &Spawned, id: u64, op: Op) {
    let result = match op {
        Op::Spawn(what) => spawn(port, spawned, id, what),
        Op::Signal { spawn, signal, group } => send_signal(spawned, spawn, signal, group),
        Op::Stdin { spawn, data, eof } => feed(spawned, spawn, data.0, eof),
        Op::ReadFile { path } => read_file(port, id, &path),
        Op::WriteFile { path, data, mode, append } => write_file(&path, &data.0, mode, append),
        Op::SetTime { nanoseconds } => set_time(nanoseconds),
        Op::Ping => Ok(()),
    };
    match result {
        Ok(()) => answer(port, id, EventKind::Done),
        Err(error) => answer(port, id, EventKind::Failed { message: format!("{error:#}") }),
    }
}

fn open_port() -> Result<File> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        for entry in fs::read_dir("/sys/class/virtio-ports").into_iter().flatten().flatten() {
            let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
            if name.trim() == protocol::PORT_NAME {
                let device = PathBuf::from("/dev").join(entry.file_name());
                return OpenOptions::new().read(true).write(true).open(&device).context("opening the port");
            }
        }
        if Instant::now() > deadline {
            bail!("no virtio port named {}", protocol::PORT_NAME);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn answer(port: &Port, id: u64, kind: EventKind) {
    if let Err(error) = protocol::send(&mut *lock(port), &Event { id, kind }) {
        note(&format!("cannot answer the harness: {error}"));
    }
}

fn send_signal(spawned: &Spawned, spawn: u64, signal: i32, group: bool) -> Result<()> {
    let signal = Signal::try_from(signal)?;
    let spawned = lock(spawned);
    let program = spawned.get(&spawn).context("no such program")?;
    match (group, program.ended) {
        (true, _) => killpg(program.pid, signal)?,
        (false, false) => kill(program.pid, signal)?,
        (false, true) => bail!("the program has ended"),
    }
    Ok(())
}

fn feed(spawned: &Spawned, spawn: u64, data: Vec<u8>, eof: bool) -> Result<()> {
    let mut spawned = lock(spawned);
    let program = spawned.get_mut(&spawn).context("no such program")?;
    let stdin = program.stdin.as_ref().context("its standard input is closed")?;
    // Only fails when the program no longer reads, which is its own affair.
    let _ = stdin.send(data);
    if eof {
        program.stdin = None;
    }
    Ok(())
}

/// Writes what it is sent, in a thread of its own, because a program need not read.
fn feeder(mut stdin: File) -> mpsc::Sender<Vec<u8>> {
    let (sender, data) = mpsc::channel::<Vec<u8>>();
    thread::spawn(move || data.iter().try_for_each(|data| stdin.write_all(&data)));
    sender
}

fn set_time(nanoseconds: u64) -> Result<()> {
    let time = nix::sys::time::TimeSpec::from_duration(Duration::from_nanos(nanoseconds));
    nix::time::clock_settime(nix::time::ClockId::CLOCK_REALTIME, time).context("setting the clock")
}

fn read_file(port: &Port, id: u64, path: &str) -> Result<()> {
    let mut file = File::open(path).with_context(|| format!("cannot open {path}"))?;
    let mut buffer = vec![0; protocol::CHUNK];
    loop {
        match file.read(&mut buffer).with_context(|| format!("cannot read {path}"))? {
            0 => return Ok(()),
            n => answer(port, id, EventKind::Data { data: Bytes(buffer[..n].to_vec()) }),
        }
    }
}

fn write_file(path: &str, data: &[u8], mode: u32, append: bool) -> Result<()> {
    if let Some(parent) = Path::new(path).parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    }
    let mut options = OpenOptions::new();
    options.create(true).mode(mode);
    let options = if append { options.append(true) } else { options.write(true).truncate(true) };
    let mut file = options.open(path).with_context(|| format!("cannot open {path}"))?;
    file.write_all(data).with_context(|| format!("cannot write {path}"))?;
    if fs::metadata(path)?.permissions().mode() & 0o777 != mode && !path.starts_with("/proc/") {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------------------------
// Programs

/// Starts a program, passes its output on and reports its end. Returns when its output is closed.
fn spawn(port: &Port, spawned: &Spawned, id: u64, what: Spawn) -> Result<()> {
    let (mut child, stdin, outputs) = start(&what)?;
    let pid = Pid::from_raw(child.id() as i32);
    lock(spawned).insert(id, Running { pid, ended: false, stdin: stdin.map(feeder) });
    answer(port, id, EventKind::Spawned { pid: pid.as_raw() });
    watch(port, spawned, id, &mut child, outputs, Duration::from_millis(what.timeout_ms))
}

/// A pipe or terminal that a program writes to.
struct OutputEnd {
    file: File,
    stream: Stream,
    open: bool,
}

fn start(what: &Spawn) -> Result<(Child, Option<File>, Vec<OutputEnd>)> {
    let (program, arguments) = what.argv.split_first().context("no program given")?;
    let mut command = Command::new(program);
    command.args(arguments).envs(what.env.iter().cloned()).current_dir(&what.cwd);
    let mut terminal = None;
    if what.tty {
        let pty = nix::pty::openpty(None, None)?;
        let mut settings = termios::tcgetattr(&pty.slave)?;
        settings.local_flags.remove(termios::LocalFlags::ECHO);
        settings.output_flags.remove(termios::OutputFlags::OPOST);
        termios::tcsetattr(&pty.slave, termios::SetArg::TCSANOW, &settings)?;
        command.stdin(pty.slave.try_clone()?).stdout(pty.slave.try_clone()?).stderr(pty.slave);
        terminal = Some(File::from(pty.master));
    } else {
        command.stdin(if what.stdin { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    let tty = what.tty;
    // SAFETY: the closure only makes system calls that are safe between fork and exec.
    unsafe {
        command.pre_exec(move || {
            nix::unistd::setsid()?;
            if tty && nix::libc::ioctl(0, nix::libc::TIOCSCTTY, 0) < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
    let mut child = command.spawn().with_context(|| format!("cannot run {program}"))?;
    // Closes this process's copies of the terminal's other end.
    drop(command);

    let mut outputs = Vec::new();
    let mut add =
        |end: OwnedFd, stream| outputs.push(OutputEnd { file: File::from(end), stream, open: true });
    let stdin = match terminal {
        Some(master) => {
            add(master.try_clone()?.into(), Stream::Stdout);
            Some(master)
        }
        None => {
            add(child.stdout.take().context("stdout")?.into(), Stream::Stdout);
            add(child.stderr.take().context("stderr")?.into(), Stream::Stderr);
            child.stdin.take().map(|end| File::from(OwnedFd::from(end)))
        }
    };
    for output in &outputs {
        set_nonblocking(output.file.as_fd(), !what.tty)?;
    }
    Ok((child, stdin, outputs))
}

/// A terminal's two ends share their flags, so it stays blocking and is only read after `poll` says so.
fn set_nonblocking(fd: BorrowedFd, wanted: bool) -> Result<()> {
    use nix::fcntl::{fcntl, FcntlArg, OFlag};
    if wanted {
        let flags = OFlag::from_bits_truncate(fcntl(fd, FcntlArg::F_GETFL)?);
        fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    }
    Ok(())
}

fn watch(
    port: &Port,
    spawned: &Spawned,
    id: u64,
    child: &mut Child,
    mut outputs: Vec<OutputEnd>,
    time_limit: Duration,
) -> Result<()> {
    let pid = Pid::from_raw(child.id() as i32);
    let end = pidfd_open(pid)?;
    let deadline = Instant::now() + time_limit;
    let mut reported = false;
    while !reported || outputs.iter().any(|output| output.open) {
        let left =
            deadline.saturating_duration_since(Instant::now()).as_millis().min(i32::MAX as u128) as i32;
        // After the report only output can still come, however late.
        let timeout = if reported { PollTimeout::NONE } else { PollTimeout::try_from(left)? };
        let mut polled: Vec<PollFd> = outputs
            .iter()
            .filter(|output| output.open)
            .map(|output| PollFd::new(output.file.as_fd(), PollFlags::POLLIN))
            .collect();
        if !reported {
            polled.push(PollFd::new(end.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut polled, timeout) {
            Err(nix::errno::Errno::EINTR) => continue,
            result => result?,
        };
        let ready: Vec<bool> = polled.iter().map(|fd| fd.any() == Some(true)).collect();
        for (output, _) in outputs.iter_mut().filter(|output| output.open).zip(&ready).filter(|(_, r)| **r) {
            pump(port, id, output);
        }
        if reported {
            continue;
        }
        if ready.last() == Some(&true) {
            let status = child.wait()?;
            let status = match status.code() {
                Some(code) => Status::Code(code),
                None => Status::Signal(status.signal().unwrap_or(0)),
            };
            report_end(port, spawned, id, &mut outputs, status);
            reported = true;
        } else if Instant::now() >= deadline {
            let _ = killpg(pid, Signal::SIGKILL);
            bury(child)?;
            report_end(port, spawned, id, &mut outputs, Status::TimedOut);
            reported = true;
        }
    }
    Ok(())
}

/// Waits for a killed program, but not for ever: one that cannot die is a kernel matter and worth a line.
fn bury(child: &mut Child) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(5);
    while child.try_wait()?.is_none() {
        if Instant::now() >= deadline {
            note(&format!("pid {} does not die of SIGKILL", child.id()));
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Reports how a program ended, after all that it had written by then.
fn report_end(port: &Port, spawned: &Spawned, id: u64, outputs: &mut [OutputEnd], status: Status) {
    for output in outputs {
        while output.open && pump(port, id, output) {}
    }
    if let Some(program) = lock(spawned).get_mut(&id) {
        program.ended = true;
        program.stdin = None;
    }
    answer(port, id, EventKind::Exited { status });
}

/// Passes on what one read gives, if anything can be read now. Tells whether there may be more.
fn pump(port: &Port, id: u64, output: &mut OutputEnd) -> bool {
    let mut readable = [PollFd::new(output.file.as_fd(), PollFlags::POLLIN)];
    if !matches!(poll(&mut readable, PollTimeout::ZERO), Ok(n) if n > 0) {
        return false;
    }
    let mut buffer = vec![0; protocol::CHUNK];
    match output.file.read(&mut buffer) {
        Ok(n) if n > 0 => {
            let data = Bytes(buffer[..n].to_vec());
            answer(port, id, EventKind::Output { stream: output.stream, data });
            true
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
        // End of file; a terminal says EIO when its last user has closed it.
        _ => {
            output.open = false;
            false
        }
    }
}

fn pidfd_open(pid: Pid) -> Result<OwnedFd> {
    // SAFETY: takes no pointers; on success the returned descriptor belongs to nobody else.
    unsafe {
        let fd = nix::libc::syscall(nix::libc::SYS_pidfd_open, pid.as_raw(), 0);
        if fd < 0 {
            return Err(io::Error::last_os_error()).context("pidfd_open");
        }
        Ok(OwnedFd::from_raw_fd(fd as i32))
    }
}
