// SPDX-License-Identifier: GPL-2.0-only

//! What makes a machine a node: map, key, discovery, and what is missing for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use super::machine::*;

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
fn omdiscd_says_what_it_lacks() {
    let m = Machine::bare();
    m.fails("omdiscd -n --key none", 5, &["no cluster key"]);
    m.fails("omdiscd -n --key key -i nosuch0", 1, &["interface nosuch0 has no address", "ip -4 address"]);
    m.fails("omdiscd -n -m 0", 2, &["TTL"]);
    m.fails("omdiscd --forget 1", 2, &["SECONDS"]);
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
