// SPDX-License-Identifier: GPL-2.0-only

//! `omctl tune NODE`: measures the cost table of the balancer with a partner node.
//!
//! A small child ([`worker`]) is moved to the partner and back, once as it is and once with memory, which gives the
//! price of a page; then it times forwarded calls there. The two talk over pipes, a word a line.

pub mod worker;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use proc_hpc::value::{self, Move, Overheads};

use crate::cli::TuneArgs;
use crate::failure::{Code, Failure};
use crate::hpc::{self, Hpc};
use crate::mosctl::settings;
use crate::print::Report;
use worker::Timings;

pub fn run(args: &TuneArgs, json: bool) -> Result<Report, Failure> {
    let (hpc, own) = Hpc::member()?;
    if args.node == own {
        let next = "Name another node of the cluster.";
        return Err(Failure::new(
            Code::Refused,
            format!("node {own} is this one: there is no network between"),
            next,
        ));
    }
    if !hpc.exists(&format!("nodes/{}", args.node)) {
        return Err(hpc::no_such_node(args.node));
    }
    let before = hpc.read("admin/overheads").ok().and_then(|text| Overheads::parse(text.as_bytes()));
    let rtt = hpc.number(&format!("nodes/{}/rtt", args.node));
    let mut partner = Partner::start(&hpc, args.node)?;
    let measured = partner.measure()?;
    let (first, last) = args.range.unwrap_or((0, 0));
    let after = Overheads { first, last, ..measured };
    if args.write {
        hpc.write("admin/overheads", &format!("{after}\n"))
            .map_err(|refusal| refusal.while_doing("measured, but the module did not take the values"))?;
    }
    if json {
        let old = before.as_ref().map(settings::overheads_json);
        let new = settings::overheads_json(&after);
        let object = serde_json::json!({"rtt_ns": rtt, "old": old, "new": new, "written": args.write});
        return Ok(Report::json(&object));
    }
    let old = before.unwrap_or_default();
    let mut text = settings::overheads_table(&[("before", &old), ("measured", &after)]);
    if let Some(rtt) = rtt {
        text += &format!("round trip between the kernels: {}.{} us\n", rtt / 1000, rtt % 1000 / 100);
    }
    text += &if args.write {
        format!("written; to set it again: mosctl set overheads \"{after}\"\n")
    } else {
        format!("not written (--write does); to set it: mosctl set overheads \"{after}\"\n")
    };
    Ok(Report::text(text))
}

/// The child, and the node it goes to.
struct Partner<'a> {
    hpc: &'a Hpc,
    node: u16,
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Drop for Partner<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'a> Partner<'a> {
    fn start(hpc: &'a Hpc, node: u16) -> Result<Self, Failure> {
        let failed = |error| {
            Failure::new(Code::Refused, format!("cannot start a process to measure with: {error}"), "")
        };
        let program = std::env::current_exe().map_err(failed)?;
        let mut child = Command::new(program)
            .arg("tune-worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(orders), Some(answers)) => {
                Ok(Self { hpc, node, child, orders, answers: BufReader::new(answers) })
            }
            // Both were asked for.
            _ => Err(failed(std::io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn measure(&mut self) -> Result<Overheads, Failure> {
        self.ask("hello")?;
        let small = self.go(&self.node.to_string())?;
        self.go("home")?;
        self.ask("grow")?;
        let big = self.go(&self.node.to_string())?;
        let answer = self.ask("measure")?;
        let timings = Timings::parse(&answer).ok_or_else(|| self.lost())?;
        Ok(overheads(&small, &big, &timings))
    }

    /// Moves the child, and tells how that went.
    fn go(&self, to: &str) -> Result<Move, Failure> {
        let pid = self.child.id();
        let failed = format!("the process to measure with did not move ({to})");
        self.hpc
            .write(&format!("pids/{pid}/goto"), &format!("{to}\n"))
            .map_err(|refusal| refusal.while_doing(&failed))?;
        let place = self.hpc.read(&format!("pids/{pid}/where")).unwrap_or_default();
        let arrived =
            value::node(place.as_bytes()).map_or_else(|| "home".to_owned(), |id| id.to_string()) == to;
        let moves = self.hpc.read(&format!("pids/{pid}/moves")).unwrap_or_default();
        let last = moves.lines().last().and_then(|line| Move::parse(line.as_bytes()));
        last.filter(|_| arrived)
            .ok_or_else(|| Failure::new(Code::Refused, failed, "Is the partner node busy, or blocked?"))
    }

    fn ask(&mut self, order: &str) -> Result<String, Failure> {
        let mut answer = String::new();
        let sent = writeln!(self.orders, "{order}").and_then(|()| self.orders.flush());
        match sent.and_then(|()| self.answers.read_line(&mut answer)) {
            Ok(n) if n > 0 => Ok(answer),
            _ => Err(self.lost()),
        }
    }

    fn lost(&self) -> Failure {
        let what = format!("the process that measured on node {} did not come through", self.node);
        Failure::new(Code::Refused, what, "Is the node up? See \"omctl status\", and the kernel log.")
    }
}

/// The table from what was measured. A page costs what the move with memory took longer than the one without.
fn overheads(small: &Move, big: &Move, timings: &Timings) -> Overheads {
    let pages = big.pages.saturating_sub(small.pages).max(1);
    let longer =
        big.frozen_us.saturating_sub(small.frozen_us).saturating_mul(1000).saturating_add(timings.touch);
    let time = |ns: u64| ns.clamp(1, Overheads::MOST);
    let per_kb = |long: u64, short: u64| time(long.saturating_sub(short) / (worker::LONG as u64 / 1024));
    Overheads {
        page: time(longer / pages),
        call: time(timings.call),
        out: time(timings.write_short),
        out_kb: per_kb(timings.write_long, timings.write_short),
        input: time(timings.read_short),
        input_kb: per_kb(timings.read_long, timings.read_short),
        first: 0,
        last: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_comes_from_differences() {
        let small = Move { pages: 100, frozen_us: 10_000, ..Move::default() };
        let big = Move { pages: 1100, frozen_us: 30_000, ..Move::default() };
        let timings = Timings {
            touch: 1_000_000,
            call: 90_000,
            write_short: 100_000,
            write_long: 740_000,
            read_short: 110_000,
            read_long: 110_000,
        };
        let table = overheads(&small, &big, &timings);
        assert_eq!(table.to_string(), "21000 90000 100000 10000 110000 1 0 0");
    }

    #[test]
    fn strange_measurements_make_a_table_all_the_same() {
        let one = Move { pages: 5, frozen_us: 9, ..Move::default() };
        let table = overheads(&one, &Move::default(), &Timings::default());
        assert_eq!(Overheads::parse(table.to_string().as_bytes()), Some(table));
    }
}
