// SPDX-License-Identifier: GPL-2.0-only

//! `cargo +nightly fuzz run values`: what is written to the files of `/proc/hpc` is refused, or reads back from its own print.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proc_hpc::config::{self, Request};
use proc_hpc::value::{self, Destination, Move, NodeList, Overheads, Policy, Status, Thresholds};
use std::fmt::{Debug, Display};

fn reads_back<T: Display + Debug + PartialEq>(text: &[u8], parse: impl Fn(&[u8]) -> Option<T>) {
    if let Some(value) = parse(text) {
        assert_eq!(parse(value.to_string().as_bytes()), Some(value));
    }
}

fuzz_target!(|text: &[u8]| {
    reads_back(text, Destination::parse);
    reads_back(text, Policy::parse);
    reads_back(text, Thresholds::parse);
    reads_back(text, NodeList::parse);
    reads_back(text, Overheads::parse);
    reads_back(text, Move::parse);
    reads_back(text, value::number);
    reads_back(text, value::node);
    let _ = (value::pid(text), value::toggle(text), value::per_mille(text), value::key(text));
    let _ = Status::parse(text).map(|status| status.words().count());
    let _ = value::counters(text).count();
    if let Ok(Request::Join { own, map, .. }) = config::parse(text) {
        assert!(own != 0 && map.len() <= text.len());
    }
});
