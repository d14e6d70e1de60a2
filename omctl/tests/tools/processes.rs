// SPDX-License-Identifier: GPL-2.0-only

//! Moving processes and starting commands.

use super::machine::*;

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
