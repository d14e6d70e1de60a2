// SPDX-License-Identifier: GPL-2.0-only
//! Tasks: finding them, running work in them, and the current task's registers, signals and role.
//!
//! Functions without a `Task` concern the current task and are called in process context.

use super::super::omcore::traits::{self, Traits};
use super::super::omcore::wire::{self, State};
use super::{ffi, Signal};
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::marker::PhantomPinned;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};
use kernel::error::{to_result, Result};
use kernel::prelude::*;

/// A counted reference to a process (its first thread).
pub(crate) struct Task(NonNull<ffi::Opaque>);

// SAFETY: a task reference may be used and dropped by any task.
unsafe impl Send for Task {}
// SAFETY: as above.
unsafe impl Sync for Task {}

impl Clone for Task {
    fn clone(&self) -> Self {
        // SAFETY: the reference is counted; one more is given out, and it is the same pointer.
        unsafe { ffi::om_task_get(self.0.as_ptr()) };
        Task(self.0)
    }
}

impl PartialEq for Task {
    fn eq(&self, other: &Task) -> bool {
        self.0 == other.0
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // SAFETY: the reference is ours.
        unsafe { ffi::om_task_put(self.0.as_ptr()) };
    }
}

impl Task {
    /// The current task; of a process with threads, this very thread.
    pub(crate) fn current() -> Result<Task> {
        // SAFETY: no preconditions; returns a counted reference.
        NonNull::new(unsafe { ffi::om_task_current() }).map(Task).ok_or(ESRCH)
    }

    /// The process with this pid in the caller's namespace.
    pub(crate) fn find(pid: i32) -> Option<Task> {
        // SAFETY: no preconditions; returns a counted reference or null.
        NonNull::new(unsafe { ffi::om_task_find(pid) }).map(Task)
    }

    /// The process with this pid in the initial namespace.
    pub(crate) fn find_global(pid: i32) -> Option<Task> {
        // SAFETY: no preconditions; returns a counted reference or null.
        NonNull::new(unsafe { ffi::om_task_find_global(pid) }).map(Task)
    }

    /// Of a process whose first thread it was: the one that has taken its place, by executing a program.
    pub(crate) fn successor(&self) -> Option<Task> {
        // SAFETY: the reference is counted; returns a counted reference or null.
        NonNull::new(unsafe { ffi::om_task_successor(self.0.as_ptr()) }).map(Task)
    }

    /// Pid in the initial namespace.
    pub(crate) fn pid(&self) -> i32 {
        // SAFETY: the reference is counted.
        unsafe { ffi::om_task_pid(self.0.as_ptr()) }
    }

    /// Pid in the namespace of the current task; 0 if it cannot be seen from there.
    pub(crate) fn seen_pid(&self) -> i32 {
        // SAFETY: the reference is counted.
        unsafe { ffi::om_task_vpid(self.0.as_ptr()) }
    }

    /// The name of its command.
    pub(crate) fn comm(&self) -> [u8; 16] {
        let mut name = [0; 16];
        // SAFETY: the reference is counted; room for TASK_COMM_LEN bytes.
        unsafe { ffi::om_task_comm(self.0.as_ptr(), name.as_mut_ptr()) };
        name
    }

    /// Takes over a counted reference.
    pub(super) fn from_counted(task: NonNull<ffi::Opaque>) -> Task {
        Task(task)
    }

    pub(super) fn raw(&self) -> *mut ffi::Opaque {
        self.0.as_ptr()
    }

    /// When it was started, to tell it from a later process with its number.
    pub(crate) fn started(&self) -> u64 {
        // SAFETY: the reference is counted.
        unsafe { ffi::om_task_start(self.0.as_ptr()) }
    }

    /// Is it stopped by a signal or a tracer?
    pub(crate) fn stopped(&self) -> bool {
        // SAFETY: the reference is counted.
        unsafe { ffi::om_task_stopped(self.0.as_ptr()) }
    }

    /// Wakes it from a wait of ours, which looks whether what it waits for has come true.
    pub(crate) fn wake(&self) {
        // SAFETY: the reference is counted; one that has gone on meanwhile may sleep elsewhere, where it looks too.
        unsafe { ffi::om_wake(self.0.as_ptr()) };
    }

    /// A deputy: if it is stopped, it goes on inside [`take_signal`], and finds that it was [`roused`].
    pub(crate) fn rouse(&self) {
        // SAFETY: the reference is counted; a deputy stops in `take_signal` only.
        unsafe { ffi::om_rouse(self.0.as_ptr()) };
    }

    /// Its CPU time, user and system, ns.
    pub(crate) fn cputime(&self) -> (u64, u64) {
        let (mut u, mut s) = (0, 0);
        // SAFETY: the reference is counted; two valid places.
        unsafe { ffi::om_task_cputime(self.0.as_ptr(), &mut u, &mut s) };
        (u, s)
    }

    /// Of all threads of its process that are still there: CPU time, and time they could have run and did not, ns.
    pub(crate) fn demand(&self) -> (u64, u64) {
        let (mut cpu, mut waited) = (0, 0);
        // SAFETY: the reference is counted; two valid places.
        unsafe { ffi::om_process_demand(self.0.as_ptr(), &mut cpu, &mut waited) };
        (cpu, waited)
    }

    /// What was said of it.
    pub(crate) fn traits(&self) -> Traits {
        // SAFETY: the reference is counted.
        Traits(unsafe { ffi::om_traits_get(self.0.as_ptr()) })
    }

    /// Says something of it.
    pub(crate) fn change_traits(&self, (clear, set): traits::Change) -> Result {
        // SAFETY: the reference is counted.
        to_result(unsafe { ffi::om_traits_change(self.0.as_ptr(), clear, set) })
    }

    /// Its memory in pages: mapped, resident, shared, program text, of libraries, data, changed.
    pub(crate) fn memory_parts(&self) -> [u64; 7] {
        let mut out = [0; 7];
        // SAFETY: the reference is counted; room for seven.
        unsafe { ffi::om_task_memory(self.0.as_ptr(), out.as_mut_ptr()) };
        out
    }

    /// Its nice value, -20 to 19.
    pub(crate) fn nice(&self) -> i32 {
        // SAFETY: the reference is counted.
        unsafe { ffi::om_task_nice(self.0.as_ptr()) }
    }

    /// May the current task move it?
    pub(crate) fn may_control(&self) -> bool {
        // SAFETY: the reference is counted.
        unsafe { ffi::om_may_control(self.0.as_ptr()) }
    }

    /// Why it may not leave, as bits (see process/cantmove.rs).
    pub(crate) fn reasons(&self) -> u64 {
        // SAFETY: the reference is counted.
        unsafe { ffi::om_reasons(self.0.as_ptr()) }
    }

    /// Its role.
    pub(crate) fn role(&self) -> Role {
        role_of(self.0.as_ptr()).0
    }

    /// Runs `body(exiting)` in it at its next user-mode boundary, pulling it out of a sleeping call.
    pub(crate) fn run<F: FnOnce(bool) + Send + 'static>(&self, body: F) -> Result {
        let data = KBox::into_raw(KBox::new(body, GFP_KERNEL)?);
        // SAFETY: `run_boxed::<F>` takes the box back.
        let ret = to_result(unsafe { ffi::om_work_add(self.0.as_ptr(), run_boxed::<F>, data.cast()) });
        if ret.is_err() {
            // SAFETY: on error the work never runs, so the box is still ours.
            drop(unsafe { KBox::<F>::from_raw(data) });
        }
        ret
    }

    /// Makes its sleeping system call return, as a signal would.
    pub(crate) fn interrupt(&self) -> Result {
        self.run(|_| ())
    }
}

unsafe extern "C" fn run_boxed<F: FnOnce(bool) + Send>(data: *mut c_void, exiting: bool) {
    // SAFETY: `data` is the box that the sender gave away for exactly this call.
    let body = unsafe { KBox::<F>::from_raw(data.cast()) };
    KBox::into_inner(body)(exiting);
}

/// A plain function with a number, run after the current task's next exec.
pub(crate) fn arm_exec(f: unsafe extern "C" fn(*mut c_void, bool), number: usize) -> Result {
    // SAFETY: `number` is not a pointer and `f` knows it.
    to_result(unsafe { ffi::om_arm(f, number as *mut c_void) })
}

/// The current task is before a system call: when it has made it, it runs `f`. At most once; `f`'s first argument is void.
pub(crate) fn watch_call(f: unsafe extern "C" fn(*mut c_void, bool)) -> Result {
    // SAFETY: a function that lives as long as the module, which the role holds.
    to_result(unsafe { ffi::om_watch_call(f) })
}

/// If it has not made it yet: `f` will not run.
pub(crate) fn unwatch_call() {
    // SAFETY: no preconditions.
    unsafe { ffi::om_unwatch_call() };
}

/// What a task is to this module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub(crate) enum Role {
    /// Nothing.
    None = 0,
    /// The home half of a process that is away.
    Deputy = 1,
    /// The away half of a process of another node.
    Guest = 2,
    /// Will move after its next exec.
    Armed = 3,
    /// Child of a deputy or of a guest that is not yet one itself.
    Newborn = 4,
    /// Home for a call, see [`watch_call`].
    Watched = 5,
}

fn role_of(task: *mut ffi::Opaque) -> (Role, *const c_void) {
    let mut owner = core::ptr::null();
    // SAFETY: the hash only compares the task pointer; `owner` is a valid place.
    let role = match unsafe { ffi::om_role_kind(task, &mut owner) } {
        1 => Role::Deputy,
        2 => Role::Guest,
        3 => Role::Armed,
        4 => Role::Newborn,
        5 => Role::Watched,
        _ => Role::None,
    };
    (role, owner)
}

/// The current task's role and its owner.
pub(crate) fn role() -> (Role, *const c_void) {
    // SAFETY: no preconditions.
    role_of(unsafe { ffi::om_current() })
}

/// Gives the current task a role. `owner` comes back in `om_rust_role_gone` if the task dies with it.
pub(crate) fn set_role(role: Role, owner: *const c_void) -> Result {
    // SAFETY: the pointer is only handed back.
    to_result(unsafe { ffi::om_role_set(role as c_int, owner) })
}

/// A newborn takes its role. `owner` as for [`set_role`].
pub(crate) fn become_role(role: Role, owner: *const c_void) {
    // SAFETY: the pointer is only handed back.
    unsafe { ffi::om_role_become(role as c_int, owner) }
}

/// A newborn whose mappings do not call into this module, or are its parent's.
pub(crate) fn newborn_memory_done() {
    // SAFETY: no preconditions.
    unsafe { ffi::om_role_mm_done() }
}

pub(crate) use ffi::Clone3;

/// Where a new task is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// The deputy's.
    Home,
    /// The guest's; with CLONE_VFORK this waits until the child is done.
    Guest,
}

/// Makes a task that runs `body(exiting)` before anything else. The current task must have a role. Gives the child's number
/// as the current task sees it.
pub(crate) fn give_birth<F: FnOnce(bool) + Send + 'static>(how: &Clone3, half: Half, body: F) -> Result<i32> {
    let data = KBox::into_raw(KBox::new(body, GFP_KERNEL)?);
    // SAFETY: `run_boxed::<F>` takes the box back.
    let birth = unsafe { ffi::om_birth_arm(run_boxed::<F>, data.cast()) };
    if birth.is_null() {
        // SAFETY: nothing was armed, so the box is still ours.
        drop(unsafe { KBox::<F>::from_raw(data) });
        return Err(ENOMEM);
    }
    // SAFETY: a valid record; the call checks its values.
    let ret = unsafe {
        match half {
            Half::Home => ffi::om_clone_home(how),
            Half::Guest => ffi::om_clone_guest(how),
        }
    };
    // SAFETY: armed above by this task.
    if unsafe { ffi::om_birth_disarm(birth) } {
        // SAFETY: no child took it, so the box is still ours.
        drop(unsafe { KBox::<F>::from_raw(data) });
    }
    if ret < 0 {
        return Err(Error::from_errno(ret as c_int));
    }
    Ok(ret as i32)
}

/// The other threads of this process that are alive.
pub(crate) fn other_threads() -> Result<KVec<Task>> {
    let max = wire::MAX_THREADS as usize;
    // SAFETY: no preconditions.
    let room = (unsafe { ffi::om_thread_count() }.max(0) as usize + 16).min(max);
    let mut raw = KVec::from_elem(core::ptr::null_mut(), room, GFP_KERNEL)?;
    let mut list = KVec::with_capacity(room, GFP_KERNEL)?;
    // SAFETY: `raw` has room for as many; the references are ours.
    let n = super::count(unsafe { ffi::om_other_threads(raw.as_mut_ptr(), room as c_int) })?;
    for task in raw.iter().take(n).copied().filter_map(NonNull::new) {
        list.push(Task(task), GFP_KERNEL)?;
    }
    Ok(list)
}

/// Has this process more than one thread?
pub(crate) fn has_threads() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_thread_count() > 1 }
}

/// Guest: lets go of the robust futexes that this thread, whose number at home is `tid`, holds at its end.
pub(crate) fn robust_exit(tid: i32) {
    // SAFETY: no preconditions; user memory is checked.
    unsafe { ffi::om_robust_exit(tid as u32) }
}

/// Does somebody else use this address space too?
pub(crate) fn shares_memory() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_shares_mm() }
}

/// A forwarded execve. 0: this task is another program now.
pub(crate) fn exec_for(regs: &Regs, nr: u32) -> i64 {
    // SAFETY: a whole `struct pt_regs`; the call checks its arguments.
    unsafe { ffi::om_exec_forwarded(regs.as_ptr(), nr) as i64 }
}

/// Takes the role off again; its owner is not told.
pub(crate) fn clear_role() {
    // SAFETY: no preconditions.
    unsafe { ffi::om_role_clear() };
}

/// Frees what an armed task that died was armed with.
pub(crate) fn free_armed(owner: *mut c_void) {
    // SAFETY: called once, with the owner of an Armed role that is gone.
    unsafe { ffi::om_armed_free(owner) };
}

/// Of `struct om_kick`, and some room: `OM_KICK_WORDS` in task.h.
const KICK_WORDS: usize = 16;

/// A knock on one task, from any context. Pinned: the kernel links it into lists.
#[repr(C, align(8))]
pub(crate) struct Kick {
    raw: UnsafeCell<[u64; KICK_WORDS]>,
    _pin: PhantomPinned,
}

// SAFETY: om_kick_now() may be called from anywhere; nothing else touches the inside.
unsafe impl Send for Kick {}
// SAFETY: as above.
unsafe impl Sync for Kick {}

impl Drop for Kick {
    fn drop(&mut self) {
        // SAFETY: nobody can knock any more; sleeping is allowed where guests are dropped.
        unsafe { ffi::om_kick_fini(self.raw()) };
    }
}

impl Kick {
    /// Not usable before [`Kick::init`].
    pub(crate) const fn new() -> Self {
        Kick { raw: UnsafeCell::new([0; KICK_WORDS]), _pin: PhantomPinned }
    }

    /// Knocks on the current task will run `f(data)` there.
    pub(crate) fn init(&self, f: unsafe extern "C" fn(*mut c_void), data: *const c_void) {
        // SAFETY: the storage has the size of `struct om_kick` and is not queued yet.
        unsafe { ffi::om_kick_init(self.raw(), f, data.cast_mut()) };
    }

    /// Knocks.
    pub(crate) fn now(&self) {
        // SAFETY: initialized; queued at most once at a time.
        unsafe { ffi::om_kick_now(self.raw()) };
    }

    /// Knocks in a moment.
    pub(crate) fn soon(&self) {
        // SAFETY: initialized; its timer ends when this is dropped.
        unsafe { ffi::om_kick_soon(self.raw()) };
    }

    pub(super) fn raw(&self) -> *mut ffi::Opaque {
        self.raw.get().cast()
    }
}

/// A value that only one task may touch, checked when it does, and never twice at once (a fault inside a use of it
/// finds it busy).
pub(crate) struct TaskCell<T> {
    owner: *mut ffi::Opaque,
    busy: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: access is checked to come from one task only.
unsafe impl<T: Send> Send for TaskCell<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for TaskCell<T> {}

impl<T> TaskCell<T> {
    /// For the current task.
    pub(crate) fn new(value: T) -> Self {
        // SAFETY: no preconditions.
        TaskCell { owner: unsafe { ffi::om_current() }, busy: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Is the current task the one?
    pub(crate) fn is_owner(&self) -> bool {
        // SAFETY: no preconditions.
        self.owner == unsafe { ffi::om_current() }
    }

    /// Uses the value. EBUSY: another task, or in use further up.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Result<R> {
        if !self.is_owner() || self.busy.swap(true, Ordering::Acquire) {
            return Err(EBUSY);
        }
        // SAFETY: only the owner gets here, and `busy` excludes a second use.
        let r = f(unsafe { &mut *self.value.get() });
        self.busy.store(false, Ordering::Release);
        Ok(r)
    }
}

/// Registers in the kernel's order.
pub(crate) type Regs = [u64; wire::NREGS];

/// Position of `ax` in [`Regs`].
pub(crate) const AX: usize = 10;
/// Position of `orig_ax`.
pub(crate) const ORIG_AX: usize = 15;

/// The user registers of this task.
pub(crate) fn regs() -> Regs {
    let mut r = [0; wire::NREGS];
    // SAFETY: room for `struct pt_regs`.
    unsafe { ffi::om_regs_get(r.as_mut_ptr()) };
    r
}

/// Sets them, made harmless.
pub(crate) fn set_regs(r: &Regs) -> Result {
    // SAFETY: a whole `struct pt_regs`.
    to_result(unsafe { ffi::om_regs_set(r.as_ptr()) })
}

/// The frame of the system call that this task is entering.
pub(crate) struct Frame(NonNull<ffi::Opaque>);

impl Frame {
    /// From the dispatcher hook.
    ///
    /// # Safety
    ///
    /// `regs` is the current task's `pt_regs`, for as long as the value lives.
    pub(super) unsafe fn from_raw(regs: *mut c_void) -> Option<Frame> {
        NonNull::new(regs).map(Frame)
    }

    /// Number and arguments.
    pub(crate) fn call(&self) -> (u32, [u64; 6]) {
        let (mut nr, mut args) = (0, [0; 6]);
        // SAFETY: valid frame and places.
        unsafe { ffi::om_call_args(self.0.as_ptr(), &mut nr, args.as_mut_ptr()) };
        (nr as u32, args)
    }

    /// The result register.
    pub(crate) fn set_result(&self, ax: u64) {
        // SAFETY: valid frame.
        unsafe { ffi::om_regs_set_ax(self.0.as_ptr(), ax) };
    }

    /// Back to before the system call instruction.
    pub(crate) fn rewind(&self) {
        // SAFETY: valid frame.
        unsafe { ffi::om_regs_rewind(self.0.as_ptr()) };
    }

    /// In the dispatcher: the kernel makes this call, with arguments 0, in place of the program's.
    pub(crate) fn replace(&self, nr: u32) {
        // SAFETY: valid frame.
        unsafe { ffi::om_regs_replace(self.0.as_ptr(), nr) };
    }

    /// A call of class clock: this task's kernel answers, by the process' clocks.
    pub(crate) fn ask_clock(&self) {
        // SAFETY: valid frame of the current task; what it points at is checked as in any call.
        let result = unsafe { ffi::om_clock_call(self.0.as_ptr()) };
        self.set_result(result as u64);
    }

    /// Lets this task's kernel run the call with this frame.
    pub(crate) fn run(&self) -> i64 {
        // SAFETY: valid frame of the current task.
        unsafe { ffi::om_syscall_real(self.0.as_ptr()) as i64 }
    }
}

/// Is the current call made through the 32-bit entry?
pub(crate) fn is_ia32_call() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_is_ia32_call() }
}

/// A system call by this task for itself.
pub(crate) fn syscall(nr: u32, args: [u64; 6]) -> i64 {
    let [a, b, c, d, e, f] = args;
    // SAFETY: system calls check their arguments; pointers among them are user addresses.
    unsafe { ffi::om_syscall(nr, a, b, c, d, e, f) as i64 }
}

/// A system call on behalf of a guest with these registers. May never return.
pub(crate) fn syscall_for(regs: &Regs, nr: u32) -> i64 {
    // SAFETY: a whole `struct pt_regs`; the call checks its arguments.
    unsafe { ffi::om_syscall_forwarded(regs.as_ptr(), nr) as i64 }
}

/// Does this descriptor stand for a file, reading and writing which no signal interrupts?
pub(crate) fn is_file(fd: u64) -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_is_file(fd as u32) }
}

/// Does this descriptor stand for a file in `/proc` that shows which pages of the current process are in memory?
pub(crate) fn shows_pages(fd: u64) -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_shows_pages(fd as u32) }
}

/// Are this task's calls filtered (seccomp)?
pub(crate) fn filtered() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_filtered() }
}

/// Shows a guest's call to the filter, in the deputy, whose calls are filtered. `Some`: it is not to be made, this stands in
/// its place. The filter may end this task.
pub(crate) fn filter_call(regs: &Regs) -> Option<i64> {
    let mut result = 0;
    // SAFETY: a whole `struct pt_regs`, and a place for the result.
    let skip = unsafe { ffi::om_filter_call(regs.as_ptr(), &mut result) };
    skip.then_some(result as i64)
}

/// Thread state besides registers and memory; counts are left 0.
pub(crate) fn state() -> State {
    let mut s = State::default();
    // SAFETY: `s` has the layout of `struct om_state`.
    unsafe { ffi::om_state_get(&mut s) };
    s
}

/// When the futex wait ends that the present call is, was interrupted, and ends by itself; ns of the process' monotonic clock.
pub(crate) fn wait_until() -> Option<u64> {
    // SAFETY: no preconditions.
    Some(unsafe { ffi::om_wait_until() }).filter(|until| *until != 0)
}

/// Goes on with a futex wait that was interrupted elsewhere, or says in the registers how it has ended. The process is whole.
pub(crate) fn resume_wait(until: u64) {
    // SAFETY: process context; the call is the program's own, with arguments that are checked as in any call.
    unsafe { ffi::om_wait_resume(until) };
}

/// Sets it.
pub(crate) fn set_state(s: &State) -> Result {
    // SAFETY: `s` has the layout of `struct om_state`; values are checked.
    to_result(unsafe { ffi::om_state_set(s) })
}

/// Nothing of this task may write to user memory by itself any more.
pub(crate) fn park() {
    // SAFETY: no preconditions.
    unsafe { ffi::om_park() };
}

/// Bytes of processor state on this machine.
pub(crate) fn xstate_size() -> usize {
    // SAFETY: no preconditions.
    unsafe { ffi::om_xstate_size() }
}

/// Hash of the layout of the processor state on this machine.
pub(crate) fn xstate_layout() -> u64 {
    // SAFETY: no preconditions.
    unsafe { ffi::om_xstate_layout() }
}

/// Saves the processor state.
pub(crate) fn xstate(buf: &mut [u8]) -> Result {
    // SAFETY: `buf` is valid for its length.
    to_result(unsafe { ffi::om_xstate_get(buf.as_mut_ptr(), buf.len()) })
}

/// Loads it; the kernel checks it.
pub(crate) fn set_xstate(buf: &[u8]) -> Result {
    // SAFETY: `buf` is valid for its length.
    to_result(unsafe { ffi::om_xstate_set(buf.as_ptr(), buf.len()) })
}

/// Words of processor features that programs look at.
pub(crate) fn cpu_features() -> [u32; 8] {
    let mut out = [0; 8];
    // SAFETY: room for 8 words.
    unsafe { ffi::om_cpu_features(out.as_mut_ptr(), 8) };
    out
}

/// User and system CPU time of this task, ns.
pub(crate) fn cputime() -> (u64, u64) {
    let (mut u, mut s) = (0, 0);
    // SAFETY: two valid places.
    unsafe { ffi::om_cputime(&mut u, &mut s) };
    (u, s)
}

/// Adds CPU time used elsewhere.
pub(crate) fn add_cputime(utime: u64, stime: u64) {
    // SAFETY: no preconditions.
    unsafe { ffi::om_cputime_add(utime, stime) };
}

/// CPU time until the first timer of this task or its process is due that goes by CPU time, ns.
pub(crate) fn cpu_left() -> Option<u64> {
    // SAFETY: no preconditions.
    match unsafe { ffi::om_cpu_left() } {
        u64::MAX => None,
        left => Some(left),
    }
}

/// Does what waits for this task's user-mode boundary, such as timers that have run out.
pub(crate) fn run_works() {
    // SAFETY: process context.
    unsafe { ffi::om_run_works() };
}

/// Blocked signals as bits.
pub(crate) fn blocked() -> u64 {
    // SAFETY: no preconditions.
    unsafe { ffi::om_blocked() }
}

/// Those that the program blocks, whatever the call that it is in blocks.
pub(crate) fn program_mask() -> u64 {
    // SAFETY: no preconditions.
    unsafe { ffi::om_program_mask() }
}

/// Sets them.
pub(crate) fn set_blocked(bits: u64) {
    // SAFETY: no preconditions.
    unsafe { ffi::om_set_blocked(bits) };
}

/// Puts back the mask that an interrupted call had replaced.
pub(crate) fn restore_mask() {
    // SAFETY: no preconditions.
    unsafe { ffi::om_restore_mask() };
}

/// Takes a pending signal as the dispositions say: may stop, may never return. `Some`: one with a handler. One that would end the
/// process with a core file is taken only if `cores`.
pub(crate) fn take_signal(cores: bool) -> Option<Signal> {
    let mut s = Signal { signo: 0, mask: 0, restore_mask: 0, blocks: 0, once: 0, info: [0; wire::SIGINFO_LEN] };
    // SAFETY: `s` has the layout of `struct om_signal`.
    unsafe { ffi::om_take_signal(&mut s, cores) }.then_some(s)
}

/// Is this task stopped for everybody else, and was roused?
pub(crate) fn roused() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_roused() }
}

/// One that was roused stops again, before it returns to its program or when it takes signals next.
pub(crate) fn stop_again() {
    // SAFETY: no preconditions.
    unsafe { ffi::om_stop_again() };
}

/// Would taking signals stop this task?
pub(crate) fn stop_pending() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_stop_pending() }
}

/// Does this call say EINTR even when nothing but a move interrupts it?
pub(crate) fn never_restarted(nr: u32) -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_never_restarted(nr) }
}

/// Is any signal pending, blocked or not?
pub(crate) fn signals_wait() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_signals_wait() }
}

/// Would taking signals end this process with a core file?
pub(crate) fn core_pending() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_core_pending() }
}

/// Guest: queues a signal that has a handler.
/// False: it has none, because another thread has changed that.
pub(crate) fn queue_signal(s: &Signal) -> Result<bool> {
    // SAFETY: `s` has the layout of `struct om_signal`.
    let ret = unsafe { ffi::om_queue_signal(s) };
    to_result(ret.min(0)).map(|()| ret == 0)
}

/// Takes any queued signal out.
pub(crate) fn dequeue_signal() -> Option<Signal> {
    let mut s = Signal { signo: 0, mask: 0, restore_mask: 0, blocks: 0, once: 0, info: [0; wire::SIGINFO_LEN] };
    // SAFETY: `s` has the layout of `struct om_signal`.
    unsafe { ffi::om_dequeue_any(&mut s) }.then_some(s)
}

/// Queues a signal that came along.
pub(crate) fn requeue_signal(s: &Signal) {
    // SAFETY: `s` has the layout of `struct om_signal`.
    unsafe { ffi::om_requeue_signal(s) };
}

/// One that was taken for a handler, and has had none: as if it had not been taken.
pub(crate) fn take_back(s: &Signal) {
    // SAFETY: `s` has the layout of `struct om_signal`.
    unsafe { ffi::om_take_back(s) };
}

/// Guest: does a fault wait that would kill it here?
pub(crate) fn fault_pending() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_fault_pending() }
}

/// Words of the table of signal actions: 64 times handler, flags, restorer, mask.
pub(crate) const SIGACTION_WORDS: usize = 64 * 4;

/// The table of signal actions.
pub(crate) fn sigactions(out: &mut [u64; SIGACTION_WORDS]) {
    // SAFETY: room for 64 `struct om_sigaction`.
    unsafe { ffi::om_sigactions_get(out.as_mut_ptr()) };
}

/// Sets it.
pub(crate) fn set_sigactions(from: &[u64; SIGACTION_WORDS]) {
    // SAFETY: 64 `struct om_sigaction`.
    unsafe { ffi::om_sigactions_set(from.as_ptr()) };
}

/// Guest: is the program reading a clock, in the vDSO?
pub(crate) fn in_vdso() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_in_vdso() }
}

/// The call on whose way out this runs, and which has succeeded, has failed.
pub(crate) fn fail_call(e: Error) {
    // SAFETY: no preconditions.
    unsafe { ffi::om_fail_call(e.to_errno()) };
}

/// A signal taken here is queued again: an action that is for one time is what it is in `before`.
pub(crate) fn rearm(s: &Signal, before: &[u64; SIGACTION_WORDS]) {
    // SAFETY: 64 `struct om_sigaction`; the number is checked inside.
    unsafe { ffi::om_rearm(s.signo as i32, before.as_ptr()) };
}

/// A soft resource limit.
pub(crate) fn rlimit(which: u32) -> u64 {
    // SAFETY: checked inside.
    unsafe { ffi::om_rlimit(which) }
}

/// Sets one.
pub(crate) fn set_rlimit(which: u32, value: u64) {
    // SAFETY: checked inside.
    unsafe { ffi::om_set_rlimit(which, value) };
}

/// Sends this task's system calls to the dispatcher hook, or no longer.
pub(crate) fn dispatch(on: bool) {
    // SAFETY: no preconditions.
    unsafe { ffi::om_dispatch_flag(on) };
}

/// Pid in the initial namespace.
pub(crate) fn pid() -> i32 {
    // SAFETY: no preconditions.
    unsafe { ffi::om_current_pid() }
}

/// Pid and thread id as the process itself sees them.
pub(crate) fn own_ids() -> (i32, i32) {
    // SAFETY: no preconditions.
    unsafe { (ffi::om_current_vpid(), ffi::om_current_vtid()) }
}

/// Owner and group of the current process.
pub(crate) fn owner() -> (u32, u32) {
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: two valid places.
    unsafe { ffi::om_owner(&mut uid, &mut gid) };
    (uid, gid)
}

/// A signal of the current process to itself.
pub(crate) fn tell_self(signal: u8, value: u16) {
    // SAFETY: no preconditions.
    unsafe { ffi::om_tell_self(signal.into(), value.into()) };
}

/// The command's name.
pub(crate) fn comm() -> [u8; 16] {
    let mut out = [0; 16];
    // SAFETY: TASK_COMM_LEN bytes.
    unsafe { ffi::om_comm(out.as_mut_ptr()) };
    out
}

/// Sets it; the last byte is made 0.
pub(crate) fn set_comm(mut name: [u8; 16]) {
    if let Some(last) = name.last_mut() {
        *last = 0;
    }
    // SAFETY: zero-terminated.
    unsafe { ffi::om_set_comm(name.as_ptr()) };
}

/// Ends this task by a signal, on its way out of the kernel.
pub(crate) fn kill_self() {
    // SAFETY: no preconditions.
    unsafe { ffi::om_kill_self(9) };
}

/// Ends this task as if it had never been: without a signal to its parent, which only has to take it away. A thread
/// ends alone. Does not return.
pub(crate) fn vanish() {
    // SAFETY: the task's role gives back what it holds.
    unsafe { ffi::om_vanish() }
}

/// Is this task being killed?
pub(crate) fn dying() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_fatal_pending() }
}

/// From now on this task, which is being killed, waits for its link all the same.
pub(crate) fn stubborn(on: bool) {
    // SAFETY: no preconditions; a task without a role is not.
    unsafe { ffi::om_role_set_stubborn(on) };
}

/// Is a signal (or a knock) waiting?
pub(crate) fn signal_pending() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_signal_pending() }
}

/// Shall a task that waits to see another process' memory give up?
pub(crate) fn disturbed() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_disturbed() }
}

/// Is a debugger attached?
pub(crate) fn traced() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_traced() }
}

/// Is the current task an administrator?
pub(crate) fn is_admin() -> bool {
    // SAFETY: no preconditions.
    unsafe { ffi::om_capable() }
}

/// Monotonic nanoseconds.
pub(crate) fn now_ns() -> u64 {
    // SAFETY: no preconditions.
    unsafe { ffi::om_now_ns() }
}

/// Sleeps.
pub(crate) fn sleep_ms(ms: u32) {
    // SAFETY: process context.
    unsafe { ffi::om_msleep(ms) };
}

/// Makes the kernel look at the result of the present call for a restart code on the way out.
pub(crate) fn make_restart() {
    // SAFETY: no preconditions.
    unsafe { ffi::om_restart_pending() };
}

/// Lets others run.
pub(crate) fn breathe() {
    // SAFETY: process context.
    unsafe { ffi::om_cond_resched() };
}

// ---- what C calls ----

#[no_mangle]
unsafe extern "C" fn om_rust_dispatch(owner: *const c_void, regs: *mut c_void) -> bool {
    // SAFETY: the hook passes the current task's frame.
    match unsafe { Frame::from_raw(regs) } {
        // SAFETY: the owner of a Guest role is a guest that lives as long as the role, which is the caller's.
        Some(frame) => unsafe { crate::guest::from_owner(owner) }.dispatch(&frame),
        None => false,
    }
}

#[no_mangle]
unsafe extern "C" fn om_rust_guest_kick(owner: *const c_void) -> *mut c_void {
    // SAFETY: the owner of a Guest role is a guest that lives as long as the role.
    unsafe { crate::guest::from_owner(owner) }.kick.raw()
}

#[no_mangle]
unsafe extern "C" fn om_rust_role_gone(kind: c_int, owner: *mut c_void, exit_code: c_int) {
    match kind {
        // SAFETY: the role is gone; its owner's reference is given back exactly once.
        1 => unsafe { crate::deputy::gone(owner, exit_code) },
        // SAFETY: as above.
        2 => unsafe { crate::guest::gone(owner) },
        3 | 5 => free_armed(owner),
        _ => {}
    }
}

#[no_mangle]
unsafe extern "C" fn om_rust_touch(owner: *const c_void, how: c_int) -> c_int {
    // SAFETY: the call is the deputy's own; its role, and so its owner, lives.
    unsafe { crate::deputy::from_owner(owner) }.touch(how)
}

#[no_mangle]
unsafe extern "C" fn om_rust_call_home(pid: c_int) {
    crate::process::journey::call_home(pid);
}

#[no_mangle]
unsafe extern "C" fn om_rust_fetch(owner: *const c_void, guest: bool, addr: u64, n: u64, locked: bool) -> c_int {
    let ret = if guest {
        // SAFETY: the fault is the guest's own; its role, and so its owner, lives.
        unsafe { crate::guest::from_owner(owner) }.fetch(addr, n)
    } else {
        // SAFETY: the fault is the deputy's own; its role, and so its owner, lives.
        unsafe { crate::deputy::from_owner(owner) }.fetch(addr, n, locked)
    };
    ret.map_or_else(|e| e.to_errno(), |()| 0)
}

#[no_mangle]
extern "C" fn om_rust_traits_born(bits: u64) -> u64 {
    Traits(bits).born().0
}

#[no_mangle]
extern "C" fn om_rust_traits_exec(bits: u64) -> u64 {
    Traits(bits).executed().0
}
