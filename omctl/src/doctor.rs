// SPDX-License-Identifier: GPL-2.0-only

//! `omctl doctor`: looks at everything a node needs, and says what to do about what is missing. Works without the
//! module. [`machine`] looks at the machine, [`cluster`] at what the cluster needs of it.

mod cluster;
mod machine;

use serde::Serialize;

use crate::cli::DoctorArgs;
use crate::failure::{Code, Failure};
use crate::hpc::Hpc;
use crate::print::{self, Colour, Report};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    Warning,
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub about: &'static str,
    pub verdict: Verdict,
    /// How it is.
    pub what: String,
    /// What to do; empty when nothing.
    pub todo: String,
}

impl Finding {
    fn new(about: &'static str, verdict: Verdict, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { about, verdict, what: what.into(), todo: todo.into() }
    }

    fn ok(about: &'static str, what: impl Into<String>) -> Self {
        Self::new(about, Verdict::Ok, what, "")
    }

    fn warning(about: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(about, Verdict::Warning, what, todo)
    }

    fn problem(about: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(about, Verdict::Problem, what, todo)
    }
}

pub fn run(args: &DoctorArgs, json: bool) -> Result<Report, Failure> {
    let hpc = Hpc::open().ok();
    let mut findings = vec![
        machine::kernel(),
        machine::options(),
        machine::module(hpc.as_ref()),
        machine::processor(),
        machine::clock(),
    ];
    findings.extend(machine::security(hpc.is_some()));
    findings.extend(cluster::check(hpc.as_ref(), args));

    let worst = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok);
    let code = match worst {
        Verdict::Ok => Code::Ok,
        Verdict::Warning => Code::Refused,
        // The number is what counts here: 2.
        Verdict::Problem => Code::Usage,
    };
    if json {
        return Ok(Report::json(&serde_json::json!({"verdict": worst, "findings": findings})).with(code));
    }
    Ok(Report::text(text(&findings)).with(code))
}

fn text(findings: &[Finding]) -> String {
    let mut out = String::new();
    for Finding { about, verdict, what, todo } in findings {
        let word = match verdict {
            Verdict::Ok => print::paint(Colour::Good, "ok     "),
            Verdict::Warning => print::paint(Colour::Fair, "warning"),
            Verdict::Problem => print::paint(Colour::Bad, "PROBLEM"),
        };
        out += &format!("{word}  {about}: {what}\n");
        if !todo.is_empty() {
            out += &format!("         -> {todo}\n");
        }
    }
    out
}
