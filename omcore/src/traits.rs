// SPDX-License-Identifier: GPL-2.0-only

//! What a user has said of a process, as one word: whether it moves by itself, how long its statistics count, what it
//! needs. Children and executed programs inherit part of it.
//!
//! Pure functions on a `u64`, which the kernel half keeps for each process of which something was said; any context, the fork and exec probes included.

use super::balance::node::Hint;
use super::balance::stats::{Decay, Keep, Manner};

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

    /// How it is to be judged.
    pub fn manner(self) -> Manner {
        Manner {
            decay: match (self.0 & DECAY) >> 1 {
                2 => Decay::Fast,
                3 => Decay::None,
                _ => Decay::Slow,
            },
            hint: match (self.0 & HINT) >> 3 {
                1 => Hint::Cpu,
                2 => Hint::Io,
                _ => Hint::None,
            },
            keep: match self.0 & (EXEC | EXEC_ONCE) {
                0 => Keep::Never,
                EXEC_ONCE => Keep::Once,
                _ => Keep::Always,
            },
            inherit: self.0 & INHERIT != 0,
        }
    }

    fn with_manner(self, m: Manner) -> Traits {
        let inherit = if m.inherit { INHERIT } else { 0 };
        self.with(Self::set_decay(m.decay))
            .with(Self::set_hint(m.hint))
            .with((EXEC | EXEC_ONCE, Self::keeping(m.keep)))
            .with((INHERIT, inherit))
    }

    const fn keeping(keep: Keep) -> u64 {
        match keep {
            Keep::Never => 0,
            Keep::Once => EXEC_ONCE,
            Keep::Always => EXEC,
        }
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
            Hint::None => 0,
            Hint::Cpu => 1,
            Hint::Io => 2,
        };
        (HINT, n << 3)
    }

    /// Whether programs that it executes keep the policy.
    pub fn set_keep(keep: Keep) -> Change {
        (EXEC | EXEC_ONCE, Self::keeping(keep))
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
        Traits(self.0 & (STAY | DISCLOSURE)).judged(self.manner().of_child())
    }

    /// What is left in an executed program. Its handlers are gone, and with them the wish for a signal.
    #[must_use]
    pub fn executed(self) -> Self {
        Traits(self.0 & (STAY | DISCLOSURE)).judged(self.manner().after_exec())
    }

    /// A process of which nothing was said has no bits.
    fn judged(self, manner: Manner) -> Self {
        if manner == Manner::default() {
            self
        } else {
            self.with_manner(manner)
        }
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
        assert_eq!((t.manner().decay, t.manner().hint, t.sigmig(), t.disclosure()), (Decay::Fast, Hint::Io, 34, 0));
        let t = t.with(Traits::set_stay(false)).with(Traits::set_decay(Decay::None)).with(Traits::set_disclosure(9));
        assert_eq!((t.stays(), t.manner().decay, t.disclosure()), (false, Decay::None, 3));
        assert_eq!(t.with(Traits::set_sigmig(65)).sigmig(), 0);
        let nothing = Traits::default();
        assert_eq!(
            (nothing.manner(), nothing.disclosure()),
            (Manner::default(), DISCLOSURE_DEFAULT)
        );
    }

    #[test]
    fn children_stay_as_their_parents_and_inherit_on_request() {
        let child = all().born();
        assert_eq!((child.stays(), child.manner().decay, child.sigmig(), child.disclosure()), (true, Decay::Slow, 0, 0));
        let child = all().with(Traits::set_inherit()).born().manner();
        assert_eq!((child.decay, child.hint, child.inherit), (Decay::Fast, Hint::Io, true));
    }

    #[test]
    fn programs_keep_the_policy_for_ever_once_or_not() {
        assert_eq!(all().executed().manner().decay, Decay::Slow);
        assert!(all().executed().stays());
        let once = all().with(Traits::set_keep(Keep::Once));
        assert_eq!(once.executed().manner().decay, Decay::Fast);
        assert_eq!(once.executed().executed().manner().decay, Decay::Slow);
        let always = all().with(Traits::set_keep(Keep::Always));
        assert_eq!(always.executed().executed().manner().hint, Hint::Io);
        assert_eq!(always.executed().sigmig(), 0);
    }
}
