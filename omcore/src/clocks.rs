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

/// How far another node's monotonic clock is ahead of ours, as well as it was known when ours said `at`, both in ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    monotonic: i64,
    at: u64,
}

/// So many messages tell what nothing is known of yet: the fastest of them counts.
pub const MESSAGES: u32 = 4;
/// What was known so short a time ago, ns, needs but one.
const FRESH: u64 = 1_000_000_000;
/// Two clocks do not drift apart by more than one in so many: twice what is allowed to a clock that is being set right by
/// slewing it.
const DRIFT: u64 = 1000;
/// A first message that seems to be later than this, ns, may be slow, but the other clock may as well have stood still or begun anew: then
/// what was known counts no more.
const BREAK: i64 = 10_000_000;

/// Each message took some time to come, so every sample is too small, and the largest is the best: it is short of the truth by
/// the fastest message's latency. Clocks set that way never run ahead of home's, and a sleep that home timed never
/// seems too short.
#[derive(Clone, Copy, Debug, Default)]
pub struct Samples {
    heard: u32,
    known: Option<Known>,
    enough: bool,
    best: Option<Shifts>,
}

impl Samples {
    /// With what was known before.
    pub fn new(known: Option<Known>) -> Self {
        Samples { known, ..Samples::default() }
    }

    /// What the other end's clocks said when it sent a message that has come now. Impossible clocks are not heard.
    pub fn add(&mut self, there: &Clocks, here: &Clocks) {
        self.heard = self.heard.saturating_add(1);
        let up = [there.monotonic, there.boottime, there.raw, here.monotonic, here.boottime, here.raw];
        let day = [there.realtime, there.tai, here.realtime, here.tai];
        if up.iter().any(|ns| *ns >= LONGEST_UP) || day.iter().any(|ns| *ns >= LAST_DAY) {
            return;
        }
        let apart = |there: u64, here: u64| (there as i64).wrapping_sub(here as i64);
        let new = Known { monotonic: apart(there.monotonic, here.monotonic), at: here.monotonic };
        let so_far = match self.best {
            Some(best) => Some(best.monotonic),
            None => self.still_known(&new),
        };
        let monotonic = so_far.map_or(new.monotonic, |best| best.max(new.monotonic));
        if monotonic == new.monotonic {
            self.known = Some(new);
        }
        // Read at one instant on each node, its clocks' distances from each other are exact.
        let beside = |t: u64, h: u64| monotonic.wrapping_add(apart(t, h)).wrapping_sub(new.monotonic);
        self.best = Some(Shifts {
            monotonic,
            boottime: beside(there.boottime, here.boottime),
            raw: beside(there.raw, here.raw),
            realtime: beside(there.realtime, here.realtime),
            tai: beside(there.tai, here.tai),
        });
    }

    /// What was known before is worth so much at the first message, if that does not say otherwise.
    fn still_known(&mut self, first: &Known) -> Option<i64> {
        let known = self.known?;
        let passed = first.at.saturating_sub(known.at);
        let least = known.monotonic.saturating_sub((passed / DRIFT) as i64);
        let holds = least.saturating_sub(first.monotonic) <= BREAK;
        self.enough = holds && passed < FRESH;
        holds.then_some(least)
    }

    /// Would more messages tell no more?
    pub fn enough(&self) -> bool {
        self.enough || self.heard >= MESSAGES
    }

    /// No difference when nothing was said.
    pub fn best(&self) -> Shifts {
        self.best.unwrap_or_default()
    }

    /// For the next time.
    pub fn known(&self) -> Option<Known> {
        self.known
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
        assert!(!s.enough());
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
        assert_eq!(s.known(), None);
        s.add(&Clocks { raw: u64::MAX, ..at(1, 1) }, &at(0, 0));
        s.add(&Clocks { raw: u64::MAX, ..at(1, 1) }, &at(0, 0));
        assert!(s.enough(), "whoever says nonsense is not asked for ever");
    }

    #[test]
    fn what_is_known_spares_messages() {
        let mut first = Samples::default();
        for n in 0..u64::from(MESSAGES) {
            assert!(!first.enough());
            first.add(&at(1000 + n, 5000), &at(501 + n, 5001));
        }
        assert!(first.enough());
        // Soon after: one slow message is enough, and what was known counts.
        let mut soon = Samples::new(first.known());
        soon.add(&at(1500, 5500), &at(1006, 5506));
        assert!(soon.enough());
        let short = soon.best().monotonic - 499 * MS as i64;
        assert!(short <= 0 && short > -(MS as i64), "{short}");
        assert_eq!(soon.best().realtime - soon.best().monotonic, -500 * MS as i64);
        // The time of day was set meanwhile: it is what it is now.
        let mut set = Samples::new(first.known());
        set.add(&at(1500, 9500), &at(1006, 5506));
        assert_eq!(set.best().realtime - set.best().monotonic, 3500 * MS as i64);
        // Much later all messages are waited for.
        let mut late = Samples::new(first.known());
        late.add(&at(9000, 5500), &at(8506, 5506));
        assert!(!late.enough());
    }

    #[test]
    fn a_clock_that_stood_still_or_began_anew_is_noticed() {
        let mut first = Samples::default();
        first.add(&at(1000, 5000), &at(500, 5000));
        for there in [10, 985] {
            let mut s = Samples::new(first.known());
            s.add(&at(there, 5000), &at(501, 5001));
            assert!(!s.enough());
            assert_eq!(s.best().monotonic, (there as i64 - 501) * MS as i64);
        }
        // One that is suddenly ahead is believed: nothing makes a message too early.
        let mut s = Samples::new(first.known());
        s.add(&at(9000, 5000), &at(501, 5001));
        assert_eq!(s.best().monotonic, 8499 * MS as i64);
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
