// SPDX-License-Identifier: GPL-2.0-only
//! Error numbers that the `kernel` crate does not name yet.

use core::num::NonZeroI32;
use kernel::error::Error;

const _: () = assert!(core::mem::size_of::<Error>() == core::mem::size_of::<NonZeroI32>());

const fn error(errno: i32) -> Error {
    // SAFETY: `Error` consists of one `NonZeroI32` between -4095 and -1 and nothing else (its size says so); every
    // number below is in that range.
    unsafe { core::mem::transmute::<i32, Error>(-errno) }
}

pub(crate) const EPROTO: Error = error(71);
pub(crate) const EBADMSG: Error = error(74);
pub(crate) const EOPNOTSUPP: Error = error(95);
pub(crate) const EADDRNOTAVAIL: Error = error(99);
pub(crate) const ENETDOWN: Error = error(100);
pub(crate) const ECONNRESET: Error = error(104);
pub(crate) const ETIMEDOUT: Error = error(110);
pub(crate) const ECONNREFUSED: Error = error(111);
pub(crate) const ECANCELED: Error = error(125);
pub(crate) const ENOKEY: Error = error(126);
