// SPDX-License-Identifier: GPL-2.0-only

//! The cluster key: making it, and giving it to the module.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use proc_hpc::value::{self, KEY_BYTES};

use crate::cli::KeygenArgs;
use crate::failure::{Code, Failure};
use crate::machine;
use crate::print::Report;

/// `omctl keygen`: a new key in a new file that only its owner reads.
pub fn generate(args: &KeygenArgs, json: bool) -> Result<Report, Failure> {
    let path = &args.file;
    let failed = |error: io::Error| {
        let (code, next) = match error.kind() {
            io::ErrorKind::AlreadyExists => (
                Code::Refused,
                "A new key cuts this node off from the others. If you mean it, move the old file away first.",
            ),
            io::ErrorKind::PermissionDenied => (Code::Denied, "Be root, or name another file."),
            _ => (Code::Refused, ""),
        };
        Failure::new(code, format!("cannot write a key to {}: {error}", path.display()), next)
    };
    let digits: String =
        machine::random::<KEY_BYTES>().map_err(failed)?.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    writeln!(file, "{digits}").and_then(|()| file.sync_all()).map_err(failed)?;
    if json {
        return Ok(Report::json(&serde_json::json!({"file": path})));
    }
    Ok(Report::line(format_args!(
        "{}: new cluster key; copy it to the same place on every node, by a safe way",
        path.display()
    )))
}

/// Reads and checks a key file; the text is fit for `admin/key`.
pub fn load(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let bad = |what: String, next: String| Failure::new(Code::BadFile, what, next);
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => bad(
            format!("no cluster key: {shown} is not there"),
            format!(
                "Make one with \"omctl keygen {shown}\" on one node and copy it to all. Only if every machine and \
                 every user on this network may run programs as anybody on this node: use --trusted instead."
            ),
        ),
        io::ErrorKind::PermissionDenied => {
            Failure::new(Code::Denied, format!("cannot read {shown}: {error}"), "Be root.")
        }
        _ => bad(format!("cannot read {shown}: {error}"), String::new()),
    })?;
    let mode = file.metadata().map_or(0, |about| about.permissions().mode());
    if mode & 0o077 != 0 {
        return Err(bad(
            format!("{shown} can be read or changed by other users than its owner (mode {:o})", mode & 0o777),
            format!("If nobody has seen it: chmod 600 {shown}. Otherwise make a new one for all nodes."),
        ));
    }
    let mut text = String::new();
    let read = file.take(4096).read_to_string(&mut text);
    match read.ok().and_then(|_| value::key(text.as_bytes())) {
        Some(_) => Ok(format!("{}\n", text.trim())),
        None => Err(bad(
            format!("{shown} is not a cluster key: it must hold {} hexadecimal digits", 2 * KEY_BYTES),
            format!(
                "Make one with \"omctl keygen\" (to another file than {shown}), and copy it to all nodes."
            ),
        )),
    }
}
