// SPDX-License-Identifier: GPL-2.0-only

//! What `tune` moves about: it does as it is told on standard input, and times calls that its home executes.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Read, Seek, Write};
use std::time::Instant;

use crate::failure::{Code, Failure};
use crate::hpc::Hpc;
use crate::print::Report;

/// Bytes of the long transfers: what travels with one call, with room to spare.
pub const LONG: usize = 64 * 1024;
/// Bytes of memory that it grows by.
const MEMORY: usize = 16 << 20;
const PAGE: usize = 4096;
/// Calls timed together, and how often; the median counts.
const CALLS: u32 = 16;
const ROUNDS: usize = 9;

/// What it measured: nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Touching all of the memory once.
    pub touch: u64,
    /// A call without data.
    pub call: u64,
    pub write_short: u64,
    pub write_long: u64,
    pub read_short: u64,
    pub read_long: u64,
}

impl Timings {
    pub fn parse(line: &str) -> Option<Self> {
        let numbers: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [touch, call, write_short, write_long, read_short, read_long] = numbers.try_into().ok()?;
        Some(Self { touch, call, write_short, write_long, read_short, read_long })
    }
}

impl fmt::Display for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { touch, call, write_short, write_long, read_short, read_long } = self;
        write!(f, "{touch} {call} {write_short} {write_long} {read_short} {read_long}")
    }
}

pub fn run() -> Result<Report, Failure> {
    // It moves when it is told to, not when a balancer finds it busy.
    if let Ok(hpc) = Hpc::open() {
        let _ = hpc.write("pids/self/stay", "1\n");
    }
    obey().map_err(|error| Failure::new(Code::Refused, format!("the measurement failed: {error}"), ""))?;
    Ok(Report::silent())
}

fn obey() -> io::Result<()> {
    let mut memory = Vec::new();
    let mut out = io::stdout();
    for order in io::stdin().lock().lines() {
        match order?.as_str() {
            "grow" => {
                memory = vec![0u8; MEMORY];
                touch(&mut memory);
                writeln!(out, "grown")?;
            }
            "measure" => writeln!(out, "{}", measure(&mut memory)?)?,
            _ => writeln!(out, "ready")?,
        }
        out.flush()?;
    }
    Ok(())
}

/// Writes to every page.
fn touch(memory: &mut [u8]) -> u64 {
    let begun = Instant::now();
    for byte in memory.iter_mut().step_by(PAGE) {
        *byte = std::hint::black_box(byte.wrapping_add(1));
    }
    nanoseconds(begun)
}

fn measure(memory: &mut [u8]) -> io::Result<Timings> {
    let touch = touch(memory);
    let mut zero = File::open("/dev/zero")?;
    let mut null = OpenOptions::new().write(true).open("/dev/null")?;
    let mut buffer = vec![1u8; LONG];
    Ok(Timings {
        touch,
        call: time(|| zero.stream_position().map(drop))?,
        write_short: time(|| null.write_all(buffer.get(..1).unwrap_or(&[])))?,
        write_long: time(|| null.write_all(&buffer))?,
        read_short: time(|| zero.read_exact(buffer.get_mut(..1).unwrap_or(&mut [])))?,
        read_long: time(|| zero.read_exact(&mut buffer))?,
    })
}

/// The median of some rounds, for one call.
fn time(mut call: impl FnMut() -> io::Result<()>) -> io::Result<u64> {
    call()?;
    let mut rounds = [0; ROUNDS];
    for round in &mut rounds {
        let begun = Instant::now();
        for _ in 0..CALLS {
            call()?;
        }
        *round = nanoseconds(begun) / u64::from(CALLS);
    }
    rounds.sort_unstable();
    Ok(rounds.get(ROUNDS / 2).copied().unwrap_or(0))
}

fn nanoseconds(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timings_read_back() {
        let some = Timings { touch: 1, call: 2, write_short: 3, write_long: 4, read_short: 5, read_long: 6 };
        assert_eq!(Timings::parse(&some.to_string()), Some(some));
        assert_eq!(Timings::parse("1 2 3"), None);
        assert!(measure(&mut [0; 8192]).is_ok());
    }
}
