// SPDX-License-Identifier: GPL-2.0-only

//! What a user has said of a process, as one word: whether it moves by itself, how long its statistics count, what it
//! needs. Children and executed programs inherit part of it.
//!
//! Pure functions on a `u64`; any context, the fork and exec probes included.

/// How long the statistics of a process count (openMosix manual, `/proc/hpc/decay`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// By `admin/slowdecay`: what nobody chose otherwise.
    Slow,
    /// By `admin/fastdecay`.
    Fast,
    /// From start to end.
    None,
}

/// What the process needs, if somebody said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Nobody did.
    Unknown,
    /// The processor.
    Cpu,
    /// The disk, or other things at home.
    Io,
}

/// The word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits(pub u64);

const STAY: u64 = 1;
const DECAY: u64 = 3 << 1;
const HINT: u64 = 3 << 3;
const EXEC: u64 = 1 << 5;
const EXEC_ONCE: u64 = 1 << 6;
const INHERIT: u64 = 1 << 7;
const SIGMIG: u64 = 0x7f << 8;
const DISCLOSURE: u64 = 7 << 15;
/// What nobody decided otherwise: a host learns all (what the openMosix manual recommends for `CONFIG_MOSIX_DISCLOSURE`).
const DISCLOSURE_DEFAULT: u8 = 3;

/// A change: bits to clear, then bits to set.
pub type Change = (u64, u64);

impl Traits {
    /// Is it to be moved by command only?
    pub fn stays(self) -> bool {
        self.0 & STAY != 0
    }

    /// How long its statistics count.
    pub fn decay(self) -> Decay {
        match (self.0 & DECAY) >> 1 {
            2 => Decay::Fast,
            3 => Decay::None,
            _ => Decay::Slow,
        }
    }

    /// What it needs.
    pub fn hint(self) -> Hint {
        match (self.0 & HINT) >> 3 {
            1 => Hint::Cpu,
            2 => Hint::Io,
            _ => Hint::Unknown,
        }
    }

    /// Is the policy kept in programs that it executes: always, or in the next one?
    pub fn kept_in_exec(self) -> bool {
        self.0 & (EXEC | EXEC_ONCE) != 0
    }

    /// In the next one only?
    pub fn kept_once(self) -> bool {
        self.0 & (EXEC | EXEC_ONCE) == EXEC_ONCE
    }

    /// Do children get the policy?
    pub fn inherited(self) -> bool {
        self.0 & INHERIT != 0
    }

    /// The signal it wants after each move; 0: none.
    pub fn sigmig(self) -> u8 {
        ((self.0 & SIGMIG) >> 8) as u8
    }

    /// What a host is told of it, 0 to 3.
    pub fn disclosure(self) -> u8 {
        match (self.0 & DISCLOSURE) >> 15 {
            0 => DISCLOSURE_DEFAULT,
            n => (n - 1) as u8 & 3,
        }
    }

    /// To stay, or not.
    pub fn set_stay(on: bool) -> Change {
        (STAY, u64::from(on))
    }

    /// A decay policy.
    pub fn set_decay(decay: Decay) -> Change {
        let n = match decay {
            Decay::Slow => 1,
            Decay::Fast => 2,
            Decay::None => 3,
        };
        (DECAY, n << 1)
    }

    /// A hint.
    pub fn set_hint(hint: Hint) -> Change {
        let n = match hint {
            Hint::Unknown => 0,
            Hint::Cpu => 1,
            Hint::Io => 2,
        };
        (HINT, n << 3)
    }

    /// Keep the policy in executed programs; `once`: in the next one only.
    pub fn set_exec(once: bool) -> Change {
        (EXEC | EXEC_ONCE, if once { EXEC_ONCE } else { EXEC })
    }

    /// Children get the policy.
    pub fn set_inherit() -> Change {
        (INHERIT, INHERIT)
    }

    /// A signal, 0 to 64. Larger numbers count as none.
    pub fn set_sigmig(signal: u8) -> Change {
        (SIGMIG, if signal <= 64 { u64::from(signal) << 8 } else { 0 })
    }

    /// Disclosure; above 3 counts as 3.
    pub fn set_disclosure(level: u8) -> Change {
        (DISCLOSURE, u64::from(level.min(3) + 1) << 15)
    }

    /// With a change.
    #[must_use]
    pub fn with(self, (clear, set): Change) -> Self {
        Traits(self.0 & !clear | set)
    }

    /// What a child begins with. To stay is for a whole family; a policy only if it says so.
    #[must_use]
    pub fn born(self) -> Self {
        let policy = if self.inherited() { DECAY | HINT | EXEC | EXEC_ONCE | INHERIT } else { 0 };
        Traits(self.0 & (STAY | DISCLOSURE | policy))
    }

    /// What is left in an executed program. Its handlers are gone, and with them the wish for a signal.
    #[must_use]
    pub fn executed(self) -> Self {
        let policy = if self.0 & EXEC != 0 {
            DECAY | HINT | EXEC | INHERIT
        } else if self.0 & EXEC_ONCE != 0 {
            DECAY | HINT
        } else {
            0
        };
        Traits(self.0 & (STAY | DISCLOSURE | policy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Traits {
        Traits::default()
            .with(Traits::set_stay(true))
            .with(Traits::set_decay(Decay::Fast))
            .with(Traits::set_hint(Hint::Io))
            .with(Traits::set_sigmig(34))
            .with(Traits::set_disclosure(0))
    }

    #[test]
    fn what_is_said_is_remembered() {
        let t = all();
        assert!(t.stays());
        assert_eq!((t.decay(), t.hint(), t.sigmig(), t.disclosure()), (Decay::Fast, Hint::Io, 34, 0));
        let t = t.with(Traits::set_stay(false)).with(Traits::set_decay(Decay::None)).with(Traits::set_disclosure(9));
        assert_eq!((t.stays(), t.decay(), t.disclosure()), (false, Decay::None, 3));
        assert_eq!(t.with(Traits::set_sigmig(65)).sigmig(), 0);
        let nothing = Traits::default();
        assert_eq!(
            (nothing.decay(), nothing.hint(), nothing.disclosure()),
            (Decay::Slow, Hint::Unknown, DISCLOSURE_DEFAULT)
        );
    }

    #[test]
    fn children_stay_as_their_parents_and_inherit_on_request() {
        let child = all().born();
        assert_eq!((child.stays(), child.decay(), child.sigmig(), child.disclosure()), (true, Decay::Slow, 0, 0));
        let child = all().with(Traits::set_inherit()).born();
        assert_eq!((child.decay(), child.hint(), child.inherited()), (Decay::Fast, Hint::Io, true));
    }

    #[test]
    fn programs_keep_the_policy_for_ever_once_or_not() {
        assert_eq!(all().executed().decay(), Decay::Slow);
        assert!(all().executed().stays());
        let once = all().with(Traits::set_exec(true));
        assert!(once.kept_once());
        assert_eq!(once.executed().decay(), Decay::Fast);
        assert_eq!(once.executed().executed().decay(), Decay::Slow);
        let always = all().with(Traits::set_exec(false));
        assert_eq!(always.executed().executed().hint(), Hint::Io);
        assert_eq!(always.executed().sigmig(), 0);
    }
}
