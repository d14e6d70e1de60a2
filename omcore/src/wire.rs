// SPDX-License-Identifier: GPL-2.0-only
//! The wire: how frames on a link look, and the bounded reader and writer for their bodies.
//!
//! A frame is a 32-byte header, a body of `len` bytes that the tag covers, and `bulk` bytes of raw page
//! contents. All integers are little-endian. Everything here treats its input as hostile: a length
//! is checked against the kind's bound before anyone allocates, and every read can fail.

/// First four bytes of every frame: "OMX1".
pub const MAGIC: u32 = 0x3158_4d4f;
/// Version of the protocol; both ends must agree.
pub const VERSION: u16 = 11;
/// Bytes of a frame header.
pub const HEADER_LEN: usize = 32;
/// Bytes of a page, the unit in which memory travels.
pub const PAGE: usize = 4096;
/// Most pages in one [`Kind::Pages`], [`Kind::PageData`] or [`Kind::FileData`] frame.
pub const MAX_BATCH: usize = 64;
/// Most pages that a forwarded call carries with its request.
pub const MAX_CARRY: usize = 256;
/// Largest processor state (XSAVE area) accepted, in bytes. AMX needs about 11 KiB.
pub const MAX_XSTATE: usize = 16 * 1024;
/// Most mappings of one process; the kernel's own default limit.
pub const MAX_VMAS: u64 = 65530;
/// Mappings in one [`Kind::Vmas`] frame.
pub const VMAS_PER_FRAME: usize = 512;
/// Bytes of one encoded mapping.
pub const VMA_LEN: usize = 64;
/// Most threads of one process.
pub const MAX_THREADS: u32 = 4096;
/// Most signals that travel with a process.
pub const MAX_SIGNALS: usize = 1024;
/// Bytes of a `siginfo` on the wire: the part the kernel itself keeps.
pub const SIGINFO_LEN: usize = 48;
/// Registers of `struct pt_regs` on x86-64, in the kernel's order (r15 first, ss last).
pub const NREGS: usize = 21;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $body:expr, $bulk:expr;)*) => {
        /// What a frame says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum Kind { $($(#[$doc])* $name = $value,)* }

        impl Kind {
            /// Every kind, for tests and documentation.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// The kind with this number.
            pub const fn from_u16(value: u16) -> Option<Kind> {
                match value { $($value => Some(Kind::$name),)* _ => None }
            }

            /// Largest body of this kind, in bytes.
            pub const fn max_body(self) -> u32 {
                match self { $(Kind::$name => $body as u32,)* }
            }

            /// Largest bulk part of this kind, in bytes.
            pub const fn max_bulk(self) -> u32 {
                match self { $(Kind::$name => $bulk as u32,)* }
            }

            /// Name for messages.
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$name => stringify!($name),)* }
            }
        }
    };
}

/// Largest body that carries changed bytes; what is longer goes in several.
pub const CHANGES: usize = 2 << 20;
/// Most changed bytes of one call, with their addresses: a window holds no more.
pub const MAX_CHANGES: usize = 384 << 20;

/// Pages of the largest file there can be: offsets are signed.
pub const MAX_FILE_PAGES: u64 = (i64::MAX as u64) / PAGE as u64 + 1;

/// Bytes of the address list of a full batch, count first.
const BATCH_BODY: usize = 16 + MAX_BATCH * 8;
const BATCH_BULK: usize = MAX_BATCH * PAGE;

kinds! {
    /// First frame of the connecting node: its id and nonce.
    Hello = 1, 64, 0;
    /// The answer: id, nonce and proof of the key.
    Challenge = 2, 128, 0;
    /// Proof of the key by the connecting node.
    Proof = 3, 64, 0;
    /// The link stands; from here on frames carry tags.
    Welcome = 4, 64, 0;
    /// No, with an error number and the reason in words. Valid at any time.
    Refuse = 5, 512, 0;
    /// Are you there?
    Ping = 16, 64, 0;
    /// Yes.
    Pong = 17, 64, 0;
    /// A process asks to come: who it is and what it needs.
    Move = 32, 1024, 0;
    /// It may.
    Accept = 33, 64, 0;
    /// Registers, processor state, signals.
    State = 34, 8192 + MAX_XSTATE + MAX_SIGNALS * SIGINFO_LEN, 0;
    /// A part of the list of mappings.
    Vmas = 35, 16 + VMAS_PER_FRAME * VMA_LEN, 0;
    /// Pages: their addresses, and their contents as bulk.
    Pages = 36, BATCH_BODY, BATCH_BULK;
    /// Everything was sent; how many pages that were.
    End = 37, 64, 0;
    /// The guest is complete and waits for the word to run.
    Ready = 38, 64, 0;
    /// Run; with a word as of [`Kind::Due`].
    Go = 39, 64, 0;
    /// A forwarded system call, with the pages it is known to read.
    Call = 48, 512 + MAX_CARRY * 8, MAX_CARRY * PAGE;
    /// Its result, and the bytes it changed.
    Reply = 49, CHANGES + 40, 0;
    /// Bytes that a call changed, ahead of its reply, which they belong to.
    Changes = 63, CHANGES, 0;
    /// The deputy needs pages of guest memory.
    PageReq = 50, 64, 0;
    /// Here they are, as far as they are here.
    PageData = 51, BATCH_BODY, BATCH_BULK;
    /// A signal with a handler was taken at home.
    Signal = 52, 256, 0;
    /// Stop computing and say so.
    Pause = 53, 64, 0;
    /// Stopped.
    Paused = 54, 64, 0;
    /// Go on.
    Resume = 55, 64, 0;
    /// Come home.
    ComeHome = 56, 64, 0;
    /// Coming: state, pages and end follow.
    Coming = 57, 64, 0;
    /// Arrived; the guest may end.
    HomeOk = 58, 64, 0;
    /// Could not be received; the guest stays a guest.
    HomeFailed = 59, 64, 0;
    /// The guest needs pages of a mapped file.
    FileReq = 60, 64, 0;
    /// Here they are.
    FileData = 61, 16 + BATCH_BODY, BATCH_BULK;
    /// The guest's blocked signals changed (after a handler returned).
    Mask = 62, 64, 0;
    /// The guest wants a child or a thread: home makes its half, and answers with a reply.
    Fork = 64, 256, 0;
    /// The guest's half could not be made: home's shall vanish.
    Unborn = 65, 64, 0;
    /// First frame of a new task's link: which of the tasks that wait for one it belongs to.
    Join = 66, 64, 0;
    /// The child that had borrowed the guest's memory is done with it.
    VforkDone = 67, 64, 0;
    /// The deputy has become another program: the guest ends.
    Dismiss = 68, 64, 0;
    /// A further thread of the process that comes: its number.
    Thread = 69, 64, 0;
    /// The answer: what that thread's link is to be named by.
    Berth = 70, 64, 0;
    /// A thread of the guest wants the process to be home.
    WantHome = 71, 64, 0;
    /// CPU time that the guest has used so far, user and system, ns: from time to time while it computes.
    Used = 73, 64, 0;
    /// CPU time, as the guest tells it, at which home wants to be told: a timer goes by it. All ones: no hurry.
    Due = 80, 64, 0;
    /// Home has seen the mask, and sent the signals that it lets through.
    Masked = 75, 64, 0;
    /// A fault is to kill a child that cannot come home, because its memory is its parent's: home does it.
    Fault = 74, 256, 0;
    /// A signal came for which the guest has no handler any more, or not yet: home is to take it anew.
    Declined = 81, 64, 0;
    /// Instead of pages, from all threads but one: another brings the memory home.
    Rest = 72, 64, 0;
    /// Before a reply: the shared memory that the call has mapped, or is to unmap, as an element of [`Kind::Vmas`].
    Object = 76, 64, 0;
    /// What has changed in a shared object is to be sent: its number, and 1 for all that ever came from home.
    Sync = 77, 64, 0;
    /// Changed pages of it: the number as tag, offsets in place of addresses, contents.
    Content = 78, BATCH_BODY, BATCH_BULK;
    /// That was all.
    Synced = 79, 64, 0;
}

/// Why a frame was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// Does not begin with [`MAGIC`]: not one of us.
    BadMagic,
    /// Another version of the protocol.
    BadVersion(u16),
    /// A kind this version does not know.
    UnknownKind(u16),
    /// Longer than its kind allows.
    TooLong,
    /// Ends before its fields do, or has bytes left over.
    BadLength,
    /// A field has a value that it cannot have.
    BadValue,
}

impl core::fmt::Display for WireError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            WireError::BadMagic => f.write_str("not an openMosix frame"),
            WireError::BadVersion(v) => write!(f, "protocol version {v}, this node speaks {VERSION}"),
            WireError::UnknownKind(k) => write!(f, "unknown frame kind {k}"),
            WireError::TooLong => f.write_str("frame longer than its kind allows"),
            WireError::BadLength => f.write_str("frame has the wrong length for its contents"),
            WireError::BadValue => f.write_str("frame has an impossible value"),
        }
    }
}

/// The fixed part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame says.
    pub kind: Kind,
    /// Bytes of body.
    pub len: u32,
    /// Bytes of bulk after the body.
    pub bulk: u32,
    /// Number of the frame in its direction, from 0; a repeated or skipped one ends the link.
    pub seq: u64,
    /// Keyed hash over the first 24 header bytes and the body.
    pub tag: u64,
}

impl Header {
    /// Header as bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut out = [0u8; HEADER_LEN];
        let mut w = Writer::new(&mut out);
        w.u32(MAGIC);
        w.u16(VERSION);
        w.u16(self.kind as u16);
        w.u32(self.len);
        w.u32(self.bulk);
        w.u64(self.seq);
        w.u64(self.tag);
        out
    }

    /// Checks magic, version, kind and both lengths.
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Header, WireError> {
        let mut r = Reader::new(bytes);
        if r.u32()? != MAGIC {
            return Err(WireError::BadMagic);
        }
        let version = r.u16()?;
        if version != VERSION {
            return Err(WireError::BadVersion(version));
        }
        let number = r.u16()?;
        let kind = Kind::from_u16(number).ok_or(WireError::UnknownKind(number))?;
        let header = Header { kind, len: r.u32()?, bulk: r.u32()?, seq: r.u64()?, tag: r.u64()? };
        if header.len > kind.max_body() || header.bulk > kind.max_bulk() {
            return Err(WireError::TooLong);
        }
        Ok(header)
    }
}

/// Takes fields off a body, in order; every take can fail, none can panic.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// The next `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], WireError> {
        let (head, tail) = self.rest.split_at_checked(n).ok_or(WireError::BadLength)?;
        self.rest = tail;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        self.bytes(N)?.try_into().map_err(|_| WireError::BadLength)
    }

    /// Next u16.
    pub fn u16(&mut self) -> Result<u16, WireError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Next u32.
    pub fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Next u64.
    pub fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Bytes not taken yet.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The body must be used up.
    pub fn finish(self) -> Result<(), WireError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(WireError::BadLength)
        }
    }
}

/// Puts fields into a fixed buffer. Overflow is remembered, not panicked about: check [`Writer::len`].
pub struct Writer<'a> {
    buf: &'a mut [u8],
    at: usize,
    overflow: bool,
}

impl<'a> Writer<'a> {
    /// Starts at the beginning of `buf`.
    pub fn new(buf: &'a mut [u8]) -> Self {
        Writer { buf, at: 0, overflow: false }
    }

    /// Appends bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let end = self.at.saturating_add(bytes.len());
        match self.buf.get_mut(self.at..end) {
            Some(slot) => {
                slot.copy_from_slice(bytes);
                self.at = end;
            }
            None => self.overflow = true,
        }
    }

    /// Appends a u16.
    pub fn u16(&mut self, v: u16) {
        self.bytes(&v.to_le_bytes());
    }

    /// Appends a u32.
    pub fn u32(&mut self, v: u32) {
        self.bytes(&v.to_le_bytes());
    }

    /// Appends a u64.
    pub fn u64(&mut self, v: u64) {
        self.bytes(&v.to_le_bytes());
    }

    /// Bytes written, or an error if something did not fit.
    pub fn len(&self) -> Result<usize, WireError> {
        if self.overflow {
            Err(WireError::TooLong)
        } else {
            Ok(self.at)
        }
    }

    /// True while nothing was written.
    pub fn is_empty(&self) -> bool {
        self.at == 0
    }
}

macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[repr(C)]
        pub struct $name { $($(#[$fdoc])* pub $field: u64,)* }

        impl $name {
            /// Appends the fields in order.
            pub fn put(&self, w: &mut Writer<'_>) {
                $(w.u64(self.$field);)*
            }

            /// Takes the fields in order.
            pub fn take(r: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(Self { $($field: r.u64()?,)* })
            }
        }
    };
}

record! {
    /// The address space's outline, part of [`Kind::Move`]. Addresses in bytes.
    MmInfo {
        /// Text and data bounds, as in `/proc/PID/stat`.
        start_code, end_code, start_data, end_data,
        /// Heap bounds.
        start_brk, brk,
        /// Stack bottom, arguments and environment.
        start_stack, arg_start, arg_end, env_start, env_end,
        /// Where the kernel begins to look for free space, going down.
        mmap_base,
        /// Address and length of the vDSO text, and of the data pages before it.
        vdso, vdso_len, vvar, vvar_len,
        /// Keyed hash of the vDSO image: libc has remembered addresses inside it.
        vdso_hash,
        /// What the process has registered with membarrier, as the kernel keeps it.
        membarrier,
    }
}

record! {
    /// Body of [`Kind::Ping`]: the sender's clocks, ns. A number of echoes may follow.
    Clocks {
        /// Since the machine was started, without and with the time that it slept.
        monotonic, boottime,
        /// As its hardware counts.
        raw,
        /// Since 1970, with and without leap seconds left out.
        realtime, tai,
    }
}

record! {
    /// One mapping, element of [`Kind::Vmas`].
    Vma {
        /// First byte and first byte after.
        start, end,
        /// Protection, as for mmap: 1 read, 2 write, 4 execute.
        prot,
        /// Properties, see [`vma_flag`].
        flags,
        /// Offset in the file, in bytes; 0 for memory without a file.
        offset,
        /// Shared memory: home's number of it, and its size in bytes; else 0.
        object, size,
        /// With FILE: home's name for the file as it is now, as in [`FilePages`]; 0: it has none.
        file,
    }
}

/// Bits of [`Vma::flags`].
pub mod vma_flag {
    /// Backed by a file at home: pages that were not sent are asked for.
    pub const FILE: u64 = 1;
    /// Grows down (a stack).
    pub const GROWSDOWN: u64 = 2;
    /// Not copied by fork (`MADV_DONTFORK`).
    pub const DONTFORK: u64 = 4;
    /// Empty in a child (`MADV_WIPEONFORK`).
    pub const WIPEONFORK: u64 = 8;
    /// Shared with others or with a file: `object` says with what. Pages are asked for.
    pub const SHARED: u64 = 16;
    /// Locked in memory (`mlock`).
    pub const LOCKED: u64 = 256;
    /// With LOCKED: each page when it is touched first.
    pub const LOCKONFAULT: u64 = 512;
    /// All the bits this version knows.
    pub const ALL: u64 = FILE | GROWSDOWN | DONTFORK | WIPEONFORK | SHARED | LOCKED | LOCKONFAULT;
}

record! {
    /// Fixed part of [`Kind::State`]: what a thread has besides memory. `nregs` register values,
    /// `nsigs` signals of [`SIGINFO_LEN`] bytes and `xstate_len` bytes of processor state follow.
    State {
        /// Bases of the fs and gs segments.
        fsbase, gsbase,
        /// Blocked signals; the mask to restore after an interrupted call; whether there is one.
        blocked, saved_mask, restore_mask,
        /// Alternate signal stack: address, size, flags.
        altstack_sp, altstack_size, altstack_flags,
        /// Robust futex list head and the address cleared at exit.
        robust_list, clear_child_tid,
        /// Restartable sequences: address, length, signature.
        rseq, rseq_len, rseq_sig,
        /// Protection key rights register.
        pkru,
        /// CPU time used so far, user and system, in ns.
        utime, stime,
        /// The most memory that its process had at once, in pages.
        peak,
        /// Forwarded calls made since the last move.
        calls,
        /// Signals received from home, so that home knows which were under way.
        signals_seen,
        /// The monotonic clock as the process saw it last, ns.
        monotonic,
        /// The raw clock and the time of day likewise.
        raw, realtime,
        /// By the monotonic clock, when the futex wait ends that was interrupted; 0: there is none that ends by itself.
        wait_until,
        /// 1: home has a filter for its calls (seccomp), and is asked about those made at the guest too.
        filtered,
        /// How many signals follow.
        nsigs,
        /// How many bytes of processor state follow.
        xstate_len,
    }
}

record! {
    /// What a thread has used at the guest since it came, and its process: part of [`Kind::Call`], body of [`Kind::Used`].
    Usage {
        /// CPU time, user and system, in ns.
        utime, stime,
        /// The most memory that the process had at once, in pages.
        peak,
    }
}

record! {
    /// Fixed part of [`Kind::Call`]; `npages` addresses follow, and their pages as bulk.
    Call {
        /// Blocked signals at the guest.
        blocked,
        /// Signals received so far, so that home knows which the guest has seen.
        signals_seen,
        /// Region the call will fill from its beginning by its result's number of bytes; its inner pages need no fetching.
        fill_start, fill_end,
        /// Where the region itself begins: `fill_start` is its first whole page.
        fill_origin,
        /// Pages carried.
        npages,
        /// Number of this call among those of all threads of the process, from 1, given before its pages were copied.
        number,
        /// One of [`purpose`].
        purpose,
    }
}

/// What a call is for.
pub mod purpose {
    /// Home makes it.
    pub const MAKE: u64 = 0;
    /// The guest makes it; home is only to say what its filter says.
    pub const JUDGE: u64 = 1;
    /// It is another part of the call before it, whose buffer is too large for one. If that is about a file it is made whatever
    /// else there is to do: it would not be interrupted at home either.
    pub const CONTINUE: u64 = 2;
}

record! {
    /// Body of [`Kind::Fork`]: what home needs to know of the new task.
    Fork {
        /// Blocked signals at the guest, and signals received so far, as in [`Call`].
        blocked, signals_seen,
        /// CPU time used so far, user and system, in ns.
        utime, stime,
        /// Flags of clone, without the signal; the signal its end sends.
        flags, exit_signal,
        /// Where a pidfd is to be written; descriptor of its cgroup.
        pidfd, cgroup,
        /// Names the guest's half, so that the two meet.
        cookie_low, cookie_high,
    }
}

record! {
    /// Body of [`Kind::Join`].
    Join {
        /// As in [`Fork`].
        cookie_low, cookie_high,
        /// Pid of the new task's process in home's initial namespace.
        pid,
        /// The task's number as it sees it itself, which its parent need not do.
        own_tid,
    }
}

record! {
    /// Fixed part of [`Kind::Reply`]; pieces of changed memory follow: address u64, length u32, bytes.
    Reply {
        /// Result register; -512 … -516 ask the guest's kernel for a restart.
        ax,
        /// See [`reply_flag`].
        flags,
        /// Number of this reply among those to all threads of the process, from 1: their changes are made in this order.
        ticket,
        /// See [`Kind::Due`].
        due,
        /// What home's monotonic clock said, ns, after a call that has taken some time; 0 after others. The guest's clock, which is a
        /// little behind, must have reached that before the program goes on.
        after,
    }
}

/// Bits of [`Reply::flags`].
pub mod reply_flag {
    /// Come home as soon as the call is finished.
    pub const COME_HOME: u64 = 1;
    /// Blocked signals wait at home: when a handler returns they may come first.
    pub const SIGNALS_WAIT: u64 = 2;
    /// The calls of this thread are filtered at home.
    pub const FILTERED: u64 = 4;
    /// The filter has answered: the call was not made, and is not to be made at the guest.
    pub const SKIPPED: u64 = 8;
}

record! {
    /// [`Kind::Signal`]: `SIGINFO_LEN` bytes follow.
    Signal {
        /// Number, 1 to 64.
        signo,
        /// Mask in force when it was taken; 1: the guest's own must be restored afterwards; 2: more signals wait for the
        /// end of the handler.
        mask, restore_mask,
        /// What home's monotonic clock said, ns: the guest's must have reached that before the handler runs.
        after,
    }
}

/// Tag of a [`Kind::FileData`] that ends early for now: what is missing may be there when it is asked for again.
pub const LATER: u64 = 1;

record! {
    /// Fixed part of [`Kind::FileData`]; addresses as of [`put_addresses`] follow.
    FilePages {
        /// Home's name for the content of the file that the pages are from: another content has another name. The host may keep
        /// pages under it, for every guest from this home. 0: they are not to be kept.
        file,
        /// The number of the first page in that file; the others follow it.
        index,
    }
}

/// A list of page addresses, the body of every frame that carries pages.
pub fn put_addresses(w: &mut Writer<'_>, tag: u64, addresses: &[u64]) {
    w.u64(tag);
    w.u64(addresses.len() as u64);
    for a in addresses {
        w.u64(*a);
    }
}

/// Takes a list written by [`put_addresses`] into `out`; gives the tag and the number of addresses.
/// Every address must be page-aligned and in the lower half.
pub fn take_addresses(body: &[u8], out: &mut [u64]) -> Result<(u64, usize), WireError> {
    addresses(Reader::new(body), out)
}

/// Takes the body of a [`Kind::FileData`]: where the pages are from, and what [`take_addresses`] gives.
pub fn take_file_pages(body: &[u8], out: &mut [u64]) -> Result<(FilePages, u64, usize), WireError> {
    let mut r = Reader::new(body);
    let from = FilePages::take(&mut r)?;
    let (tag, n) = addresses(r, out)?;
    if from.index.checked_add(n as u64).map_or(true, |end| end > MAX_FILE_PAGES) {
        return Err(WireError::BadValue);
    }
    Ok((from, tag, n))
}

fn addresses(mut r: Reader<'_>, out: &mut [u64]) -> Result<(u64, usize), WireError> {
    let tag = r.u64()?;
    let n = usize::try_from(r.u64()?).map_err(|_| WireError::BadValue)?;
    let slots = out.get_mut(..n).ok_or(WireError::TooLong)?;
    for slot in slots {
        *slot = page_address(r.u64()?)?;
    }
    r.finish()?;
    Ok((tag, n))
}

/// End of user addresses with four-level page tables.
pub const TASK_SIZE: u64 = 0x7fff_ffff_f000;

/// Checks that `a` is the address of a user page.
pub fn page_address(a: u64) -> Result<u64, WireError> {
    if a % PAGE as u64 != 0 || a >= TASK_SIZE {
        return Err(WireError::BadValue);
    }
    Ok(a)
}

/// Takes and checks one mapping: aligned, not empty, in the lower half, above `after`, known flags.
pub fn take_vma(r: &mut Reader<'_>, after: u64) -> Result<Vma, WireError> {
    let v = Vma::take(r)?;
    page_address(v.start)?;
    let aligned = v.end % PAGE as u64 == 0 && v.offset % PAGE as u64 == 0;
    if !aligned
        || v.end <= v.start
        || v.end > TASK_SIZE
        || v.start < after
        || v.prot > 7
        || v.flags & !vma_flag::ALL != 0
        || (v.flags & vma_flag::SHARED != 0) != (v.object != 0)
        || v.flags & (vma_flag::SHARED | vma_flag::FILE) == vma_flag::SHARED | vma_flag::FILE
        || v.size > TASK_SIZE
        || (v.flags & vma_flag::FILE == 0 && v.file != 0)
    {
        return Err(WireError::BadValue);
    }
    Ok(v)
}

/// Bytes that [`diff`] would take on the wire: 12 for each piece, and the piece.
pub fn diff_len(old: &[u8], new: &[u8]) -> usize {
    let mut total = 0;
    diff(0, old, new, |_, piece| {
        total += 12 + piece.len();
        true
    });
    total
}

/// Gives out the pieces of changed memory (address u64, length u32, bytes) until `take` says false.
pub fn pieces(bytes: &[u8], mut take: impl FnMut(u64, &[u8]) -> bool) -> Result<(), WireError> {
    let mut r = Reader::new(bytes);
    while r.remaining() > 0 {
        let addr = r.u64()?;
        let len = r.u32()?;
        let body = r.bytes((len & !SCATTERED) as usize)?;
        let more = if len & SCATTERED == 0 { take(addr, body) } else { gather(addr, body, &mut take)? };
        if !more {
            break;
        }
    }
    Ok(())
}

/// In the length of a piece: it begins with a mask of [`MASK`] bytes, a bit for each byte of a page, lowest first,
/// and has only the bytes whose bits are set.
pub const SCATTERED: u32 = 1 << 31;
/// Bytes of the mask of a page.
pub const MASK: usize = PAGE / 8;

/// The bytes in which a page differs, as the body of a [`SCATTERED`] piece in `out` ([`MASK`] + [`PAGE`] bytes).
/// Its length: less than 13 for each byte, which is what changes that lie apart take otherwise.
pub fn scatter(old: &[u8], new: &[u8], out: &mut [u8]) -> Option<usize> {
    let (mask, bytes) = out.split_at_mut_checked(MASK)?;
    mask.fill(0);
    let mut n = 0;
    for (i, (a, b)) in old.iter().zip(new).enumerate() {
        if a != b {
            *mask.get_mut(i / 8)? |= 1 << (i % 8);
            *bytes.get_mut(n)? = *b;
            n += 1;
        }
    }
    Some(MASK + n)
}

/// Gives out what [`scatter`] has put together, neighbours in one.
fn gather(addr: u64, body: &[u8], mut take: impl FnMut(u64, &[u8]) -> bool) -> Result<bool, WireError> {
    let (mask, mut bytes) = body.split_at_checked(MASK).ok_or(WireError::BadLength)?;
    let is_set = |i: usize| mask.get(i / 8).is_some_and(|m| m & (1 << (i % 8)) != 0);
    let mut i = 0;
    while i < PAGE {
        let start = i;
        while i < PAGE && is_set(i) {
            i += 1;
        }
        if i == start {
            i += 1;
            continue;
        }
        let (piece, rest) = bytes.split_at_checked(i - start).ok_or(WireError::BadLength)?;
        bytes = rest;
        if !take(addr.wrapping_add(start as u64), piece) {
            return Ok(false);
        }
    }
    if bytes.is_empty() { Ok(true) } else { Err(WireError::BadLength) }
}

/// Appends the pieces in which `new` differs from `old` (same length) to `out` through `emit(address, bytes)`.
/// Neighbouring differences closer than 16 bytes are still separate when unchanged bytes lie
/// between them: a byte that home did not change is never written at the guest.
pub fn diff(address: u64, old: &[u8], new: &[u8], mut emit: impl FnMut(u64, &[u8]) -> bool) -> bool {
    let n = old.len().min(new.len());
    let mut i = 0;
    while i < n {
        // Whole words first: most of a page is unchanged.
        if let (Some(a), Some(b)) = (old.get(i..i + 8), new.get(i..i + 8)) {
            if a == b {
                i += 8;
                continue;
            }
        }
        if old.get(i) == new.get(i) {
            i += 1;
            continue;
        }
        let start = i;
        while i < n && old.get(i) != new.get(i) {
            i += 1;
        }
        match new.get(start..i) {
            Some(piece) if emit(address + start as u64, piece) => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trip_and_bounds() {
        for &kind in Kind::ALL {
            let h = Header { kind, len: kind.max_body(), bulk: kind.max_bulk(), seq: 7, tag: 9 };
            assert_eq!(Header::decode(&h.encode()), Ok(h));
            let long = Header { len: kind.max_body() + 1, ..h };
            assert_eq!(Header::decode(&long.encode()), Err(WireError::TooLong));
        }
        let mut bytes = [0u8; HEADER_LEN];
        assert_eq!(Header::decode(&bytes), Err(WireError::BadMagic));
        bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4] = 99;
        assert_eq!(Header::decode(&bytes), Err(WireError::BadVersion(99)));
    }

    #[test]
    fn writer_remembers_overflow() {
        let mut buf = [0u8; 12];
        let mut w = Writer::new(&mut buf);
        w.u64(1);
        assert_eq!(w.len(), Ok(8));
        w.u64(2);
        assert_eq!(w.len(), Err(WireError::TooLong));
    }

    #[test]
    fn diff_names_only_changed_bytes() {
        let old = [0u8; 64];
        let mut new = old;
        new[3] = 1;
        new[5] = 2;
        new[63] = 3;
        let mut seen = [(0u64, 0u8); 3];
        let mut n = 0;
        assert!(diff(0x1000, &old, &new, |a, b| {
            assert_eq!(b.len(), 1);
            seen[n] = (a, b[0]);
            n += 1;
            true
        }));
        assert_eq!(seen, [(0x1003, 1), (0x1005, 2), (0x103f, 3)]);
    }

    #[test]
    fn scattered_changes_come_as_they_are() {
        let old = [7u8; PAGE];
        let mut new = old;
        for i in (0..PAGE).filter(|i| i % 3 == 1 || *i > 4000) {
            new[i] = i as u8 | 128;
        }
        let mut body = [0u8; 12 + MASK + PAGE];
        let n = scatter(&old, &new, &mut body[12..]).unwrap();
        body[..8].copy_from_slice(&0x5000u64.to_le_bytes());
        body[8..12].copy_from_slice(&(n as u32 | SCATTERED).to_le_bytes());
        let mut found = old;
        let mut written = 0;
        let ok = pieces(&body[..12 + n], |at, bytes| {
            let at = (at - 0x5000) as usize;
            found[at..at + bytes.len()].copy_from_slice(bytes);
            written += bytes.len();
            true
        });
        assert_eq!((ok, found == new, written), (Ok(()), true, n - MASK));
        // A byte too few, a byte too many, no mask.
        for (len, given) in [(n - 1, n - 1), (n + 1, n + 1), (100, 100)] {
            body[8..12].copy_from_slice(&(len as u32 | SCATTERED).to_le_bytes());
            assert!(pieces(&body[..12 + given], |_, _| true).is_err());
        }
    }

    #[test]
    fn pieces_come_in_order_and_whole() {
        let mut body = [0u8; 64];
        let mut w = Writer::new(&mut body);
        w.u64(0x1000);
        w.u32(3);
        w.bytes(b"abc");
        w.u64(0x2000);
        w.u32(0);
        let len = w.len().unwrap();
        let mut sum = (0, 0);
        assert_eq!(pieces(&body[..len], |at, bytes| { sum = (sum.0 + at, sum.1 + bytes.len()); true }), Ok(()));
        assert_eq!(sum, (0x3000, 3));
        assert_eq!(pieces(&body[..len - 1], |_, _| true), Err(WireError::BadLength));
    }

    #[test]
    fn vma_checks() {
        let good = Vma { start: 0x1000, end: 0x3000, prot: 3, flags: 0, offset: 0, object: 0, size: 0, file: 0 };
        let check = |v: Vma| {
            let mut buf = [0u8; VMA_LEN];
            let mut w = Writer::new(&mut buf);
            v.put(&mut w);
            assert_eq!(w.len(), Ok(VMA_LEN));
            take_vma(&mut Reader::new(&buf), 0x1000)
        };
        assert_eq!(check(good), Ok(good));
        for bad in [
            Vma { start: 0x1001, ..good },
            Vma { end: 0x1000, ..good },
            Vma { end: u64::MAX, ..good },
            Vma { start: 0, ..good },
            Vma { prot: 8, ..good },
            Vma { flags: 16, ..good },
            Vma { file: 5, ..good },
        ] {
            assert_eq!(check(bad), Err(WireError::BadValue));
        }
    }
}
