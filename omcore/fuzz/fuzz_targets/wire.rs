// SPDX-License-Identifier: GPL-2.0-only

//! `cargo +nightly fuzz run wire`: what is accepted from a peer is within its bounds and encodes to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omcore::wire::{
    diff, put_addresses, take_addresses, take_file_pages, take_vma, Call, Header, MmInfo, Reader, Reply, Signal, State,
    Writer, HEADER_LEN, MAX_CARRY, MAX_FILE_PAGES, PAGE, TASK_SIZE,
};

/// A record that reads must write the bytes it was read from.
macro_rules! reads_back {
    ($bytes:expr, $($record:ident),*) => {$(
        let mut reader = Reader::new($bytes);
        if let Ok(record) = $record::take(&mut reader) {
            let used = $bytes.len() - reader.remaining();
            let mut again = vec![0; used];
            let mut writer = Writer::new(&mut again);
            record.put(&mut writer);
            assert_eq!(writer.len(), Ok(used));
            assert_eq!(again, $bytes[..used]);
        }
    )*};
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(first) = bytes.first_chunk::<HEADER_LEN>() {
        if let Ok(header) = Header::decode(first) {
            assert!(header.len <= header.kind.max_body() && header.bulk <= header.kind.max_bulk());
            assert_eq!(header.encode(), *first);
        }
    }

    let mut addresses = [0; MAX_CARRY];
    if let Ok((tag, n)) = take_addresses(bytes, &mut addresses) {
        assert!(addresses[..n].iter().all(|a| a % PAGE as u64 == 0 && *a < TASK_SIZE));
        let mut again = vec![0; bytes.len()];
        let mut writer = Writer::new(&mut again);
        put_addresses(&mut writer, tag, &addresses[..n]);
        assert_eq!(writer.len(), Ok(bytes.len()));
        assert_eq!(again, bytes);
    }

    if let Ok((from, _, n)) = take_file_pages(bytes, &mut addresses) {
        assert!(from.index + n as u64 <= MAX_FILE_PAGES);
    }

    let mut reader = Reader::new(bytes);
    let mut after = 0;
    while let Ok(vma) = take_vma(&mut reader, after) {
        assert!(after <= vma.start && vma.start < vma.end && vma.end <= TASK_SIZE);
        after = vma.end;
    }

    reads_back!(bytes, MmInfo, State, Call, Reply, Signal);

    let (old, new) = bytes.split_at(bytes.len() / 2);
    let new = &new[..old.len()];
    let mut patched = old.to_vec();
    assert!(diff(0x1000, old, new, |address, piece| {
        let at = (address - 0x1000) as usize;
        assert!(piece.iter().zip(&old[at..]).all(|(a, b)| a != b), "an unchanged byte is sent");
        patched[at..at + piece.len()].copy_from_slice(piece);
        true
    }));
    assert_eq!(patched, new);
});
