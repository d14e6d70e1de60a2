// SPDX-License-Identifier: GPL-2.0-only

//! Properties of the wire format; `omcore/fuzz` looks for what these miss.

use omcore::wire::{
    diff, put_addresses, take_addresses, take_file_pages, FilePages, Header, Kind, Writer, HEADER_LEN, MAX_FILE_PAGES, PAGE, TASK_SIZE,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_header_that_is_accepted_is_within_bounds_and_encodes_to_itself(
        kind in 0u16..70, len in any::<u32>(), bulk in any::<u32>(), bound in any::<bool>(), seq in any::<u64>(), tag in any::<u64>(),
    ) {
        let known = Kind::from_u16(kind);
        let fits = |n: u32, max: u32| if bound { n % (max + 1) } else { n };
        let base = known.unwrap_or(Kind::Hello);
        let header = Header { kind: base, len: fits(len, base.max_body()), bulk: fits(bulk, base.max_bulk()), seq, tag };
        let mut bytes = header.encode();
        bytes[6..8].copy_from_slice(&kind.to_le_bytes());
        match Header::decode(&bytes) {
            Ok(read) => {
                prop_assert_eq!(read, header);
                prop_assert!(read.len <= read.kind.max_body() && read.bulk <= read.kind.max_bulk());
            }
            Err(_) => prop_assert!(known.is_none() || !bound),
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), HEADER_LEN..200)) {
        let _ = Header::decode(bytes.first_chunk().unwrap());
        let _ = take_addresses(&bytes, &mut [0; 16]);
        let _ = take_file_pages(&bytes, &mut [0; 16]);
    }

    #[test]
    fn addresses_read_back(tag in any::<u64>(), pages in prop::collection::vec(0..TASK_SIZE / PAGE as u64, 0..16)) {
        let addresses: Vec<u64> = pages.iter().map(|page| page * PAGE as u64).collect();
        let mut bytes = [0; 16 + 16 * 8];
        let mut writer = Writer::new(&mut bytes);
        put_addresses(&mut writer, tag, &addresses);
        let used = writer.len().unwrap();
        let mut read = [0; 16];
        prop_assert_eq!(take_addresses(&bytes[..used], &mut read), Ok((tag, addresses.len())));
        prop_assert_eq!(&read[..addresses.len()], &addresses[..]);
        prop_assert!(addresses.is_empty() || take_addresses(&bytes[..used], &mut read[..addresses.len() - 1]).is_err());
    }

    #[test]
    fn pages_of_a_file_read_back_unless_they_are_behind_any_file(
        file in any::<u64>(), index in prop_oneof![0..MAX_FILE_PAGES, any::<u64>(), MAX_FILE_PAGES - 20..MAX_FILE_PAGES + 20],
        tag in 0u64..2, n in 0usize..16,
    ) {
        let addresses: Vec<u64> = (0..n as u64).map(|page| page * PAGE as u64).collect();
        let mut bytes = [0; 32 + 16 * 8];
        let mut writer = Writer::new(&mut bytes);
        let from = FilePages { file, index };
        from.put(&mut writer);
        put_addresses(&mut writer, tag, &addresses);
        let used = writer.len().unwrap();
        let mut read = [0; 16];
        let got = take_file_pages(&bytes[..used], &mut read);
        if index.checked_add(n as u64).is_some_and(|end| end <= MAX_FILE_PAGES) {
            prop_assert_eq!(got, Ok((from, tag, n)));
            prop_assert_eq!(&read[..n], &addresses[..]);
        } else {
            prop_assert!(got.is_err());
        }
    }

    #[test]
    fn a_difference_turns_old_into_new_and_touches_nothing_else(
        old in prop::collection::vec(any::<u8>(), 100), changes in prop::collection::vec((0usize..100, any::<u8>()), 0..20),
    ) {
        let mut new = old.clone();
        for (at, byte) in changes {
            new[at] = byte;
        }
        let mut patched = old.clone();
        let mut unchanged = 0;
        diff(0x7000, &old, &new, |address, piece| {
            let at = (address - 0x7000) as usize;
            unchanged += piece.iter().zip(&old[at..]).filter(|(a, b)| a == b).count();
            patched[at..at + piece.len()].copy_from_slice(piece);
            true
        });
        prop_assert_eq!(patched, new);
        prop_assert_eq!(unchanged, 0);
    }
}
