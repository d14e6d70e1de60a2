// SPDX-License-Identifier: GPL-2.0-only

//! The administrator's guide lists the tree as it is. `UPDATE_DOCS=1 cargo test -p proc_hpc` writes it anew.

use std::fmt::Write;

use proc_hpc::tree::{Guard, FILES};

const HEAD: &str = "| file | who writes | what |\n|---|---|---|\n";

#[test]
fn the_guide_lists_the_tree() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/admin.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let mut table = String::new();
    for file in FILES {
        let who = match file.guard {
            Guard::ReadOnly => "",
            Guard::Root => "root",
            Guard::Owner => "owner, root",
        };
        writeln!(table, "| `{}` | {who} | {} |", file.path, file.help).unwrap();
    }
    let start = guide.find(HEAD).expect("the guide has a table of files") + HEAD.len();
    let end = start + guide[start..].find("\n\n").unwrap() + 1;
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{}{table}{}", &guide[..start], &guide[end..])).unwrap();
    } else {
        assert_eq!(&guide[start..end], table, "UPDATE_DOCS=1 cargo test -p proc_hpc writes it anew");
    }
}
