// SPDX-License-Identifier: GPL-2.0-only

//! `cargo +nightly fuzz run balance`: what is accepted of a load message encodes to the same bytes, and no mixture of such
//! messages makes a decision panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omcore::balance::choose::{best_for, choose, Settings};
use omcore::balance::gossip::Window;
use omcore::balance::message::{decode, encode, LEN};
use omcore::balance::node::{Candidate, Place};
use omcore::balance::usher::usher;

fuzz_target!(|bytes: &[u8]| {
    let mut window = Window::<4>::new();
    let mut own = None;
    for piece in bytes.chunks(LEN) {
        let Ok(message) = decode(piece) else { continue };
        let mut again = [0; LEN];
        assert_eq!(encode(&message, &mut again), Ok(LEN));
        assert_eq!(again, piece);
        own = Some(message.node);
        window.put(message.node, 0);
    }
    let Some(own) = own else { return };
    let settings = Settings::default();
    let jobs = window.nodes(0).map(|n| Candidate {
        key: n.id.into(),
        place: if n.load & 1 == 0 { Place::Here } else { Place::At(n.id) },
        cpu: n.upload,
        wanted: n.load,
        tasks: n.guests,
        memory: n.mem,
        age_ms: n.rmem,
        here_ms: n.tmem,
        ..Candidate::default()
    });
    let _ = usher(&own, window.nodes(0), jobs.clone(), &settings);
    for job in jobs.clone() {
        let _ = best_for(&own, window.nodes(0), &job, &settings);
    }
    if let Some(choice) = choose(&own, window.nodes(0), jobs, &settings) {
        assert!(choice.to == own.id || window.of(choice.to, 0).is_some());
    }
});
