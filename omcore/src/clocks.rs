// SPDX-License-Identifier: GPL-2.0-only

//! How far the clocks of two nodes are apart. A process that is away sees home's, which are its host's with a difference added.

use super::wire::Clocks;

/// What is added to a node's clocks to have another's, in ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Shifts {
    /// Since the machine was started, while it was awake.
    pub monotonic: i64,
    /// Since the machine was started.
    pub boottime: i64,
    /// As the machine's hardware counts, never set right.
    pub raw: i64,
    /// Time of day.
    pub realtime: i64,
    /// Time of day without leap seconds.
    pub tai: i64,
}

/// Nobody has been up for seventy years; a time namespace could not hold it either.
const LONGEST_UP: u64 = 1 << 61;
/// In the year 2116.
const LAST_DAY: u64 = 1 << 62;

/// Each message took some time to come, so every sample is too small, and the largest is the best: it is short of the truth by
/// the fastest message's latency. Clocks set that way never run ahead of home's, and a sleep that home timed never
/// seems too short.
#[derive(Clone, Copy, Debug, Default)]
pub struct Samples {
    best: Option<Shifts>,
}

impl Samples {
    /// What the other end's clocks said when it sent a message that has come now. Impossible clocks are not heard.
    pub fn add(&mut self, there: &Clocks, here: &Clocks) {
        let up = [there.monotonic, there.boottime, there.raw, here.monotonic, here.boottime, here.raw];
        let day = [there.realtime, there.tai, here.realtime, here.tai];
        if up.iter().any(|ns| *ns >= LONGEST_UP) || day.iter().any(|ns| *ns >= LAST_DAY) {
            return;
        }
        let apart = |there: u64, here: u64| (there as i64).wrapping_sub(here as i64);
        let new = Shifts {
            monotonic: apart(there.monotonic, here.monotonic),
            boottime: apart(there.boottime, here.boottime),
            raw: apart(there.raw, here.raw),
            realtime: apart(there.realtime, here.realtime),
            tai: apart(there.tai, here.tai),
        };
        self.best = Some(self.best.map_or(new, |old| Shifts {
            monotonic: old.monotonic.max(new.monotonic),
            boottime: old.boottime.max(new.boottime),
            raw: old.raw.max(new.raw),
            realtime: old.realtime.max(new.realtime),
            tai: old.tai.max(new.tai),
        }));
    }

    /// No difference when nothing was said.
    pub fn best(&self) -> Shifts {
        self.best.unwrap_or_default()
    }
}

/// Longest wait for a clock to reach what a process has seen elsewhere, ms.
const MAX_DRIFT_MS: u64 = 5000;
/// The same for the time of day: what is farther off has been set meanwhile.
const MAX_DAY_DRIFT_MS: u64 = 1000;

/// What a process has to do about its clocks when it comes home, having seen these elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Homecoming {
    /// They agree when it has waited for so many milliseconds.
    Wait(u64),
    /// Time goes back for it, by so many milliseconds.
    Back(u64),
}

/// Compares what was seen with what the clocks of home say. Only the monotonic, the raw and the real one count.
pub fn homecoming(seen: &Clocks, home: &Clocks) -> Homecoming {
    let ahead = |seen: u64, home: u64| seen.saturating_sub(home).div_ceil(1_000_000);
    let drift = ahead(seen.monotonic, home.monotonic).max(ahead(seen.raw, home.raw));
    let day = Some(ahead(seen.realtime, home.realtime)).filter(|ms| *ms <= MAX_DAY_DRIFT_MS).unwrap_or(0);
    if drift > MAX_DRIFT_MS {
        return Homecoming::Back(drift);
    }
    Homecoming::Wait(drift.max(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn at(ms: u64, day_ms: u64) -> Clocks {
        Clocks { monotonic: ms * MS, boottime: ms * MS, raw: ms * MS, realtime: day_ms * MS, tai: day_ms * MS }
    }

    #[test]
    fn the_fastest_message_counts() {
        let mut s = Samples::default();
        assert_eq!(s.best(), Shifts::default());
        s.add(&at(100, 5000), &at(140, 4000));
        s.add(&at(200, 5100), &at(230, 4090));
        s.add(&at(300, 5200), &at(350, 4210));
        let (up, day) = (-30 * MS as i64, 1010 * MS as i64);
        assert_eq!(s.best(), Shifts { monotonic: up, boottime: up, raw: up, realtime: day, tai: day });
    }

    #[test]
    fn impossible_clocks_are_not_heard() {
        let mut s = Samples::default();
        s.add(&Clocks { raw: LONGEST_UP, ..at(1, 1) }, &at(0, 0));
        s.add(&Clocks { tai: u64::MAX, ..at(1, 1) }, &at(0, 0));
        assert_eq!(s.best(), Shifts::default());
    }

    #[test]
    fn time_does_not_go_back_at_home() {
        let seen = at(1000, 9000);
        assert_eq!(homecoming(&seen, &at(1000, 9000)), Homecoming::Wait(0));
        assert_eq!(homecoming(&seen, &at(990, 8000)), Homecoming::Wait(1000));
        assert_eq!(homecoming(&seen, &Clocks { raw: 970 * MS + 1, ..at(990, 9000) }), Homecoming::Wait(30));
        // Set back meanwhile.
        assert_eq!(homecoming(&seen, &at(990, 7000)), Homecoming::Wait(10));
        assert_eq!(homecoming(&at(9000, 1), &at(1000, 1)), Homecoming::Back(8000));
    }
}
