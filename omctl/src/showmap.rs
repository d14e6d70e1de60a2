// SPDX-License-Identifier: GPL-2.0-only

//! `omctl showmap`: this node's id and the map, in the form of the original tool, where ids are hexadecimal.

use std::fmt::Write;

use omcore::map::Ip;
use serde_json::json;

use crate::failure::Failure;
use crate::hpc::Hpc;
use crate::print::Report;

pub fn run(json: bool) -> Result<Report, Failure> {
    let kernel = Hpc::open()?.map()?;
    let map = kernel.map();
    if json {
        let entries: Vec<_> = map
            .entries()
            .iter()
            .map(|e| json!({"id": e.first_id, "address": Ip(e.first_ip).to_string(), "count": e.count, "alias": e.alias}))
            .collect();
        return Ok(Report::json(&json!({"self": kernel.own, "entries": entries})));
    }
    let mut text = format!("My Node-Id: 0x{:04x}\n\nBase Node-Id Address          Count\n", kernel.own);
    for entry in map.entries() {
        let count = if entry.alias { "ALIAS".to_owned() } else { entry.count.to_string() };
        let address = Ip(entry.first_ip).to_string();
        // Writing to a string does not fail.
        let _ = writeln!(text, "0x{:04x}       {address:<16} {count}", entry.first_id);
    }
    Ok(Report::text(text))
}
