// SPDX-License-Identifier: GPL-2.0-only

//! `cargo +nightly fuzz run map`: any text is refused, or is a map that reads back from its own print.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omcore::map::{parse, Entry, Map};

fuzz_target!(|text: &[u8]| {
    let mut entries = [Entry::default(); 256];
    let Ok(n) = parse(text, &mut entries) else {
        return;
    };
    let map = Map::new(&entries[..n]);
    for (id, ip) in map.nodes() {
        assert_eq!(map.ip_of(id), Some(ip));
        assert_eq!(map.id_of(ip), Some(id));
    }
    let mut again = [Entry::default(); 256];
    assert_eq!(parse(map.to_string().as_bytes(), &mut again), Ok(n));
    assert_eq!(entries[..n], again[..n]);
});
