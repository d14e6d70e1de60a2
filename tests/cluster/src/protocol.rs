// SPDX-License-Identifier: GPL-2.0-only

//! What the harness and the agent in a node say to each other.
//!
//! Both ends send frames: a 32-bit little-endian length and that many bytes of JSON. The harness sends
//! [`Request`]s with ids of its choice; the agent sends [`Event`]s, each naming the request it belongs to.
//! The carrier is a virtio-serial port, which is reliable and ordered.

use std::io::{self, Read, Write};

use serde::{de::DeserializeOwned, Deserialize, Serialize};

/// Raised whenever a message changes, so that a stale agent binary is noticed at the greeting.
pub const VERSION: u32 = 2;

/// Name of the virtio-serial port.
pub const PORT_NAME: &str = "openmosix.agent";

/// Longest frame either end accepts, in bytes.
pub const MAX_FRAME: usize = 16 << 20;

/// How many bytes of a file or of output travel in one message.
pub const CHUNK: usize = 256 << 10;

#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// Names the request in every event that answers it.
    pub id: u64,
    pub op: Op,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Op {
    /// Starts a program in a session of its own. Answers: `Spawned`, any number of `Output`, `Exited`.
    Spawn(Spawn),
    /// Sends a signal to a spawned program, or to the whole process group it leads. Answers: `Done`.
    Signal { spawn: u64, signal: i32, group: bool },
    /// Bytes for the standard input of a spawned program; `eof` closes it. Answers: `Done`.
    Stdin { spawn: u64, data: Bytes, eof: bool },
    /// Answers: any number of `Data`, then `Done`.
    ReadFile { path: String },
    /// Writes (`append: false` replaces) a file with the given mode. Answers: `Done`.
    WriteFile { path: String, data: Bytes, mode: u32, append: bool },
    /// Sets the clock, in nanoseconds since 1970. Answers: `Done`.
    SetTime { nanoseconds: u64 },
    /// Answers: `Done`.
    Ping,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spawn {
    pub argv: Vec<String>,
    /// Added to the agent's own environment.
    pub env: Vec<(String, String)>,
    pub cwd: String,
    /// `true`: standard input is a pipe fed by `Op::Stdin`; `false`: `/dev/null`.
    pub stdin: bool,
    /// `true`: standard input, output and error are one new controlling terminal, without echo and
    /// output translation; what is printed arrives as `Stream::Stdout`.
    pub tty: bool,
    /// The process group is killed after so many milliseconds.
    pub timeout_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Event {
    pub id: u64,
    pub kind: EventKind,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum EventKind {
    /// The first frame the agent sends, with id 0.
    Hello {
        version: u32,
        node: u32,
        kernel: String,
    },
    Spawned {
        pid: i32,
    },
    Output {
        stream: Stream,
        data: Bytes,
    },
    Exited {
        status: Status,
    },
    Data {
        data: Bytes,
    },
    Done,
    /// The request could not be carried out.
    Failed {
        message: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Code(i32),
    Signal(i32),
    /// The agent killed it because its time was up.
    TimedOut,
}

impl Status {
    pub fn success(self) -> bool {
        self == Status::Code(0)
    }

    /// The number a shell would report.
    pub fn shell_code(self) -> i32 {
        match self {
            Status::Code(code) => code,
            Status::Signal(signal) => 128 + signal,
            Status::TimedOut => 124,
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Status::Code(code) => write!(f, "exit status {code}"),
            Status::Signal(signal) => write!(f, "killed by signal {signal}"),
            Status::TimedOut => write!(f, "timed out"),
        }
    }
}

/// Bytes that travel as base64.
#[derive(Debug, Clone, Default)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine;
        let text = String::deserialize(deserializer)?;
        base64::engine::general_purpose::STANDARD.decode(text).map(Bytes).map_err(serde::de::Error::custom)
    }
}

/// Writes one frame in one `write`.
pub fn send<T: Serialize>(to: &mut impl Write, message: &T) -> io::Result<()> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - 4;
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "message too long"));
    }
    frame[..4].copy_from_slice(&(length as u32).to_le_bytes());
    to.write_all(&frame)
}

/// Reads one frame; an end of file between frames is `None`.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    if let Err(error) = from.read_exact(&mut length) {
        return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("frame of {length} bytes")));
    }
    let mut frame = vec![0; length];
    from.read_exact(&mut frame)?;
    Ok(Some(serde_json::from_slice(&frame)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_the_trip() {
        let mut wire = Vec::new();
        let data = Bytes((0..=255).collect());
        send(&mut wire, &Request { id: 7, op: Op::Stdin { spawn: 3, data, eof: true } }).unwrap();
        let back: Request = receive(&mut wire.as_slice()).unwrap().unwrap();
        assert_eq!(back.id, 7);
        match back.op {
            Op::Stdin { spawn: 3, data, eof: true } => assert_eq!(data.0, (0..=255).collect::<Vec<u8>>()),
            other => panic!("{other:?}"),
        }
        assert!(receive::<Request>(&mut [].as_slice()).unwrap().is_none());
    }

    #[test]
    fn an_oversized_frame_is_refused() {
        let wire = u32::MAX.to_le_bytes();
        assert!(receive::<Request>(&mut wire.as_slice()).is_err());
    }
}
