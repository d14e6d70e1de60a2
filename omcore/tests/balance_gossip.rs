// SPDX-License-Identifier: GPL-2.0-only

//! Who is told, remembered and asked; and what hostile datagrams can do, which is nothing.

use omcore::balance::gossip::{whom, Due, Last, Queries, Uplist, Window};
use omcore::balance::message::{decode, encode, Kind, Message, LEN};
use omcore::balance::node::{status, Node};
use omcore::balance::thresholds::State;
use proptest::prelude::*;

fn node(id: u16, load: u32) -> Node {
    Node { id, load, ..Node::default() }
}

#[test]
fn a_window_keeps_the_latest_of_each_and_forgets_the_oldest() {
    let mut window = Window::<4>::new();
    for (at, id) in [1, 2, 1, 3].into_iter().enumerate() {
        window.put(node(id, at as u32), at as u64);
    }
    let ids = |w: &Window<4>| w.nodes(10).map(|n| (n.id, n.age_ms)).collect::<Vec<_>>();
    assert_eq!(ids(&window), [(2, 9), (1, 8), (3, 7)]);
    window.put(node(4, 0), 4);
    window.put(node(5, 0), 5);
    assert_eq!(ids(&window), [(4, 6), (5, 5), (1, 8), (3, 7)], "2 was the oldest");
    window.expect(1, 0);
    assert_eq!(window.of(1, 10).unwrap().guests, 1);
    window.put(node(1, 0), 6);
    assert_eq!(window.of(1, 10).unwrap().guests, 0, "its own word counts");
    window.retain(|id| id == 5);
    assert_eq!(ids(&window), [(5, 5)]);
    window.remove(5);
    assert_eq!(window.nodes(10).count(), 0);
    assert!(!window.nodes(0).any(|n| n.has(status::BLOCK)));
}

#[test]
fn the_list_of_live_nodes_is_in_order_and_ages() {
    let mut up = Uplist::<3>::new();
    for id in [1, 2, 3, 1] {
        up.heard(id);
    }
    let ids = |u: &Uplist<3>| u.ids().collect::<Vec<_>>();
    assert_eq!(ids(&up), [1, 3, 2]);
    up.heard(4);
    assert_eq!(ids(&up), [4, 1, 3]);
    up.remove(1);
    assert_eq!(ids(&up), [4, 3]);
    up.remove(9);
    // Two other nodes: forgotten after 20 periods.
    for _ in 0..19 {
        up.period(3);
    }
    up.heard(3);
    up.period(3);
    assert_eq!(ids(&up), [3]);
    for _ in 0..18 {
        up.period(3);
    }
    assert_eq!(up.len(), 1);
    up.period(3);
    assert!(up.is_empty());
}

#[test]
fn two_are_told_and_never_the_same_twice() {
    let mut up = Uplist::<8>::new();
    let other = |n: u32| Some(n as u16 + 10);
    assert_eq!(whom(5, other, &up, [7, 3]), [Some(12), None]);
    up.heard(12);
    assert_eq!(whom(5, other, &up, [7, 3]), [Some(12), None]);
    assert_eq!(whom(5, other, &up, [8, 3]), [Some(13), Some(12)]);
    assert_eq!(whom(0, other, &Uplist::<8>::new(), [8, 3]), [None, None]);
}

#[test]
fn copies_of_messages_are_not_news() {
    let mut last = Last::new();
    assert!(last.accept(5, 1) && last.accept(5, 2) && !last.accept(5, 2) && !last.accept(5, 1));
    assert!(last.accept(6, 1), "it started anew");
    assert!(!last.accept(5, 3), "from before");
}

#[test]
fn a_query_is_sent_three_times_and_then_fails() {
    let mut queries = Queries::<2>::new(0);
    assert_eq!(queries.due(0), Due::Wait { until_ms: u64::MAX });
    assert!(queries.ask(7, 100, 0));
    assert!(!queries.ask(7, 101, 0), "under way");
    assert!(!queries.answered(7, 100), "not sent yet");
    assert_eq!(queries.due(0), Due::Send { node: 7, serial: 100 });
    assert_eq!(queries.due(0), Due::Wait { until_ms: 20 });
    assert!(!queries.answered(7, 99) && !queries.answered(8, 100), "stray answers change nothing");
    assert_eq!(queries.due(20), Due::Send { node: 7, serial: 100 });
    assert_eq!(queries.due(40), Due::Send { node: 7, serial: 100 });
    assert_eq!(queries.due(41), Due::Wait { until_ms: 50 });
    assert_eq!(queries.due(50), Due::Failed { node: 7 });
    assert_eq!(queries.due(50), Due::Wait { until_ms: u64::MAX });

    assert!(
        queries.ask(7, 102, 60) && queries.ask(8, 103, 60) && !queries.ask(9, 104, 60),
        "no slot is free"
    );
    assert_eq!(queries.due(60), Due::Send { node: 7, serial: 102 });
    assert!(queries.answered(7, 102) && !queries.answered(7, 102));

    // Two gateways: three times as long.
    let mut far = Queries::<1>::new(2);
    assert!(far.ask(1, 1, 0));
    assert_eq!([far.due(0), far.due(59)], [Due::Send { node: 1, serial: 1 }, Due::Wait { until_ms: 60 }]);
    assert_eq!(far.due(150), Due::Failed { node: 1 });
}

fn message() -> impl Strategy<Value = Message> {
    let kind = prop::sample::select(vec![Kind::Report, Kind::Query, Kind::Answer, Kind::State]);
    let state = prop::sample::select(vec![State::Under, State::Medium, State::Full, State::Over]);
    let stamps = (any::<u64>(), any::<u64>(), any::<u64>());
    let numbers = (any::<u32>(), any::<u32>(), any::<u32>(), 1u32.., 0u16..=100, any::<u16>(), any::<u16>());
    let memory = (any::<u64>(), any::<u64>(), any::<u64>());
    (kind, state, stamps, 1u16.., 1u16.., numbers, memory).prop_map(
        |(
            kind,
            state,
            (boot, serial, echo),
            id,
            cpus,
            (status, load, upload, speed, util, slots, guests),
            (a, b, c),
        )| {
            let tmem = a.max(b).max(c);
            let (mem, rmem) = (a, b);
            let node = Node {
                id,
                cpus,
                status,
                load,
                upload,
                speed,
                util,
                slots,
                guests,
                state,
                mem,
                rmem,
                tmem,
                age_ms: 0,
            };
            Message { kind, boot, serial, echo, node }
        },
    )
}

proptest! {
    #[test]
    fn messages_read_back(message in message()) {
        let mut bytes = [0; LEN];
        prop_assert_eq!(encode(&message, &mut bytes), Ok(LEN));
        prop_assert_eq!(decode(&bytes), Ok(message));
        prop_assert!(encode(&message, &mut bytes[1..]).is_err());
    }

    #[test]
    fn other_bytes_are_refused_or_mean_what_they_are(
        message in message(), changes in prop::collection::vec((0..LEN, any::<u8>()), 0..4), len in 0..LEN + 8,
    ) {
        let mut bytes = vec![0; LEN + 8];
        encode(&message, &mut bytes).unwrap();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        match decode(&bytes[..len]) {
            Ok(read) => {
                let mut again = [0; LEN];
                encode(&read, &mut again).unwrap();
                prop_assert_eq!(&again[..], &bytes[..len]);
            }
            Err(_) => prop_assert!(decode(&bytes[..LEN]) != Ok(message) || len != LEN),
        }
    }

    #[test]
    fn windows_and_lists_keep_their_order(ids in prop::collection::vec((0u16..9, 0u8..4), 0..60)) {
        let mut window = Window::<5>::new();
        let mut up = Uplist::<5>::new();
        for (now, (id, what)) in ids.into_iter().enumerate() {
            match what {
                0 => { window.remove(id); up.remove(id) }
                1 => up.period(4),
                _ => { window.put(node(id, 1), now as u64); up.heard(id) }
            }
            let mut known: Vec<u16> = window.nodes(now as u64).map(|n| n.id).collect();
            let n = known.len();
            known.sort_unstable();
            known.dedup();
            prop_assert_eq!(known.len(), n);
            let mut live: Vec<u16> = up.ids().collect();
            prop_assert!(live.len() == up.len() && live.len() <= 5 && !live.contains(&0));
            live.sort_unstable();
            live.dedup();
            prop_assert_eq!(live.len(), up.len());
        }
        let _ = (Window::<0>::new(), Uplist::<0>::new());
    }
}
