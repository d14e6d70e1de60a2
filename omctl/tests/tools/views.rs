// SPDX-License-Identifier: GPL-2.0-only

//! What shows nodes and processes.

use super::machine::*;

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
