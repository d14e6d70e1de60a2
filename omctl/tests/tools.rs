// SPDX-License-Identifier: GPL-2.0-only

//! The tools against a tree of plain files in the place of `/proc/hpc`.
//!
//! A plain file takes every write; where the module would refuse, a link to `/dev/full` does.

use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

const MAP: &str = "# two racks\n1 10.1.1.100 16\n17 10.1.1.200 8\n8 10.1.2.107 ALIAS\n";

/// A machine: a tree, addresses, hosts, a key.
struct Machine {
    dir: PathBuf,
}

impl Machine {
    /// The module is not loaded.
    fn bare() -> Self {
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
    fn loaded() -> Self {
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
    fn member() -> Self {
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
    fn process(&self, pid: i32, name: &str, words: &str, flags: u32) {
        let stat =
            format!("{pid} ({name}) R 1 1 1 0 -1 {flags} 0 0 0 0 200 50 0 0 20 0 1 0 9 1000000 300 0\n");
        self.file(&format!("proc/{pid}/stat"), &stat);
        self.file(&format!("proc/{pid}/cmdline"), words);
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.dir.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Makes every write to this file fail with ENOSPC.
    fn refuse(&self, path: &str) {
        let path = self.dir.join(path);
        fs::remove_file(&path).unwrap();
        symlink("/dev/full", path).unwrap();
    }

    fn written(&self, path: &str) -> String {
        fs::read_to_string(self.dir.join("hpc").join(path)).unwrap()
    }

    fn command(&self, line: &str) -> Command {
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

    fn run(&self, line: &str) -> Done {
        Done::from(self.command(line).output().unwrap())
    }

    #[track_caller]
    fn prints(&self, line: &str, stdout: &str) {
        let done = self.run(line);
        assert_eq!((done.code, done.out.as_str(), done.err.as_str()), (0, stdout, ""), "{line}");
    }

    /// Fails with this code, saying all of these words, and prints nothing else.
    #[track_caller]
    fn fails(&self, line: &str, code: i32, words: &[&str]) {
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

struct Done {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

#[test]
fn without_the_module_tools_say_so() {
    let m = Machine::bare();
    for line in [
        "omctl status",
        "mps -m",
        "mosmon",
        "showmap",
        "tune 2",
        "omctl where 1",
        "mosctl getdecay",
        "mosctl get",
        "migrate 1 2",
        "mosctl whois",
        "mosctl bring",
        "setpe -r",
        "setpe -off",
        "setpe -w -f map --key key",
    ] {
        m.fails(line, 3, &["not loaded", "modprobe openmosix"]);
    }
}

#[test]
fn outside_a_cluster_tools_say_so() {
    let m = Machine::loaded();
    for line in [
        "mps -m",
        "mosmon --once",
        "showmap",
        "tune 2",
        "mosctl setdecay 60",
        "mosctl getreason",
        "migrate 1 2",
        "mosctl whois",
        "mosctl isup 2",
        "mosctl block",
        "setpe -r",
    ] {
        m.fails(line, 4, &["not a member", "setpe -w"]);
    }
    let done = m.run("omctl status");
    assert_eq!(done.code, 4);
    assert!(done.out.contains("not a member"), "{}", done.out);
    m.prints("setpe -off", "");
    assert_eq!(m.written("admin/config"), "");
}

#[test]
fn setpe_joins_with_key_and_canonical_map() {
    let m = Machine::loaded();
    m.prints("setpe -w -f map --key key", "");
    let map = "1 10.1.1.100 16\n17 10.1.1.200 8\n8 10.1.2.107 ALIAS\n";
    assert_eq!(m.written("admin/config"), format!("self 1\n{map}"));
    assert_eq!(m.written("admin/key").trim(), "5a".repeat(32));
    assert_eq!(
        (m.written("admin/trusted"), m.written("admin/gateways")),
        ("0\n".to_owned(), "0\n".to_owned())
    );

    m.prints("setpe -w -f map --key key -g 2", "");
    assert_eq!(m.written("admin/gateways"), "2\n");
    m.prints("setpe -w -f map --key key --json", "{\"done\":true}\n");
    m.prints("omctl setpe -W -f map --key key --node 24", "");
    assert_eq!(m.written("admin/config"), format!("self 24\nforce\n{map}"));

    let mut child =
        m.command("setpe -w - --key key -v").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"5 10.1.1.100 1\n").unwrap();
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!((done.code, done.err.as_str()), (0, "setpe: this is node 5 of 1\n"));
    assert_eq!(m.written("admin/config"), "self 5\n5 10.1.1.100 1\n");
}

#[test]
fn setpe_without_a_key_needs_trusted_and_is_loud() {
    let m = Machine::loaded();
    m.fails("setpe -w -f map --key none", 5, &["no cluster key", "keygen", "--trusted"]);
    m.mode("key", 0o640);
    m.fails("setpe -w -f map --key key", 5, &["other users", "chmod 600"]);
    m.file("key", "secret");
    m.mode("key", 0o600);
    m.fails("setpe -w -f map --key key", 5, &["not a cluster key"]);
    assert_eq!(m.written("admin/config"), "");

    let done = m.run("setpe -w -f map --trusted");
    assert_eq!(done.code, 0);
    assert!(done.err.contains("WARNING"), "{}", done.err);
    assert_eq!(m.written("admin/trusted"), "1\n");
    assert_eq!(m.written("admin/key"), "");
}

#[test]
fn setpe_checks_without_the_module() {
    let m = Machine::bare();
    m.prints("setpe -c -f map --key key", "map: 24 nodes in 3 lines; this machine is node 1\n");
    m.prints("setpe -c -f map --trusted", "map: 24 nodes in 3 lines; this machine is node 1\n");
    m.fails("setpe -c -f none --key key", 5, &["cannot read the map none"]);
    for (map, words) in [
        ("1 10.0.0.1 1\n2 10.0.0.1 1\n", ["line 2", "10.0.0.1", "line 1"]),
        ("1 10.1.1.100 16\n\n9 10.2.1.100 16\n", ["line 3", "9 to 16", "line 1"]),
        ("1 127.0.0.1 1\n", ["line 1", "127", "other nodes reach"]),
        ("1 10.9.9.1 4\n", ["no address of this machine", "192.168.7.7", "10.1.1.100"]),
        ("1 10.1.1.100 1\n2 192.168.7.7 1\n", ["node 1", "node 2", "--node"]),
        ("# none\n", ["names no node", "bad:", ""]),
    ] {
        m.file("bad", map);
        m.fails("setpe -c -f bad --key key", 5, &words);
    }
}

#[test]
fn setpe_reports_refusals_and_leaves() {
    let m = Machine::member();
    m.prints("setpe -r", "# this node: 1\n1 10.1.1.100 16\n17 10.1.1.200 8\n8 10.1.2.107 ALIAS\n");
    m.prints("setpe -r -f copy", "");
    m.prints("setpe -c -f copy --key key", "copy: 24 nodes in 3 lines; this machine is node 1\n");
    let done = m.run("setpe -r --json");
    assert!(
        done.out.starts_with("{\"self\":1,\"entries\":[{\"id\":1,\"address\":\"10.1.1.100\",\"count\":16"),
        "{}",
        done.out
    );
    m.prints("setpe -off", "");
    assert_eq!(m.written("admin/config"), "off\n");
    m.prints("omctl setpe --off --force", "");
    assert_eq!(m.written("admin/config"), "off force\n");
    m.refuse("hpc/admin/config");
    m.fails("setpe -w -f map --key key", 1, &["setpe: node 1 cannot join: ", "No space"]);
    m.fails("setpe -off", 1, &["cannot leave"]);
    m.fails("setpe -w -f map --trusted", 1, &["WARNING", "node 1 cannot join"]);
    assert_eq!(m.written("admin/trusted"), "0\n", "a refused join left links without a key allowed");
}

#[test]
fn keygen_makes_a_key_once() {
    let m = Machine::bare();
    let done = m.run("omctl keygen new");
    assert_eq!(done.code, 0, "{}", done.err);
    let about = fs::metadata(m.dir.join("new")).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    let key = fs::read_to_string(m.dir.join("new")).unwrap();
    assert_eq!(key.len(), 65);
    m.prints("setpe -c -f map --key new", "map: 24 nodes in 3 lines; this machine is node 1\n");
    m.fails("omctl keygen new", 1, &["exists", "cuts this node off"]);
    assert_eq!(fs::read_to_string(m.dir.join("new")).unwrap(), key);
}

#[test]
fn migrate_writes_the_destination_and_explains_refusals() {
    let m = Machine::member();
    m.prints("migrate 5004711 3", "");
    assert_eq!(m.written("pids/5004711/goto"), "3\n");
    m.prints("omctl migrate 5004711 home", "");
    assert_eq!(m.written("pids/5004711/goto"), "home\n");
    let done = m.run("migrate -v 5004711 2");
    assert_eq!(
        done.err,
        "migrate: process 5004711 is on node 2: 512 pages, 2.0 MB sent, frozen for 33.250 ms\n"
    );
    // Processes that share its memory: one has come along, one has not.
    m.file("hpc/pids/5004711/group", "5004711\n5004712\n5004713\n");
    m.file("hpc/pids/5004712/where", "2\n");
    m.file("hpc/pids/5004713/where", "0\n");
    assert_eq!(m.run("migrate --group 5004711 2").err, "migrate: 2 processes moved\n");
    assert_eq!(m.run("migrate -g 5004711 home").err, "migrate: 2 processes moved\n");

    // A guest goes through its own file.
    m.prints("migrate 900 home", "");
    assert_eq!(m.written("remote/900/goto"), "home\n");

    m.fails("migrate 900 balance", 1, &["guest", "only be sent home"]);
    m.prints("migrate 900 2", "");

    m.prints("migrate 5004711 balance", "");
    assert_eq!(m.written("pids/5004711/goto"), "balance\n");
    assert!(m.run("migrate -v 5004711 balance").err.contains("stays on node 2: it runs best there"));
    m.prints("migrate 5004711 3 --json", "{\"moved\":1,\"pid\":5004711,\"where\":3}\n");
    let done = m.run("migrate 5555 2 --json");
    let json: serde_json::Value = serde_json::from_str(&done.err).unwrap();
    assert_eq!((done.code, json["code"].as_u64(), json["tool"].as_str()), (7, Some(7), Some("migrate")));
    m.fails("migrate 5555 2", 7, &["no process 5555"]);
    m.fails("migrate 5004711 everywhere", 2, &["home"]);
    m.refuse("hpc/pids/5004711/goto");
    m.file("hpc/pids/5004711/cantmove", "it has 3 threads\nit shares memory with others\n");
    let words = ["process 5004711 did not move to node 2: it has 3 threads; it shares memory with others"];
    m.fails("migrate 5004711 2", 1, &words);
}

#[test]
fn where_answers() {
    let m = Machine::member();
    m.prints("omctl where 5004711", "2\n");
    m.prints("omctl where 5004712", "0\n");
    m.prints("omctl where 5004711 --json", "{\"pid\":5004711,\"where\":2}\n");
    m.fails("omctl where 5555", 7, &["no process 5555"]);
}

#[test]
fn status_and_ps_show_tables() {
    let m = Machine::member();
    let done = m.run("omctl status");
    assert_eq!(done.code, 0, "{}", done.err);
    let lines: Vec<Vec<&str>> = done.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(done.out.starts_with("openMosix 0.1.0: this is node 1 of 3, 2 up; 1 processes away, 1 guests\n"));
    assert_eq!(lines[2][..4], ["1", "10.1.1.100", "up", "self"]);
    assert_eq!(lines[3], ["2", "10.1.1.101", "up", "block", "17", "-", "-", "-", "1.0", "GB", "2.0", "GB"]);
    assert_eq!(lines[4][..4], ["3", "10.1.1.102", "DEAD", "-"]);
    assert!(!done.out.contains('\x1b'), "colour without a terminal");

    let done = m.run("omctl status --json");
    let json: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(json["self"], 1);
    assert_eq!(json["nodes"][1]["load"], 17);
    assert_eq!(json["nodes"][2]["up"], false);

    let done = m.run("mps");
    let lines: Vec<Vec<&str>> = done.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["PID", "USER", "NODE", "HOME", "NMIGS", "S", "MEM", "TIME", "COMMAND"]);
    assert_eq!(lines[1][..7], ["900", lines[1][1], "1", "2", "0", "R", "1.2"]);
    assert!(done.out.contains("xz [1234 xz]\n"), "{}", done.out);
    assert_eq!(lines[2][2..5], ["2", "-", "3"]);
    assert_eq!(lines[3][2..5], ["0", "-", "0"]);
    assert!(done.out.contains("0:02.50  xz -9 big\n"));
    assert_eq!(lines.len(), 4, "threads of the kernel are left out");

    let pids = |line: &str| -> Vec<i64> {
        let json: serde_json::Value = serde_json::from_str(&m.run(line).out).unwrap();
        json.as_array().unwrap().iter().map(|p| p["pid"].as_i64().unwrap()).collect()
    };
    assert_eq!(pids("mps --json"), [900, 5_004_711, 5_004_712]);
    assert_eq!(pids("mps -m --json"), [900, 5_004_711]);
    assert_eq!(pids("mps --json 5004712"), [5_004_712]);
    assert_eq!(pids("mps -k --json").len(), 4);
    assert_eq!(pids("mps -u nobodyatall --json"), [] as [i64; 0]);
    m.fails("mps 77", 7, &["no process 77"]);

    m.file("hpc/pids/5004711/stats", "load 97\ncpu_ms 90000\nmemory_kb 8192\nhint cpujob\n");
    assert!(m.run("mps 5004711").out.contains("8.0 MB  1:30.00"));
}

#[test]
fn ps_and_top_do_without_the_module() {
    let m = Machine::bare();
    m.process(7, "sh", "sh\0", 0);
    let done = m.run("mps");
    assert!(done.code == 0 && done.out.contains("7    "), "{}", done.out);
    let done = m.run("mtop --once");
    assert!(done.out.starts_with("mtop: 1 processes; this node is not a member"), "{}", done.out);
}

#[test]
fn views_print_where_there_is_no_terminal() {
    let m = Machine::member();
    let done = m.run("mosmon");
    let lines: Vec<Vec<&str>> = done.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 3, "node 3 is down: {}", done.out);
    assert_eq!(lines[2][..2], ["2", "17"]);
    assert!(done.out.contains("1.0 GB  1.0 GB"), "used and free: {}", done.out);
    let done = m.run("mosmon -d -t --once");
    assert!(done.out.contains("3     DEAD\n") && done.out.ends_with("2 of 3 nodes up\n"), "{}", done.out);
    let json: serde_json::Value = serde_json::from_str(&m.run("omctl mon --json -d").out).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 3);

    let done = m.run("mtop");
    assert!(done.out.starts_with("mtop: 3 processes, 1 away, 1 guests\nPID"), "{}", done.out);
    let json: serde_json::Value = serde_json::from_str(&m.run("mtop --json -n 1").out).unwrap();
    assert_eq!((json[0]["cpu_per_mille"].as_u64(), json.as_array().unwrap().len()), (Some(0), 1));
}

#[test]
fn showmap_has_the_old_form() {
    let m = Machine::member();
    m.prints(
        "showmap",
        "My Node-Id: 0x0001\n\nBase Node-Id Address          Count\n0x0001       10.1.1.100       16\n\
         0x0011       10.1.1.200       8\n0x0008       10.1.2.107       ALIAS\n",
    );
    assert!(m.run("showmap --json").out.starts_with("{\"entries\":[{\"address\":\"10.1.1.100\""));
}

#[test]
fn doctor_says_what_to_do() {
    let m = Machine::bare();
    let done = m.run("omctl doctor --no-network -f map --key key");
    assert_eq!(done.code, 2, "the module is not loaded: {}", done.out);
    assert!(done.out.contains("ok       map: map: 24 nodes, this is node 1\n"), "{}", done.out);
    assert!(done.out.contains("ok       key: key is a key"), "{}", done.out);
    let m = Machine::member();
    m.file("hpc/admin/block", "1\n");
    let done = m.run("omctl doctor --no-network -f map --key none --json");
    let json: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    let find = |about: &str| {
        let of = json["findings"].as_array().unwrap().iter().find(|f| f["about"] == about).unwrap();
        (of["verdict"].as_str().unwrap().to_owned(), of["what"].as_str().unwrap().to_owned())
    };
    assert_eq!(find("module"), ("ok".to_owned(), "loaded, version 0.1.0".to_owned()));
    assert_eq!(find("map").0, "ok");
    assert_eq!(find("key").0, "problem");
    assert_eq!(find("membership"), ("warning".to_owned(), "this is node 1 of 24; set: block".to_owned()));
}

#[test]
fn tune_needs_a_partner() {
    let m = Machine::member();
    m.fails("tune 1", 1, &["this one"]);
    m.fails("tune 99", 4, &["node 99 is not configured"]);
    m.fails("tune 2", 1, &["did not move (2)"]);
    m.fails("tune", 2, &["NODE"]);
    let mut worker =
        m.command("omctl tune-worker").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut worker.stdin.take().unwrap(), b"hello\ngrow\nmeasure\n").unwrap();
    let done = Done::from(worker.wait_with_output().unwrap());
    let lines: Vec<&str> = done.out.lines().collect();
    assert_eq!(lines[..2], ["ready", "grown"]);
    assert_eq!(lines[2].split(' ').filter(|word| word.parse::<u64>().is_ok()).count(), 6);
}

#[test]
fn omdiscd_says_what_it_lacks() {
    let m = Machine::bare();
    m.fails("omdiscd -n --key none", 5, &["no cluster key"]);
    m.fails("omdiscd -n --key key -i nosuch0", 1, &["interface nosuch0 has no address", "ip -4 address"]);
    m.fails("omdiscd -n -m 0", 2, &["TTL"]);
    m.fails("omdiscd --forget 1", 2, &["SECONDS"]);
}

#[test]
fn whois_answers_its_four_questions() {
    let m = Machine::member();
    m.prints("mosctl whois", "1\n");
    m.prints("mosctl whois 17", "10.1.1.200\n");
    m.prints("mosctl whois 10.1.1.101", "2\n");
    m.prints("mosctl whois 10.1.2.107", "8\n");
    m.prints("mosctl whois Three", "3\n");
    m.prints("mosctl whois --json three", "{\"id\":3,\"address\":\"10.1.1.102\"}\n");
    m.fails("mosctl whois 99", 4, &["node 99 is not in the cluster"]);
    m.fails("mosctl whois 10.9.9.9", 4, &["10.9.9.9 is not in the cluster"]);
    m.fails("mosctl whois nobody", 4, &["nobody is not in the cluster", "/etc/hosts"]);
}

#[test]
fn mosctl_asks_and_tells() {
    let m = Machine::member();
    m.prints("mosctl isup 2", "yes\n");
    let done = m.run("mosctl isup 3");
    assert_eq!((done.code, done.out.as_str()), (1, "no\n"));
    m.fails("mosctl isup 99", 4, &["node 99 is not configured"]);
    let done = m.run("mosctl status 2");
    assert!(done.out.contains("takes guests                   no (block)\n"), "{}", done.out);
    m.prints("mosctl getload", "5\n");
    m.prints("mosctl getload 2", "17\n");
    m.prints("mosctl getmem 2", "1073741824 2147483648\n");
    m.fails("mosctl getutil 2", 1, &["not known"]);
    m.prints("mosctl isup 2 --json", "{\"id\":2,\"up\":true}\n");
    m.prints("mosctl getstatus 2 --json", &m.run("mosctl status 2 --json").out);
    for name in ["block", "stay", "lstay", "quiet"] {
        m.prints(&format!("mosctl {name}"), "");
        assert_eq!(m.written(&format!("admin/{name}")), "1\n");
        m.prints(&format!("mosctl no{name}"), "");
        assert_eq!(m.written(&format!("admin/{name}")), "0\n");
    }
    for name in ["bring", "expel"] {
        m.prints(&format!("mosctl {name}"), "");
        assert_eq!(m.written(&format!("admin/{name}")), "1\n");
    }
    m.refuse("hpc/admin/bring");
    m.fails("mosctl bring", 1, &["not all processes came home"]);
}

/// Two nodes find each other in a network of their own; a third, whose id is taken, is left out. Where the machine does
/// not let tests make a network, this shows nothing.
#[test]
fn omdiscd_finds_the_others() {
    let m = Machine::bare();
    m.file(
        "net.sh",
        "set -e; ip link set lo up multicast on
         for ip in 10.9.0.1/24 10.9.0.2/24 10.8.0.2/24; do ip addr add $ip dev lo; done
         node() { ip=$1; shift; timeout $1 $OMCTL omdiscd -n --dry-run --key key -i lo --address $ip >$ip.out 2>$ip.err; }
         node 10.9.0.1 8 & node 10.9.0.2 8 & sleep 4.5
         node 10.8.0.2 5 || true; wait || true",
    );
    let mut unshare = Command::new("unshare");
    unshare.args(["-rn", "bash", "net.sh"]).current_dir(&m.dir).env("OMCTL", env!("CARGO_BIN_EXE_omctl"));
    if !unshare.output().is_ok_and(|output| output.status.success()) {
        eprintln!("not tried: no network of its own to be had here");
        return;
    }
    let read = |name: &str| fs::read_to_string(m.dir.join(name)).unwrap();
    assert_eq!(read("10.9.0.1.out"), "self 1\n1 10.9.0.1 2\n", "{}", read("10.9.0.1.err"));
    assert_eq!(read("10.9.0.2.out"), "self 2\n1 10.9.0.1 2\n", "{}", read("10.9.0.2.err"));
    let late = read("10.8.0.2.err");
    assert!(late.contains("10.8.0.2 is left out") && late.contains("does not join"), "{late}");
    assert_eq!(read("10.8.0.2.out"), "");
}

#[test]
fn mosctl_tunes() {
    let m = Machine::member();
    m.prints("mosctl getdecay", "60 976 926\n");
    m.prints("mosctl getdecay --json", "{\"decayinterval\":60,\"fastdecay\":926,\"slowdecay\":976}\n");
    m.prints("mosctl setdecay 60 900 205", "");
    assert_eq!(
        ["decayinterval", "slowdecay", "fastdecay"].map(|name| m.written(&format!("admin/{name}"))),
        ["60\n", "900\n", "205\n"]
    );
    m.prints("mosctl setdecay 5", "");
    m.prints("mosctl getdecay", "5 900 205\n");
    for wrong in
        ["mosctl setdecay 0", "mosctl setdecay 60 900", "mosctl setdecay 60 1001 1", "mosctl setdecay"]
    {
        m.fails(wrong, 2, &["--help"]);
    }

    m.prints("mosctl getyard", "10000\n");
    m.prints("mosctl setyard", "");
    m.prints("mosctl getyard", "12000\n");
    m.prints("mosctl setyard PIII/1400", "");
    m.prints("mosctl getyard --json", "{\"sspeed\":14000}\n");
    m.fails("mosctl setyard 2", 1, &["speed of node 2 is not known"]);
    m.fails("mosctl setyard 99", 4, &["node 99 is not configured"]);
    m.fails("mosctl setyard Athlon", 2, &["no yardstick"]);
    m.prints("mosctl setspeed 9000", "");
    assert_eq!(m.written("admin/speed"), "9000\n");

    let done = m.run("mosctl gettune");
    assert!(done.out.contains("fetch a page               250.0 us\n"), "{}", done.out);
    assert!(m.run("mosctl gettune --json").out.contains("\"in_kb\":12000"));

    m.prints("mosctl get maxguests", "0\n");
    m.prints("mosctl set maxguests 8", "");
    m.prints("mosctl get max-guests --json", "{\"maxguests\":8}\n");
    m.prints("mosctl set preferred 3 1", "");
    assert_eq!(m.written("admin/preferred"), "3 1\n");
    let done = m.run("mosctl get");
    assert!(done.out.contains("maxguests") && !done.out.contains("expel"), "{}", done.out);
    m.fails("mosctl set config off", 2, &["no setting \"config\"", "maxguests"]);
    m.fails("mosctl set", 2, &["Usage"]);

    m.prints("mosctl nomfs", "");
    m.refuse("hpc/admin/nomfs");
    m.fails("mosctl mfs", 1, &["cluster file system cannot be had"]);
    m.prints("mosctl getreason", "12 4711 xz from 1 to 2: less busy\n14 4711 xz: stays: no better node\n");
    m.prints("mosctl getbalance --json", "{\"moved_out\":1,\"received\":11,\"sent\":12}\n");
}

#[test]
fn mosrun_runs_whatever_happens() {
    for m in [Machine::bare(), Machine::loaded()] {
        for line in [
            "mosrun 2 echo a",
            "mosrun -j 1-3 echo a",
            "mosrun -h echo a",
            "runon 2 echo a",
            "nomig echo a",
            "cputjob echo a",
            "iojob echo a",
            "fastdecay echo a",
            "slowdecay echo a",
            "nodecay echo a",
            "nunhome echo a",
            "mosrun -c -s -L echo a",
        ] {
            m.prints(line, "a\n");
        }
    }
    let m = Machine::member();
    m.file("script", "echo script $1");
    m.prints("mosrun 2 -L -c echo -n a", "a");
    assert_eq!(m.written("pids/self/execgoto"), "2\n");
    m.prints("mosrun -j 2-3 echo a", "a\n");
    // Of these only node 2 is up.
    assert_eq!(m.written("pids/self/execgoto"), "2\n");
    m.prints("runhome echo a", "a\n");
    assert_eq!(
        (m.written("pids/self/lock"), m.written("pids/self/stay")),
        ("1\n".to_owned(), "1\n".to_owned())
    );
    m.prints("mosrun -l echo a", "a\n");
    assert_eq!(
        (m.written("pids/self/lock"), m.written("pids/self/stay")),
        ("0\n".to_owned(), "0\n".to_owned())
    );
    m.prints("nomig echo a", "a\n");
    assert_eq!(
        (m.written("pids/self/lock"), m.written("pids/self/stay")),
        ("0\n".to_owned(), "1\n".to_owned())
    );
    m.prints("omrunon 3 true", "");
    assert_eq!(m.written("pids/self/execgoto"), "3\n");
    m.prints("omsh 2 script x", "script x\n");
    assert_eq!(m.written("pids/self/execgoto"), "2\n");
    m.refuse("hpc/pids/self/execgoto");
    let done = m.run("mosrun 2 echo a");
    assert_eq!((done.code, done.out.as_str()), (0, "a\n"));
    assert!(done.err.contains("mosrun: running at home, not on node 2: "), "{}", done.err);

    assert_eq!(m.run("mosrun false").code, 1);
    assert_eq!(m.run("mosrun /nonexistent").code, 127);
    assert_eq!(m.run("mosrun /etc/passwd").code, 126);
    m.fails("mosrun 2", 2, &["no command"]);
    m.fails("mosrun -j 1-x echo a", 2, &["1-x"]);
}

#[test]
fn what_a_command_is_like_goes_to_decay() {
    for (line, files) in [
        ("mosrun -c true", &["cpujob", "exec", "inherit"][..]),
        ("cpujob true", &["cpujob", "exec", "inherit"]),
        ("iojob true", &["iojob", "exec", "inherit"]),
        ("fastdecay true", &["fast", "exec", "inherit"]),
        ("slowdecay true", &["slow", "exec", "inherit"]),
        ("nodecay true", &["none", "exec", "inherit"]),
        ("mosrun -i -n true", &["iojob", "none", "exec", "inherit"]),
        ("mosrun true", &[]),
    ] {
        let m = Machine::member();
        m.prints(line, "");
        for name in ["clear", "cpujob", "iojob", "fast", "slow", "none", "exec", "execonce", "inherit"] {
            let expected = if files.contains(&name) { "1\n" } else { "" };
            assert_eq!(m.written(&format!("decay/{name}")), expected, "{line}: {name}");
        }
    }
}

#[test]
fn every_command_has_help_with_examples() {
    let m = Machine::bare();
    for line in
        ["setpe", "migrate", "mosctl", "mosrun", "omsh", "ps", "mtop", "mosmon", "tune", "omdiscd", "doctor"]
    {
        let done = m.run(&format!("omctl {line} --help"));
        assert!(done.code == 0 && (done.out.contains("Examples:")), "{line}: {}", done.out);
    }
}

#[test]
fn documentation_comes_from_the_definition() {
    let m = Machine::bare();
    m.prints("omctl man --dir man", "");
    let page = fs::read_to_string(m.dir.join("man/omctl-setpe.1")).unwrap();
    assert!(page.contains("openmosix.map"));
    assert_eq!(fs::read_to_string(m.dir.join("man/mps.1")).unwrap(), ".so man1/omctl-ps.1\n");
    for shell in ["bash", "zsh", "fish"] {
        let done = m.run(&format!("omctl completions {shell}"));
        assert!(done.code == 0 && done.out.contains("setpe"));
    }
    let done = m.run("omctl completions bash mosctl");
    assert!(done.code == 0 && done.out.contains("complete -F _mosctl") && done.out.contains("setdecay"));
    m.fails("omctl completions bash ls", 2, &["no tool \"ls\"", "mosctl"]);
    let mut pages: Vec<String> = fs::read_dir(m.dir.join("man"))
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    for name in
        ["mosmon.1", "omctl-omdiscd.1", "omctl-mosctl-setdecay.1", "omctl-doctor.1", "tune.1", "cputjob.1"]
    {
        assert!(pages.iter().any(|page| page == name), "{name}: {pages:?}");
    }
    assert!(!pages.iter().any(|page| page.contains("worker")), "{pages:?}");
    let done = m.run("mosrun --help");
    assert!(done.code == 0 && done.out.contains("Examples:"), "{}", done.out);
    assert_eq!(m.run("omctl").code, 2);
}
