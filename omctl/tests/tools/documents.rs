// SPDX-License-Identifier: GPL-2.0-only

//! Help, man pages and completions.

use std::fs;

use super::machine::*;

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
