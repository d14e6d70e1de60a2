// SPDX-License-Identifier: GPL-2.0-only

//! `mosctl` and `tune`.

use std::process::Stdio;

use super::machine::*;

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
