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
        for name in ["trusted", "block", "stay", "lstay", "quiet", "bring", "expel", "mospe"] {
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
        for name in ["execgoto", "lock"] {
            machine.file(&format!("hpc/pids/self/{name}"), "0\n");
        }
        machine.file("hpc/remote/900/from", "2\n");
        machine.file("hpc/remote/900/identity", "1234 xz\n");
        machine.file("hpc/remote/900/goto", "");
        machine
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
        "omctl ps",
        "omctl where 1",
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
    for line in ["omctl ps", "migrate 1 2", "mosctl whois", "mosctl isup 2", "mosctl block", "setpe -r"] {
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
    assert_eq!(m.written("admin/trusted"), "0\n");

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

    m.fails("migrate 5004711 balance", 1, &["not available yet", "Name a node"]);
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

    m.prints(
        "mps",
        "Away from home: 1\nPID      NODE  NMIGS  COMMAND\n5004711  2     3      ?\nGuests: 1\nPID  FROM  IDENTITY\n900  2     1234 xz\n",
    );
    m.prints(
        "omctl ps --json",
        "{\"away\":[{\"pid\":5004711,\"command\":\"?\",\"where\":2,\"nmigs\":3}],\"guests\":[{\"pid\":900,\"identity\":\"1234 xz\",\"from\":2}]}\n",
    );
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

#[test]
fn mosrun_runs_whatever_happens() {
    for m in [Machine::bare(), Machine::loaded()] {
        for line in
            ["mosrun 2 echo a", "mosrun -j 1-3 echo a", "mosrun -h echo a", "runon 2 echo a", "nomig echo a"]
        {
            m.prints(line, "a\n");
        }
    }
    let m = Machine::member();
    m.prints("mosrun 2 -L -c echo -n a", "a");
    assert_eq!(m.written("pids/self/execgoto"), "2\n");
    m.prints("mosrun -j 2-3 echo a", "a\n");
    // Of these only node 2 is up.
    assert_eq!(m.written("pids/self/execgoto"), "2\n");
    m.prints("runhome echo a", "a\n");
    assert_eq!(m.written("pids/self/lock"), "1\n");
    m.prints("omrunon 3 true", "");
    assert_eq!(m.written("pids/self/execgoto"), "3\n");
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
    let done = m.run("mosrun --help");
    assert!(done.code == 0 && done.out.contains("Examples:"), "{}", done.out);
    assert_eq!(m.run("omctl").code, 2);
}
