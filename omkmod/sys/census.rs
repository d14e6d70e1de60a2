// SPDX-License-Identifier: GPL-2.0-only
//! Who runs here and what each has used so far (see census.c).

use super::ffi;
pub(crate) use super::ffi::CensusEntry as Entry;
use kernel::prelude::*;

/// Processes counted at most; on a node with more, the rest is not moved by itself.
pub(crate) const MOST: usize = 8192;

/// A place for the entries, used again each time.
pub(crate) struct Census(KVVec<Entry>);

impl Census {
    /// With room for all.
    pub(crate) fn new() -> Result<Self> {
        let mut v = KVVec::new();
        v.extend_with(MOST, Entry::default(), GFP_KERNEL)?;
        Ok(Census(v))
    }

    /// Looks again. Guests and kernel threads are left out.
    pub(crate) fn take(&mut self) -> &[Entry] {
        // SAFETY: so many initialized entries are there.
        let n = unsafe { ffi::om_census(self.0.as_mut_ptr(), MOST as u32) };
        self.0.get(..n as usize).unwrap_or(&[])
    }
}
