// SPDX-License-Identifier: GPL-2.0-only
//! Keyed hashes and random numbers.

use super::ffi;
use kernel::error::{to_result, Result};

/// HMAC-SHA256. May sleep.
pub(crate) fn hmac(key: &[u8], data: &[u8]) -> Result<[u8; 32]> {
    let mut out = [0u8; 32];
    // SAFETY: all pointers are valid for the lengths given; `out` has the 32 bytes of a SHA-256 digest.
    to_result(unsafe {
        ffi::om_hmac(key.as_ptr(), key.len() as u32, data.as_ptr(), data.len() as u32, out.as_mut_ptr())
    })?;
    Ok(out)
}

/// SipHash-2-4 with a 128-bit key.
pub(crate) fn siphash(key: &[u64; 2], data: &[u8]) -> u64 {
    // SAFETY: `data` is valid for its length and `key` has two words.
    unsafe { ffi::om_siphash(data.as_ptr(), data.len(), key.as_ptr()) }
}

/// 32 random bytes.
pub(crate) fn random() -> [u8; 32] {
    let mut out = [0u8; 32];
    // SAFETY: `out` is valid for its length.
    unsafe { ffi::om_random(out.as_mut_ptr(), out.len()) };
    out
}

/// Equal, in a time that does not depend on where they differ.
pub(crate) fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b.iter()).fold(0u8, |acc, (x, y)| acc | (x ^ y)) == 0
}
