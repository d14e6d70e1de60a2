// SPDX-License-Identifier: GPL-2.0-only
//! Shared memory at its host: mapped as a twin, and given back when home asks.

use super::Guest;
use crate::link::bad;
use crate::omcore::wire::{self, Kind, Reader, Vma, Writer};
use crate::sys::{shared, Bytes};
use kernel::prelude::*;

impl Guest {
    /// Home tells of shared memory, before the reply to the call that concerns it.
    pub(super) fn hear_object(&self) -> Result {
        let v = self.link.with(|l| {
            let mut r = Reader::new(l.body());
            let v = wire::take_vma(&mut r, 0).map_err(bad)?;
            r.finish().map_err(bad)?;
            Ok::<_, Error>(v)
        })??;
        self.object.with(|o| *o = Some(v))
    }

    /// What home told last.
    pub(super) fn take_object(&self) -> Option<Vma> {
        self.object.with(|o| o.take()).ok().flatten()
    }

    /// Home wants to see what has changed.
    #[inline(never)]
    pub(super) fn give_content(&self) -> Result {
        let (id, all) = self.link.with(|l| {
            let mut r = Reader::new(l.body());
            let asked = (r.u64().map_err(bad)?, r.u64().map_err(bad)?);
            r.finish().map_err(bad)?;
            Ok::<_, Error>(asked)
        })??;
        let mut data = Bytes::from_elem(0u8, wire::MAX_BATCH * wire::PAGE, GFP_KERNEL)?;
        let mut at = 0;
        loop {
            let mut list = [0u64; wire::MAX_BATCH];
            let mut n = 0;
            for (slot, offset) in data.chunks_exact_mut(wire::PAGE).zip(list.iter_mut()) {
                let page: &mut [u8; wire::PAGE] = slot.try_into().map_err(|_| EINVAL)?;
                let Some(found) = shared::changed(self.home, id, &mut at, page, all != 0)? else { break };
                *offset = found;
                n += 1;
            }
            if n == 0 {
                return self.say(Kind::Synced, &[]);
            }
            let mut body = [0u8; 16 + wire::MAX_BATCH * 8];
            let mut w = Writer::new(&mut body);
            wire::put_addresses(&mut w, id, list.get(..n).ok_or(EINVAL)?);
            let len = w.len().map_err(bad)?;
            let (body, bulk) = (body.get(..len).ok_or(EINVAL)?, data.get(..n * wire::PAGE).ok_or(EINVAL)?);
            self.link.with(|l| l.send_bulk(Kind::Content, &[body], bulk))??;
        }
    }
}
