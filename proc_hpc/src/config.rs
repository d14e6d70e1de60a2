// SPDX-License-Identifier: GPL-2.0-only

//! What is written to `admin/config`, and the head of what is read from it.
//!
//! One `write()` of at most [`MAX_TEXT`] bytes is one request. It is either `off` (or `off force`), alone, or
//!
//! ```text
//! self 3        # this node's id; required
//! force         # optional: bring and expel whatever is in the way, as `setpe -W`
//! 1 10.1.1.1 8  # from here on the node map, which `omcore::map` reads
//! ```
//!
//! Comments and blank lines may stand anywhere. Pure functions; any context.

use core::fmt;

/// The longest request, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;

/// A request to join a cluster or to leave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Leave: guests go home, own processes come back, the map is forgotten.
    Leave {
        /// Leave even if that cannot be done in order.
        force: bool,
    },
    /// Become a member.
    Join {
        /// This node's id.
        own: u16,
        /// Even if processes are away or hosted: leave first.
        force: bool,
        /// The node map, still text.
        map: &'a [u8],
        /// How many lines stand before the map: to be added to the line numbers of its errors.
        lines_before: u32,
    },
}

/// Why a text is not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The line at fault, counted from 1; 0 when the text as a whole is.
    pub line: u32,
    /// What is wrong with it.
    pub kind: ConfigErrorKind,
}

/// What can be wrong with a request, apart from the map in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigErrorKind {
    /// Longer than [`MAX_TEXT`].
    TooLong,
    /// `self` without a number from 1 to 65535 after it.
    BadSelf,
    /// More words than the directive has.
    ExtraWords,
    /// The same directive twice.
    Twice,
    /// No `self` line before the map.
    NoSelf,
    /// Something beside `off`.
    OffNotAlone,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line != 0 {
            write!(f, "line {}: ", self.line)?;
        }
        f.write_str(match self.kind {
            ConfigErrorKind::TooLong => "the configuration is longer than 65536 bytes",
            ConfigErrorKind::BadSelf => "\"self\" needs this node's id, a number from 1 to 65535",
            ConfigErrorKind::ExtraWords => "more words than this directive has",
            ConfigErrorKind::Twice => "the same directive twice",
            ConfigErrorKind::NoSelf => {
                "no line \"self ID\" says which node this is; use omctl setpe, which adds it"
            }
            ConfigErrorKind::OffNotAlone => "\"off\" must be the only line",
        })
    }
}

/// Takes a request apart. The map in it is not looked at.
pub fn parse(text: &[u8]) -> Result<Request<'_>, ConfigError> {
    if text.len() > MAX_TEXT {
        return Err(ConfigError { line: 0, kind: ConfigErrorKind::TooLong });
    }
    let mut own = None;
    let mut force = false;
    let mut rest = text;
    let mut lines_before = 0u32;
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        let number = lines_before.saturating_add(1);
        let at = |kind| ConfigError { line: number, kind };
        let mut words = words(line);
        match words.next() {
            None => {}
            Some(b"self") => {
                let id = words.next().and_then(super::value::node);
                let id = id.ok_or(at(ConfigErrorKind::BadSelf))?;
                if own.replace(id).is_some() {
                    return Err(at(ConfigErrorKind::Twice));
                }
            }
            Some(b"force") if force => return Err(at(ConfigErrorKind::Twice)),
            Some(b"force") => force = true,
            Some(b"off") => {
                let force_off = match words.next() {
                    None => false,
                    Some(b"force") => true,
                    Some(_) => return Err(at(ConfigErrorKind::ExtraWords)),
                };
                if words.next().is_some() {
                    return Err(at(ConfigErrorKind::ExtraWords));
                }
                if own.is_some() || force || !is_blank(after) {
                    return Err(at(ConfigErrorKind::OffNotAlone));
                }
                return Ok(Request::Leave { force: force_off });
            }
            // The first line of the map.
            Some(_) => break,
        }
        if words.next().is_some() {
            return Err(at(ConfigErrorKind::ExtraWords));
        }
        rest = after;
        lines_before = number;
    }
    let own = own.ok_or(ConfigError { line: 0, kind: ConfigErrorKind::NoSelf })?;
    Ok(Request::Join { own, force, map: rest, lines_before })
}

/// The first line of what is read from `config` and `admin/config` on a member; the canonical map follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head(pub u16);

impl Head {
    const WORDS: &'static str = "# this node: ";

    /// Finds the id in what was read. `None`: not a member.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (line, _) = split_line(text);
        super::value::node(line.strip_prefix(Self::WORDS.as_bytes())?).map(Self)
    }
}

/// The line that [`Head::parse`] reads, without the end of line.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::WORDS, self.0)
    }
}

/// The text up to the first end of line, and what follows it.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = text.splitn(2, |&b| b == b'\n');
    (halves.next().unwrap_or(&[]), halves.next().unwrap_or(&[]))
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let line = line.split(|&b| b == b'#').next().unwrap_or(&[]);
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

fn is_blank(text: &[u8]) -> bool {
    text.split(|&b| b == b'\n').all(|line| words(line).next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_join_is_taken_apart() {
        let text = b"# by omctl\nself 3\n\nforce\n1 10.0.0.1 8\n";
        let map = b"1 10.0.0.1 8\n";
        assert_eq!(parse(text), Ok(Request::Join { own: 3, force: true, map, lines_before: 4 }));
        let text = b"self 3";
        assert_eq!(parse(text), Ok(Request::Join { own: 3, force: false, map: b"", lines_before: 1 }));
    }

    #[test]
    fn leaving_stands_alone() {
        assert_eq!(parse(b"off\n"), Ok(Request::Leave { force: false }));
        assert_eq!(parse(b"\noff force # now\n\n"), Ok(Request::Leave { force: true }));
        for text in ["off\n1 10.0.0.1 1", "self 1\noff", "force\noff"] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.kind, ConfigErrorKind::OffNotAlone, "{text}");
        }
    }

    #[test]
    fn errors_name_their_line() {
        use ConfigErrorKind::*;
        for (text, line, kind) in [
            ("1 10.0.0.1 1", 0, NoSelf),
            ("", 0, NoSelf),
            ("\nself", 2, BadSelf),
            ("self 0", 1, BadSelf),
            ("self 1\nself 1", 2, Twice),
            ("force\nforce", 2, Twice),
            ("self 1 2", 1, ExtraWords),
            ("off force now", 1, ExtraWords),
            ("off now", 1, ExtraWords),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(ConfigError { line, kind }), "{text}");
        }
        let error = ConfigError { line: 2, kind: Twice };
        assert_eq!(error.to_string(), "line 2: the same directive twice");
        let long = std::vec![b' '; MAX_TEXT + 1];
        assert_eq!(parse(&long), Err(ConfigError { line: 0, kind: TooLong }));
    }

    #[test]
    fn the_head_reads_back() {
        let text = Head(7).to_string() + "\n1 10.0.0.1 8\n";
        assert_eq!(Head::parse(text.as_bytes()), Some(Head(7)));
        assert_eq!(Head::parse(b""), None);
    }
}
