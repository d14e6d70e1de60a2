// SPDX-License-Identifier: GPL-2.0-only

//! A machine made of plain files, in the place of `/proc/hpc` and `/proc`.
//!
//! A plain file takes every write; where the module would refuse, a link to `/dev/full` does.

use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub const MAP: &str = "# two racks\n1 10.1.1.100 16\n17 10.1.1.200 8\n8 10.1.2.107 ALIAS\n";

/// A machine: a tree, addresses, hosts, a key.
pub struct Machine {
    pub dir: PathBuf,
}

impl Machine {
    /// The module is not loaded.
    pub fn bare() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let machine = Self { dir };
        machine.file("hosts", "127.0.0.1 localhost\n10.1.1.102 three.example three\n");
        machine.file("map", MAP);
        machine.file("key", &"5a".repeat(32));
        machine.mode("key", 0o600);
        machine
    }

    /// The module is loaded, the node not a member.
    pub fn loaded() -> Self {
        let machine = Self::bare();
        for name in ["config", "key"] {
            machine.file(&format!("hpc/admin/{name}"), "");
        }
        for name in ["trusted", "block", "stay", "lstay", "quiet", "bring", "expel", "mospe", "gateways"] {
            machine.file(&format!("hpc/admin/{name}"), "0\n");
        }
        machine.file("hpc/admin/version", "0.1.0\n");
        machine.file("hpc/config", "");
        machine
    }

    /// Node 1 of the map; node 2 is up and blocks, node 3 is down; process 5004711 is away; one guest is here.
    pub fn member() -> Self {
        let machine = Self::loaded();
        let map = "1 10.1.1.100 16\n17 10.1.1.200 8\n8 10.1.2.107 ALIAS\n";
        machine.file("hpc/config", &format!("# this node: 1\n{map}"));
        machine.file("hpc/admin/mospe", "1\n");
        for (id, status) in [(1, 1 + 2 + 64), (2, 1 + 2 + 4), (3, 1)] {
            machine.file(&format!("hpc/nodes/{id}/status"), &format!("{status}\n"));
            machine.file(&format!("hpc/nodes/{id}/address"), &format!("10.1.1.{}\n", 99 + id));
        }
        machine.file("hpc/nodes/2/load", "17\n");
        machine.file("hpc/nodes/2/mem", "1073741824\n");
        machine.file("hpc/nodes/2/tmem", "2147483648\n");
        machine.file("hpc/info/load", "5\n");
        machine.file("hpc/info/speed", "12000\n");
        machine.file(
            "hpc/info/reason",
            "12 4711 xz from 1 to 2: less busy\n14 4711 xz: stays: no better node\n",
        );
        machine.file("hpc/info/balance", "sent 12\nreceived 11\nmoved_out 1\n");
        for (name, text) in [
            ("sspeed", "10000"),
            ("speed", "12000"),
            ("decayinterval", "60"),
            ("slowdecay", "976"),
            ("fastdecay", "926"),
            ("maxguests", "0"),
            ("preferred", ""),
            ("nomfs", "1"),
            ("overheads", "250000 120000 130000 12000 130000 12000 0 0"),
        ] {
            machine.file(&format!("hpc/admin/{name}"), &format!("{text}\n"));
        }
        for name in ["clear", "cpujob", "iojob", "fast", "slow", "none", "exec", "execonce", "inherit"] {
            machine.file(&format!("hpc/decay/{name}"), "");
        }
        for (name, text) in [
            ("where", "2\n"),
            ("nmigs", "3\n"),
            ("goto", ""),
            ("cantmove", ""),
            ("moves", "1 2 512 2097152 33250 40\n"),
        ] {
            machine.file(&format!("hpc/pids/5004711/{name}"), text);
        }
        machine.file("hpc/pids/5004712/where", "0\n");
        machine.file("hpc/pids/5004712/nmigs", "0\n");
        for name in ["execgoto", "lock", "stay"] {
            machine.file(&format!("hpc/pids/self/{name}"), "0\n");
        }
        machine.file("hpc/remote/900/from", "2\n");
        machine.file("hpc/remote/900/identity", "1234 xz\n");
        machine.file("hpc/remote/900/goto", "");
        machine.process(5_004_711, "xz", "xz\0-9\0big\0", 0);
        machine.process(5_004_712, "sleep", "sleep\099\0", 0);
        machine.process(900, "xz", "xz\0", 0);
        machine.process(2, "kthreadd", "", 0x0020_0000);
        machine
    }

    /// A process as `/proc` shows it: 2.5 s of processor time, 300 pages.
    pub fn process(&self, pid: i32, name: &str, words: &str, flags: u32) {
        let stat =
            format!("{pid} ({name}) R 1 1 1 0 -1 {flags} 0 0 0 0 200 50 0 0 20 0 1 0 9 1000000 300 0\n");
        self.file(&format!("proc/{pid}/stat"), &stat);
        self.file(&format!("proc/{pid}/cmdline"), words);
    }

    pub fn file(&self, path: &str, text: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.dir.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Makes every write to this file fail with ENOSPC.
    pub fn refuse(&self, path: &str) {
        let path = self.dir.join(path);
        fs::remove_file(&path).unwrap();
        symlink("/dev/full", path).unwrap();
    }

    pub fn written(&self, path: &str) -> String {
        fs::read_to_string(self.dir.join("hpc").join(path)).unwrap()
    }

    pub fn command(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let mut command = Command::new(env!("CARGO_BIN_EXE_omctl"));
        command.arg0(words.next().unwrap()).args(words).current_dir(&self.dir);
        command.env("OMCTL_PROC", self.dir.join("hpc"));
        command.env("OMCTL_ADDRESSES", "192.168.7.7,10.1.1.100");
        command.env("OMCTL_HOSTS", self.dir.join("hosts"));
        command.env("OMCTL_PROCESSES", self.dir.join("proc"));
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self, line: &str) -> Done {
        Done::from(self.command(line).output().unwrap())
    }

    #[track_caller]
    pub fn prints(&self, line: &str, stdout: &str) {
        let done = self.run(line);
        assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (0, stdout, ""), "{line}");
    }

    /// Fails with this code, saying all of these words, and prints nothing else.
    #[track_caller]
    pub fn fails(&self, line: &str, code: i32, words: &[&str]) {
        let done = self.run(line);
        assert_eq!((done.code, done.out.as_str()), (code, ""), "{line}: {}", done.err);
        for word in words {
            assert!(done.err.contains(word), "{line}: no {word:?} in: {}", done.err);
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}
