// SPDX-License-Identifier: GPL-2.0-only

//! The settings of this node: the writable numbers and words below `admin/`.

use proc_hpc::tree::{File, Guard, Kind, FILES};
use proc_hpc::value::Overheads;
use serde_json::{json, Map, Value};

use super::act;
use crate::failure::{Code, Failure};
use crate::hpc::{self, Hpc};
use crate::print::{self, Report, Table};

/// The settings: what root sets and anybody reads, except what has commands of its own.
fn settings() -> impl Iterator<Item = (&'static str, &'static File)> {
    FILES.iter().filter_map(|file| {
        let name = file.path.strip_prefix("admin/")?;
        let sets = !matches!(file.kind, Kind::Config | Kind::Command | Kind::Key | Kind::Absent);
        (file.guard == Guard::Root && sets).then_some((name, file))
    })
}

fn find(name: &str) -> Result<&'static File, Failure> {
    let plain = name.replace('-', "");
    settings().find(|(known, _)| *known == plain).map(|(_, file)| file).ok_or_else(|| {
        let names: Vec<&str> = settings().map(|(name, _)| name).collect();
        let next = format!("The settings are: {}.", names.join(", "));
        Failure::new(Code::Usage, format!("there is no setting \"{name}\""), next)
    })
}

/// What a setting is, when the module has it.
fn read(hpc: &Hpc, file: &File) -> Result<String, Failure> {
    hpc.get(file.path).map(|text| print::tame(&text))
}

/// A number as such, anything else as text.
fn as_json(text: &str) -> Value {
    text.parse::<u64>().map_or_else(|_| text.into(), Value::from)
}

pub fn all(json: bool) -> Result<Report, Failure> {
    let hpc = Hpc::open()?;
    let known = settings().filter_map(|(name, file)| Some((name, read(&hpc, file).ok()?, file)));
    if json {
        let object: Map<String, Value> =
            known.map(|(name, text, _)| (name.to_owned(), as_json(&text))).collect();
        return Ok(Report::json(&object));
    }
    let mut table = Table::new(&["SETTING", "VALUE", "DEFAULT", "MEANING"]);
    for (name, text, file) in known {
        let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        table.row([
            name.to_owned(),
            or_none(&text),
            or_none(file.default.unwrap_or("")),
            file.help.to_owned(),
        ]);
    }
    Ok(Report::text(table.to_string()))
}

pub fn show(name: &str, json: bool) -> Result<Report, Failure> {
    let file = find(name)?;
    let text = read(&Hpc::open()?, file)?;
    let name = file.path.trim_start_matches("admin/");
    Ok(if json { Report::json(&json!({name: as_json(&text)})) } else { Report::line(text) })
}

pub fn set(name: &str, value: &str) -> Result<Report, Failure> {
    let file = find(name)?;
    let hpc = Hpc::open()?;
    hpc.write(file.path, &format!("{value}\n"))
        .map_err(|refusal| refusal.while_doing(&format!("{name} was not set to \"{value}\"")))?;
    Ok(Report::silent())
}

pub fn overheads(json: bool) -> Result<Report, Failure> {
    let text = Hpc::open()?.get("admin/overheads")?;
    let table = Overheads::parse(text.as_bytes()).ok_or_else(|| {
        let next = "Module and tools may be of different versions.";
        Failure::new(Code::Refused, format!("admin/overheads does not read: {}", print::tame(&text)), next)
    })?;
    Ok(if json {
        Report::json(&overheads_json(&table))
    } else {
        Report::text(overheads_table(&[("", &table)]))
    })
}

/// The rows of a cost table: a name for programs, a word for people, the time.
fn rows(of: &Overheads) -> [(&'static str, &'static str, u64); 6] {
    [
        ("page", "fetch a page", of.page),
        ("call", "a forwarded call", of.call),
        ("out", "one that takes data along", of.out),
        ("out_kb", "  each KiB of it", of.out_kb),
        ("in", "one that brings data back", of.input),
        ("in_kb", "  each KiB of it", of.input_kb),
    ]
}

pub fn overheads_json(of: &Overheads) -> Value {
    let mut object: Map<String, Value> =
        rows(of).map(|(name, _, ns)| (name.to_owned(), ns.into())).into_iter().collect();
    object.insert("first".to_owned(), of.first.into());
    object.insert("last".to_owned(), of.last.into());
    object.into()
}

/// One or more cost tables side by side, in microseconds.
pub fn overheads_table(tables: &[(&str, &Overheads)]) -> String {
    let us = |ns: u64| format!("{}.{} us", ns / 1000, ns % 1000 / 100);
    let mut out = Table::default();
    if tables.len() > 1 {
        out.row(std::iter::once(String::new()).chain(tables.iter().map(|(name, _)| (*name).to_owned())));
    }
    let columns: Vec<_> = tables.iter().map(|(_, table)| rows(table)).collect();
    for (i, (_, words, _)) in rows(&Overheads::default()).into_iter().enumerate() {
        let cells = columns.iter().filter_map(|rows| rows.get(i)).map(|(_, _, ns)| us(*ns));
        out.row(std::iter::once(words.to_owned()).chain(cells));
    }
    let nodes = tables.iter().map(|(_, table)| match (table.first, table.last) {
        (0, _) => "all nodes".to_owned(),
        (first, last) => format!("nodes {first} to {last}"),
    });
    out.row(std::iter::once("holds for".to_owned()).chain(nodes));
    out.to_string()
}

const DECAY: [&str; 3] = ["decayinterval", "slowdecay", "fastdecay"];

pub fn decay(json: bool) -> Result<Report, Failure> {
    let hpc = Hpc::open()?;
    let values = DECAY.iter().map(|name| read(&hpc, find(name)?)).collect::<Result<Vec<_>, _>>()?;
    if json {
        let pairs = DECAY.iter().zip(&values).map(|(name, text)| ((*name).to_owned(), as_json(text)));
        return Ok(Report::json(&pairs.collect::<Map<_, _>>()));
    }
    Ok(Report::line(values.join(" ")))
}

/// All of them are checked by clap before the first is written.
pub fn set_decay(interval: u32, rates: Option<(u16, u16)>) -> Result<Report, Failure> {
    act("admin/decayinterval", &format!("{interval}\n"), "the decay interval was not set")?;
    if let Some((slow, fast)) = rates {
        act("admin/slowdecay", &format!("{slow}\n"), "the slow decay was not set")?;
        act("admin/fastdecay", &format!("{fast}\n"), "the fast decay was not set")?;
    }
    Ok(Report::silent())
}

/// The yardstick: `this`, a node id, or a processor as `FAMILY/MHZ`. A Pentium III of 1000 MHz is the standard
/// processor of the manual, with 10000 units (table 6.2).
pub fn set_yardstick(by: &str) -> Result<Report, Failure> {
    let (hpc, own) = Hpc::member()?;
    let wrong = || {
        Failure::new(
            Code::Usage,
            format!("\"{by}\" is no yardstick"),
            "Give TYPE/MHZ (like PIII/1000), a node id, or \"this\".",
        )
    };
    let speed = match by.split_once('/') {
        Some((_, mhz)) => {
            mhz.parse::<u32>().ok().filter(|mhz| *mhz > 0).map(|mhz| u64::from(mhz) * 10).ok_or_else(wrong)?
        }
        None => {
            let id = if by == "this" { own } else { by.parse().map_err(|_| wrong())? };
            let path = if id == own { "info/speed".to_owned() } else { format!("nodes/{id}/speed") };
            if !hpc.exists(&format!("nodes/{id}")) {
                return Err(hpc::no_such_node(id));
            }
            hpc.number(&path).filter(|speed| *speed > 0).ok_or_else(|| {
                let next = "A node that is down, or that was told to be quiet, does not tell it.";
                Failure::new(Code::Refused, format!("the speed of node {id} is not known"), next)
            })?
        }
    };
    act("admin/sspeed", &format!("{speed}\n"), "the yardstick was not set")
}
