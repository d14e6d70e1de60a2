// SPDX-License-Identifier: GPL-2.0-only

//! The map parser against the manual's examples and against arbitrary text.

use omcore::map::{parse, parse_ip, Entry, Map, MapError, MapErrorKind, SelfError, MAX_TEXT};
use proptest::prelude::*;

/// The manual, 5.3.3: 24 nodes.
const VALID: &str = "1 10.1.1.100 16\n17 10.1.1.200 8\n";
/// The manual's own ALIAS example gives ids 18 to 24 twice.
const BOOK_ALIAS: &str =
    "1 10.1.1.100 16\n17 10.1.1.200 8\n18 10.1.2.100 7\n8 10.1.2.107 ALIAS\n25 10.1.2.108 100\n";
/// What it should have said.
const REPAIRED_ALIAS: &str =
    "1 10.1.1.100 16\n17 10.1.1.200 8\n25 10.1.2.100 7\n8 10.1.2.107 ALIAS\n32 10.1.2.108 100\n";
/// The manual's example of an address given twice.
const BOOK_TWICE: &str = "1 10.1.1.100 16\n17 10.1.1.200 8\n18 10.1.2.100 108\n8 10.1.2.107 ALIAS\n";

fn read(text: &str) -> Result<Vec<Entry>, MapError> {
    let mut entries = vec![Entry::default(); 64];
    let n = parse(text.as_bytes(), &mut entries)?;
    entries.truncate(n);
    Ok(entries)
}

fn ip(text: &str) -> u32 {
    parse_ip(text.as_bytes()).unwrap()
}

#[track_caller]
fn refused(text: &str, line: u32, kind: MapErrorKind, words: &str) {
    let error = read(text).unwrap_err();
    assert_eq!(error, MapError { line, kind }, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn the_manuals_map_has_24_nodes() {
    let entries = read(VALID).unwrap();
    let map = Map::new(&entries);
    assert_eq!(map.len(), 24);
    assert_eq!(map.nodes().count(), 24);
    assert_eq!(map.ip_of(1), Some(ip("10.1.1.100")));
    assert_eq!(map.ip_of(16), Some(ip("10.1.1.115")));
    assert_eq!(map.ip_of(17), Some(ip("10.1.1.200")));
    assert_eq!(map.ip_of(24), Some(ip("10.1.1.207")));
    assert_eq!(map.ip_of(25), None);
    assert_eq!(map.ip_of(0), None);
    assert_eq!(map.id_of(ip("10.1.1.115")), Some(16));
    assert_eq!(map.id_of(ip("10.1.1.116")), None);
    assert_eq!(map.to_string(), VALID);
}

/// What `make install` puts beside the documents.
#[test]
fn the_example_is_a_map() {
    let entries = read(include_str!("../../docs/openmosix.map.example")).unwrap();
    let map = Map::new(&entries);
    assert_eq!((map.len(), map.ip_of(24)), (24, Some(ip("10.1.1.207"))));
    assert_eq!(map.id_of(ip("10.1.2.107")), Some(8));
}

#[test]
fn the_manuals_alias_example_is_refused_and_its_repair_accepted() {
    let kind = MapErrorKind::OverlappingIds { first: 18, last: 24, other: 2 };
    refused(BOOK_ALIAS, 3, kind, "node ids 18 to 24 are already given on line 2");

    let entries = read(REPAIRED_ALIAS).unwrap();
    let map = Map::new(&entries);
    assert_eq!(map.len(), 131);
    assert_eq!(map.id_of(ip("10.1.2.107")), Some(8));
    assert_eq!(map.ip_of(8), Some(ip("10.1.1.107")));
    assert_eq!(map.ips_of(8).collect::<Vec<_>>(), [ip("10.1.1.107"), ip("10.1.2.107")]);
    assert_eq!(map.ip_of(131), Some(ip("10.1.2.207")));
    assert_eq!(
        map.to_string(),
        "1 10.1.1.100 16\n17 10.1.1.200 8\n25 10.1.2.100 7\n32 10.1.2.108 100\n8 10.1.2.107 ALIAS\n"
    );
}

#[test]
fn an_address_given_twice_is_refused() {
    let kind = MapErrorKind::DuplicateAddress { ip: ip("10.1.2.107"), other: 3 };
    // The example overlaps ids 18 to 24 as well, which the parser meets first.
    let ids = MapErrorKind::OverlappingIds { first: 18, last: 24, other: 2 };
    refused(BOOK_TWICE, 3, ids, "line 2");
    refused(&BOOK_TWICE.replace("18 ", "25 "), 4, kind, "address 10.1.2.107 is already given on line 3");
    let kind = MapErrorKind::OverlappingAddresses { first: ip("10.0.0.3"), last: ip("10.0.0.4"), other: 1 };
    refused("1 10.0.0.1 4\n9 10.0.0.3 4", 2, kind, "10.0.0.3 to 10.0.0.4");
}

#[test]
fn every_error_names_its_line() {
    use MapErrorKind::*;
    refused("# a\n\n1 10.0.0.1\n", 3, Syntax, "line 3: a line needs three words");
    refused("1 10.0.0.1 1 1\n", 1, Syntax, "three words");
    refused("0 10.0.0.1 1\n", 1, BadId, "1 to 65535");
    refused("65536 10.0.0.1 1\n", 1, BadId, "1 to 65535");
    refused("x 10.0.0.1 1\n", 1, BadId, "1 to 65535");
    for bad in ["10.0.0", "10.0.0.256", "10.0.0.1.1", "10.0.0.01", "node1", "10..0.1", "::1", "10.0.0.-1"] {
        refused(&format!("1 {bad} 1\n"), 1, BadAddress, "IPv4 address");
    }
    for bad in ["0", "65536", "-1", "ALIASES", "1.5"] {
        refused(&format!("1 10.0.0.1 {bad}\n"), 1, BadCount, "ALIAS");
    }
    refused("65530 10.0.0.1 7\n", 1, IdsPassEnd, "past 65535");
    refused("1 127.0.0.1 1\n", 1, Loopback, "127.x.x.x");
    refused("1 126.255.255.255 2\n", 1, Loopback, "127.x.x.x");
    refused("1 0.0.0.0 1\n", 1, NotAHost { ip: 0 }, "0.0.0.0 cannot");
    refused("1 255.255.255.255 1\n", 1, NotAHost { ip: u32::MAX }, "255.255.255.255");
    refused("1 255.255.255.255 9\n", 1, NotAHost { ip: u32::MAX }, "255.255.255.255");
    refused("1 223.255.255.250 9\n", 1, NotAHost { ip: ip("224.0.0.0") }, "224.0.0.0");
    refused(
        "1 10.0.0.1 1\n1 10.0.0.2 1\n",
        2,
        DuplicateId { id: 1, other: 1 },
        "node id 1 is already given on line 1",
    );
    refused("1 10.0.0.1 1\n2 10.0.0.2 ALIAS\n", 2, AliasOfUnknown { id: 2 }, "ALIAS of node 2");
    refused("", 0, Empty, "names no node");
    refused("# nothing\n \n", 0, Empty, "names no node");
    refused(&"#".repeat(MAX_TEXT + 1), 0, TooLong, "65536 bytes");
    let many: String = (1..=65).map(|i| format!("{i} 10.0.0.{i} 1\n")).collect();
    refused(&many, 65, TooManyEntries { max: 64 }, "more than 64 lines");
}

#[test]
fn a_map_may_be_written_loosely() {
    let loose = "\r\n# cluster\r\n\t2\t10.0.0.2   alias # second card\r\n  2 10.0.1.2 1\r\n1 10.0.1.1 1";
    let entries = read(loose).unwrap();
    assert_eq!(Map::new(&entries).to_string(), "1 10.0.1.1 1\n2 10.0.1.2 1\n2 10.0.0.2 ALIAS\n");
}

#[test]
fn a_range_may_pass_the_end_of_an_octet_and_fill_all_ids() {
    let entries = read("1 10.0.0.250 65535").unwrap();
    let map = Map::new(&entries);
    assert_eq!(map.len(), 65535);
    assert_eq!(map.ip_of(7), Some(ip("10.0.1.0")));
    assert_eq!(map.id_of(ip("10.1.0.248")), Some(65535));
    assert_eq!(map.nodes().last(), Some((65535, ip("10.1.0.248"))));
}

#[test]
fn a_machine_finds_itself() {
    let entries = read(REPAIRED_ALIAS).unwrap();
    let map = Map::new(&entries);
    let here = |ips: &[&str]| map.find_self(ips.iter().map(|t| ip(t)));
    assert_eq!(here(&["192.168.1.1", "10.1.1.107", "10.1.2.107"]), Ok(8));
    assert_eq!(here(&["127.0.0.1"]), Err(SelfError::Missing));
    assert_eq!(here(&["10.1.1.100", "10.1.1.101"]), Err(SelfError::Ambiguous { a: 1, b: 2 }));
    assert!(SelfError::Missing.to_string().contains("well-formed"));
}

#[test]
fn a_map_grows() {
    let old = read("1 10.0.0.1 3\n2 10.1.0.2 ALIAS").unwrap();
    let old = Map::new(&old);
    let with = |text: &str| Map::new(&read(text).unwrap()).includes(old);
    assert!(with("1 10.0.0.1 3\n2 10.1.0.2 ALIAS"));
    assert!(with("1 10.0.0.1 1\n2 10.0.0.2 8\n2 10.1.0.2 ALIAS\n1 10.1.0.1 ALIAS"), "more, cut otherwise");
    assert!(!with("1 10.0.0.1 3"), "an alias less");
    assert!(!with("1 10.0.0.1 2\n2 10.1.0.2 ALIAS"), "a node less");
    assert!(!with("1 10.0.0.1 3\n3 10.1.0.2 ALIAS"), "an alias of another node");
    assert!(!with("1 10.0.0.1 1\n2 10.1.0.2 1\n2 10.0.0.2 ALIAS\n3 10.0.0.3 1"), "another primary address");
    assert!(!Map::new(&[]).includes(old));
    assert!(old.includes(Map::new(&[])));
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        (0u32..70000).prop_map(|n| n.to_string()),
        (0u8..=255, 0u8..3, 0u8..3, 0u8..=255).prop_map(|(a, b, c, d)| format!("{a}.{b}.{c}.{d}")),
        Just("ALIAS".to_owned()),
        Just("#".to_owned()),
        "[ -~]{0,4}",
    ]
}

fn map_like() -> impl Strategy<Value = String> {
    let free = prop::collection::vec(word(), 0..5).prop_map(|words| words.join(" "));
    let good =
        (1u16..400, 0u8..4, any::<u8>(), 1u16..40).prop_map(|(id, c, d, n)| format!("{id} 10.0.{c}.{d} {n}"));
    let alias = (1u16..400, 0u8..4, any::<u8>()).prop_map(|(id, c, d)| format!("{id} 10.1.{c}.{d} ALIAS"));
    prop::collection::vec(prop_oneof![1 => free, 6 => good, 2 => alias], 0..9)
        .prop_map(|lines| lines.join("\n"))
}

/// What must hold of every map that is accepted, computed the slow way.
fn check(text: &str) -> Result<(), TestCaseError> {
    let entries = match read(text) {
        Ok(entries) => entries,
        Err(error) => {
            prop_assert!(error.line as usize <= text.split('\n').count());
            prop_assert!(!error.to_string().is_empty());
            return Ok(());
        }
    };
    let map = Map::new(&entries);
    let nodes: Vec<_> = map.nodes().collect();
    prop_assert_eq!(nodes.len(), map.len());
    prop_assert!(nodes.windows(2).all(|w| w[0].0 < w[1].0));
    let mut ips: Vec<u32> = nodes.iter().flat_map(|&(id, _)| map.ips_of(id)).collect();
    let addresses = ips.len();
    ips.sort_unstable();
    ips.dedup();
    prop_assert_eq!(ips.len(), addresses, "an address twice");
    for &(id, ip) in &nodes {
        prop_assert_eq!(map.ip_of(id), Some(ip));
        for ip in map.ips_of(id) {
            prop_assert_eq!(map.id_of(ip), Some(id));
            prop_assert_eq!(map.find_self([ip]), Ok(id));
        }
    }
    let again = read(&map.to_string()).unwrap();
    prop_assert_eq!(&again, &entries, "printing and reading changed it");
    Ok(())
}

proptest! {
    #[test]
    fn map_like_text_is_refused_or_consistent(text in map_like()) {
        check(&text)?;
    }

    #[test]
    fn a_map_includes_what_it_says_too(all in map_like(), keep in any::<[bool; 9]>(), more in map_like()) {
        let some: Vec<_> = all.lines().zip(keep).filter(|(_, keep)| *keep).map(|(line, _)| line).collect();
        for part in [some.join("\n"), more] {
            if let (Ok(all), Ok(part)) = (read(&all), read(&part)) {
                let (all, part) = (Map::new(&all), Map::new(&part));
                let says = |id: u16, ip: u32| all.ips_of(id).any(|i| i == ip);
                let slowly = part.nodes().all(|(id, ip)| all.ip_of(id) == Some(ip) && part.ips_of(id).all(|ip| says(id, ip)));
                prop_assert_eq!(all.includes(part), slowly);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut entries = [Entry::default(); 4];
        let _ = parse(&bytes, &mut entries);
    }
}
