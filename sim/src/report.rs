// SPDX-License-Identifier: GPL-2.0-only

//! The runs of `docs/scaling.md`: their plots as SVG, their tables as Markdown.

use crate::measure::Outcome;
use crate::run::{Plan, Policy};
use crate::trace::{Arrivals, Workload};
use omcore::balance::choose::Settings;
use omcore::balance::thresholds::Thresholds;
use plotters::prelude::*;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

type Run<'a> = &'a mut dyn FnMut(&Plan) -> Outcome;

/// A usual plan: bursts of jobs of all kinds on unequal machines at 70 % load.
pub fn usual(nodes: usize, policy: Policy, seed: u64) -> Plan {
    Plan {
        nodes,
        seconds: 240,
        warmup: 60,
        seed,
        policy,
        work: Workload { arrivals: Arrivals::Bursty, load: 0.7, io: 0.2, unequal: true, memory: true },
        loss: 0.0,
        deaths: 0.0,
        partition: None,
        burst: 8,
        backlog: 4.0,
        settings: Settings::default(),
        thresholds: Thresholds { under: 1, full: 2, over: 3 },
    }
}

/// The tables stand between these lines of the document.
const BEGIN: &str = "<!-- tables: made by `omsim report`, do not edit -->\n";
const END: &str = "<!-- end of tables -->\n";

/// Does all runs. Writes the plots into `dir`, and the tables into the document beside it, `dir` with `.md`.
pub fn report(dir: &Path, most: usize, seed: u64, run: Run<'_>) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(dir)?;
    let mut text = String::new();
    scaling(dir, most, seed, run, &mut text)?;
    policies(seed, run, &mut text)?;
    loads(dir, seed, run, &mut text)?;
    faults(seed, run, &mut text)?;
    history(dir, seed, run)?;
    let document = dir.with_extension("md");
    let old = std::fs::read_to_string(&document).unwrap_or_else(|_| format!("{BEGIN}{END}"));
    let parts = old.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.ok_or("the document has no place for the tables")?;
    std::fs::write(document, format!("{head}{BEGIN}\n{text}{END}{tail}"))?;
    Ok(())
}

fn scaling(
    dir: &Path,
    most: usize,
    seed: u64,
    run: Run<'_>,
    text: &mut String,
) -> Result<(), Box<dyn Error>> {
    text.push_str("### The same work on ever more nodes\n\n| nodes | jobs | slowdown | greedy's | moves per job | most moves of a job | log2 n | messages/node/s | bytes/node/s | most messages in a second |\n|---|---|---|---|---|---|---|---|---|---|\n");
    let (mut cost, mut greedy, mut messages) = (vec![], vec![], vec![]);
    for nodes in [10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000].into_iter().filter(|&n| n <= most) {
        let plan = |policy| {
            let mut plan = usual(nodes, policy, seed);
            match nodes {
                // Few nodes see few jobs.
                ..=30 => plan.seconds = 1200,
                31..=100 => plan.seconds = 600,
                30_000.. => (plan.warmup, plan.seconds) = (30, 60),
                _ => {}
            }
            plan
        };
        let o = run(&plan(Policy::Cost));
        let g = run(&plan(Policy::Greedy));
        writeln!(
            text,
            "| {} | {} | {:.2} | {:.2} | {:.2} | {} | {:.1} | {:.2} | {:.0} | {} |",
            o.nodes,
            o.jobs,
            o.slowdown,
            g.slowdown,
            o.moves_per_job,
            o.moves_most,
            o.log2_nodes,
            o.messages,
            o.bytes,
            o.messages_most
        )?;
        let x = (nodes as f64).log10();
        cost.push((x, o.slowdown));
        greedy.push((x, g.slowdown));
        messages.push((x, o.messages));
    }
    text.push('\n');
    let lines = [("cost", &cost[..]), ("greedy, knows all", &greedy)];
    plot(&dir.join("slowdown.svg"), "nodes (10^x)", "mean slowdown", &lines)?;
    plot(&dir.join("messages.svg"), "nodes (10^x)", "messages per node and second", &[("cost", &messages)])
}

fn policies(seed: u64, run: Run<'_>, text: &mut String) -> Result<(), Box<dyn Error>> {
    for (title, arrivals) in [
        ("one by one, everywhere alike", Arrivals::Steady),
        ("in batches", Arrivals::Bursty),
        ("in batches, nine of ten on one node of ten", Arrivals::Hotspot),
    ] {
        write!(text, "### 1000 nodes; jobs arrive {title}\n\n| policy | slowdown | 95 % below | jobs per processor, largest | mean | processor time wasted, % | moves per job | most | requests refused, % | messages/node/s |\n|---|---|---|---|---|---|---|---|---|---|\n")?;
        for policy in [Policy::None, Policy::Thresholds, Policy::Cost, Policy::Greedy, Policy::Ideal] {
            let mut plan = usual(1000, policy, seed);
            plan.work.arrivals = arrivals;
            let o = run(&plan);
            writeln!(
                text,
                "| {} | {:.2} | {:.1} | {:.1} | {:.2} | {:.1} | {:.2} | {} | {:.0} | {:.2} |",
                o.policy,
                o.slowdown,
                o.slowdown_95,
                o.crowding_max,
                o.crowding_mean,
                o.wasted,
                o.moves_per_job,
                o.moves_most,
                o.refused,
                o.messages
            )?;
        }
        text.push('\n');
    }
    Ok(())
}

fn loads(dir: &Path, seed: u64, run: Run<'_>, text: &mut String) -> Result<(), Box<dyn Error>> {
    text.push_str("### 300 nodes under rising load, jobs one by one\n\n| load | none | thresholds | cost | greedy |\n|---|---|---|---|---|\n");
    let policies = [Policy::None, Policy::Thresholds, Policy::Cost, Policy::Greedy];
    let mut lines: [Vec<(f64, f64)>; 4] = Default::default();
    for percent in [30, 50, 70, 80, 90] {
        write!(text, "| {percent} % |")?;
        for (policy, line) in policies.into_iter().zip(&mut lines) {
            let mut plan = usual(300, policy, seed);
            plan.work.arrivals = Arrivals::Steady;
            plan.work.load = f64::from(percent) / 100.0;
            let o = run(&plan);
            write!(text, " {:.2} |", o.slowdown)?;
            line.push((f64::from(percent), o.slowdown));
        }
        text.push('\n');
    }
    text.push('\n');
    let [_, thresholds, cost, greedy] = &lines;
    let shown = [("thresholds", &thresholds[..]), ("cost", &cost[..]), ("greedy, knows all", &greedy[..])];
    plot(&dir.join("load.svg"), "load, %", "mean slowdown", &shown)
}

fn faults(seed: u64, run: Run<'_>, text: &mut String) -> Result<(), Box<dyn Error>> {
    text.push_str("### 1000 nodes, policy \"cost\", when things break\n\n| what | slowdown | moves per job | requests refused, % | a dead node is noticed after, s (mean / most) | known again after, s | jobs lost |\n|---|---|---|---|---|---|---|\n");
    let base = || usual(1000, Policy::Cost, seed);
    for (what, plan) in [
        ("nothing", base()),
        ("10 % of the messages are lost", Plan { loss: 0.1, ..base() }),
        ("half of them", Plan { loss: 0.5, ..base() }),
        ("each node dies twice an hour, for 30 s", Plan { deaths: 2.0, ..base() }),
        ("the halves are apart for 60 s", Plan { partition: Some((120, 180)), ..base() }),
    ] {
        let o = run(&plan);
        let noticed = if o.noticed_most > 0.0 {
            format!("{:.0} / {:.0}", o.noticed_mean, o.noticed_most)
        } else {
            "-".into()
        };
        let again = if o.known_again > 0.0 { format!("{:.1}", o.known_again) } else { "-".into() };
        writeln!(
            text,
            "| {what} | {:.2} | {:.2} | {:.0} | {noticed} | {again} | {} |",
            o.slowdown, o.moves_per_job, o.refused, o.lost
        )?;
    }
    text.push('\n');
    Ok(())
}

fn history(dir: &Path, seed: u64, run: Run<'_>) -> Result<(), Box<dyn Error>> {
    let line = |o: Outcome| -> Vec<(f64, f64)> {
        o.history.iter().enumerate().map(|(second, &(_, mean))| (second as f64, mean)).collect()
    };
    let plan = |policy| Plan { warmup: 0, ..usual(1000, policy, seed) };
    let (none, cost, greedy) =
        (line(run(&plan(Policy::None))), line(run(&plan(Policy::Cost))), line(run(&plan(Policy::Greedy))));
    let lines = [("none", &none[..]), ("cost", &cost[..]), ("greedy, knows all", &greedy[..])];
    plot(&dir.join("history.svg"), "seconds", "jobs per standard processor, mean of all nodes", &lines)
}

/// Lines in one picture, without fonts of its own: the browser's serve.
fn plot(path: &Path, x: &str, y: &str, lines: &[(&str, &[(f64, f64)])]) -> Result<(), Box<dyn Error>> {
    let points = || lines.iter().flat_map(|(_, points)| points.iter().copied());
    let bounds = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)))
    };
    let (left, right) = bounds(&mut points().map(|p| p.0));
    let (_, top) = bounds(&mut points().map(|p| p.1));
    let area = SVGBackend::new(path, (720, 400)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(52)
        .build_cartesian_2d(left..right.max(left + 1.0), 0.0..top * 1.08)?;
    chart.configure_mesh().x_desc(x).y_desc(y).light_line_style(WHITE).draw()?;
    let colours = [RGBColor(0x1b, 0x6c, 0xa8), RGBColor(0xd9, 0x6c, 0x06), RGBColor(0x4a, 0x8f, 0x3c)];
    for ((name, points), colour) in lines.iter().zip(colours) {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.2)).draw()?;
    area.present()?;
    Ok(())
}
