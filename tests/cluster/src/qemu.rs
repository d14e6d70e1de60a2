// SPDX-License-Identifier: GPL-2.0-only

//! How a node's QEMU is called.

use std::{
    env,
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    os::{
        fd::{AsRawFd, RawFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{mpsc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use anyhow::{bail, Context, Result};
use nix::sys::signal::Signal;

use crate::{protocol, switch, NodeId, Root};

const QEMU: &str = "qemu-system-x86_64";
/// How long a kernel may take to say something under KVM before KVM counts as broken.
const PROBE_TIME: Duration = Duration::from_secs(5);

/// Who executes the node's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    Tcg,
    Kvm,
}

/// One node's machine.
pub(crate) struct Machine<'a> {
    pub id: NodeId,
    pub accelerator: Accelerator,
    pub kernel: &'a Path,
    pub initramfs: &'a Path,
    pub memory_mb: u32,
    pub processors: u32,
    pub root: Root,
    /// Added to the kernel command line.
    pub kernel_arguments: &'a str,
    /// Where the kernel's console goes.
    pub console: &'a Path,
}

/// The harness's ends of a node's sockets.
pub(crate) struct Sockets {
    pub agent: UnixStream,
    pub network: UnixStream,
    pub monitor: UnixStream,
}

impl Machine<'_> {
    /// Starts QEMU. The child dies with this process.
    pub(crate) fn start(&self) -> Result<(Child, Sockets)> {
        let (agent, agent_end) = UnixStream::pair()?;
        let (network, network_end) = UnixStream::pair()?;
        let (monitor, monitor_end) = UnixStream::pair()?;
        let ends = [agent_end, network_end, monitor_end];
        let mut command = Command::new(QEMU);
        let errors = self.console.with_extension("qemu");
        command.args(self.arguments(ends.each_ref().map(AsRawFd::as_raw_fd)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&errors)?);
        let child =
            launch(command, ends).with_context(|| format!("cannot run {QEMU}: run scripts/bootstrap"))?;
        Ok((child, Sockets { agent, network, monitor }))
    }

    fn arguments(&self, [agent, network, monitor]: [RawFd; 3]) -> Vec<String> {
        let mac = switch::mac(self.id).map(|byte| format!("{byte:02x}")).join(":");
        let root = if self.root == Root::Host { "host" } else { "none" };
        let kernel_arguments = format!(
            // `no_timer_check`: on a busy machine the check finds timers broken that are only late. For the same reason
            // a node cannot measure its own time stamp counter, which is this machine's: its clock would run many
            // times too fast.
            "console=ttyS0 loglevel=5 oops=panic panic=-1 tsc=reliable no_timer_check tsc_early_khz={tsc} rdinit=/init \
             om.id={} om.root={root} {}",
            self.id,
            self.kernel_arguments,
            tsc = tsc_khz()
        );
        let (accelerator, cpu) = match self.accelerator {
            Accelerator::Tcg => ("tcg,thread=multi", "max"),
            Accelerator::Kvm => ("kvm", "host"),
        };
        let port_name = protocol::PORT_NAME;
        let mut arguments: Vec<String> = format!(
            "-nodefaults -no-user-config -no-reboot -display none -machine pc -accel {accelerator} -cpu {cpu} \
             -smp {smp} -m {memory} -name node{id} \
             -netdev stream,id=net,server=off,addr.type=fd,addr.str={network} \
             -device virtio-net-pci,netdev=net,mac={mac},romfile= \
             -chardev socket,id=agent,fd={agent} -device virtio-serial-pci \
             -device virtserialport,chardev=agent,name={port_name} \
             -chardev socket,id=monitor,fd={monitor} -mon chardev=monitor,mode=control",
            smp = self.processors,
            memory = self.memory_mb,
            id = self.id,
        )
        .split_whitespace()
        .map(str::to_string)
        .collect();
        if self.root == Root::Host {
            let share = "local,id=host,path=/,security_model=passthrough,readonly=on,multidevs=remap";
            arguments.extend(["-fsdev", share].map(str::to_string));
            arguments.extend(["-device", "virtio-9p-pci,fsdev=host,mount_tag=host"].map(str::to_string));
        }
        let path = |path: &Path| path.to_string_lossy().into_owned();
        arguments.extend(["-serial".into(), format!("file:{}", path(self.console))]);
        arguments.extend(["-kernel".into(), path(self.kernel), "-initrd".into(), path(self.initramfs)]);
        arguments.extend(["-append".into(), kernel_arguments]);
        arguments
    }
}

type Launch = (Command, [UnixStream; 3], mpsc::Sender<io::Result<Child>>);

/// Starts a command that keeps `ends` open and gets SIGKILL when this process dies. All are started by one
/// thread that lives as long as the process, because the kernel sends that signal when the *thread* that
/// forked ends.
fn launch(command: Command, ends: [UnixStream; 3]) -> io::Result<Child> {
    static LAUNCHER: OnceLock<mpsc::Sender<Launch>> = OnceLock::new();
    let launcher = LAUNCHER.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<Launch>();
        thread::spawn(move || {
            for (mut command, ends, reply) in receiver {
                keep_and_die_along(&mut command, ends);
                let _ = reply.send(command.spawn());
            }
        });
        sender
    });
    let (reply, result) = mpsc::channel();
    let gone = |_| io::Error::other("the launcher thread is gone");
    launcher.send((command, ends, reply)).map_err(|_| io::Error::other("the launcher thread is gone"))?;
    result.recv().map_err(gone)?
}

fn keep_and_die_along(command: &mut Command, ends: [UnixStream; 3]) {
    // SAFETY: the closure only makes system calls that are safe between fork and exec.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
            for end in &ends {
                use nix::fcntl::{fcntl, FcntlArg, FdFlag};
                fcntl(end, FcntlArg::F_SETFD(FdFlag::empty()))?;
            }
            Ok(())
        });
    }
}

// ---------------------------------------------------------------------------------------------------------
// The monitor

/// Executes one command on a QEMU monitor (QMP) and waits for its answer.
pub(crate) fn monitor(socket: &UnixStream, command: &str) -> Result<()> {
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut lines = BufReader::new(socket);
    for command in ["qmp_capabilities", command] {
        (&*socket).write_all(format!("{{\"execute\":\"{command}\"}}\n").as_bytes())?;
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).context("QEMU's monitor does not answer")? == 0 {
                bail!("QEMU's monitor is closed");
            }
            let answer: serde_json::Value = serde_json::from_str(&line)?;
            if answer.get("return").is_some() {
                break;
            }
            // The second negotiation of capabilities on one monitor is an error, and harmless.
            if let Some(error) = answer.get("error") {
                if command == "qmp_capabilities" {
                    break;
                }
                bail!("QEMU's monitor refuses {command}: {error}");
            }
        }
    }
    Ok(())
}

// ---------------------------------------------------------------------------------------------------------
// The accelerator

/// KVM if a kernel really runs under it, else TCG; `OM_ACCEL=tcg|kvm` decides without trying.
/// The verdict on KVM is kept until the next boot of this machine.
pub(crate) fn accelerator(kernel: &Path) -> Result<Accelerator> {
    match env::var("OM_ACCEL").as_deref() {
        Ok("tcg") => return Ok(Accelerator::Tcg),
        Ok("kvm") => return Ok(Accelerator::Kvm),
        Ok("" | "auto") | Err(_) => {}
        Ok(other) => bail!("OM_ACCEL is {other}; it may be tcg, kvm or auto"),
    }
    if File::options().read(true).write(true).open("/dev/kvm").is_err() {
        return Ok(Accelerator::Tcg);
    }
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let verdict = env::temp_dir().join(format!("openmosix-kvm-{}", boot.trim()));
    let works = match fs::read_to_string(&verdict).as_deref() {
        Ok("works") => true,
        Ok("broken") => false,
        _ => {
            let works = kvm_works(kernel)?;
            fs::write(&verdict, if works { "works" } else { "broken" })?;
            works
        }
    };
    Ok(if works { Accelerator::Kvm } else { Accelerator::Tcg })
}

/// Boots a kernel without a root: under a working KVM it soon panics for want of one, and QEMU ends.
fn kvm_works(kernel: &Path) -> Result<bool> {
    let mut console = tempfile::NamedTempFile::new()?;
    let mut child = Command::new(QEMU)
        .args(
            "-nodefaults -no-user-config -no-reboot -display none -machine pc -accel kvm -cpu host -m 256"
                .split(' '),
        )
        .arg("-serial")
        .arg(format!("file:{}", console.path().display()))
        .arg("-kernel")
        .arg(kernel)
        .args(["-append", "console=ttyS0 panic=-1"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run QEMU: run scripts/bootstrap")?;
    let deadline = Instant::now() + PROBE_TIME;
    while child.try_wait()?.is_none() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    child.kill()?;
    child.wait()?;
    let mut text = String::new();
    io::Read::read_to_string(&mut console, &mut text).ok();
    Ok(text.contains("Unable to mount root fs"))
}

/// Where QEMU's own complaints about a node are.
pub(crate) fn errors_of(console: &Path) -> PathBuf {
    console.with_extension("qemu")
}

/// Frequency of this machine's time stamp counter, in kHz.
fn tsc_khz() -> u64 {
    static KHZ: OnceLock<u64> = OnceLock::new();
    *KHZ.get_or_init(|| {
        // SAFETY: reads a counter that every x86-64 processor has.
        let ticks = || unsafe { core::arch::x86_64::_rdtsc() };
        let (begun, first) = (Instant::now(), ticks());
        std::thread::sleep(Duration::from_millis(300));
        let (passed, last) = (begun.elapsed(), ticks());
        (u128::from(last.wrapping_sub(first)) * 1_000_000 / passed.as_nanos().max(1)) as u64
    })
}
