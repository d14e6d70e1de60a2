// SPDX-License-Identifier: GPL-2.0-only
//! The C functions of this folder, declared once more. Nothing outside `sys` uses this file.
//!
//! Every pointer parameter must be valid for what the C comment says for the duration of the call.

use super::super::omcore::clocks::Shifts;
use super::super::omcore::wire;
use core::ffi::{c_int, c_long, c_uint, c_ulong, c_void};

/// A C object seen only through pointers.
pub(super) type Opaque = c_void;
/// Work run in a task: `(data, exiting)`.
pub(super) type WorkFn = unsafe extern "C" fn(*mut c_void, bool);

/// Mirror of `struct om_signal`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Signal {
    pub(crate) signo: u64,
    pub(crate) mask: u64,
    pub(crate) restore_mask: u64,
    /// What its handler blocks.
    pub(crate) blocks: u64,
    /// Its handler, if taking the signal has used that up; else 0.
    pub(crate) once: u64,
    pub(crate) info: [u8; wire::SIGINFO_LEN],
}

/// Mirror of `struct om_clone`: a new task as its parent asked for it.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Clone3 {
    pub(crate) flags: u64,
    pub(crate) exit_signal: u64,
    pub(crate) pidfd: u64,
    pub(crate) cgroup: u64,
    /// Where its stack begins (the highest address), 0: where the parent's is.
    pub(crate) stack: u64,
    pub(crate) child_tid: u64,
    pub(crate) tls: u64,
}

/// Mirror of `struct om_branch_file`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct BranchFile {
    pub(super) name: [u8; 16],
    pub(super) mode: c_uint,
    pub(super) file: c_uint,
}

/// Mirror of `struct om_census_entry`: what a process has used since its start.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct CensusEntry {
    pub(crate) pid: i32,
    pub(crate) threads: u32,
    /// When it was started.
    pub(crate) started: u64,
    /// CPU time, and time it could have run and did not, ns.
    pub(crate) cpu: u64,
    pub(crate) waited: u64,
    /// Bytes that only it has.
    pub(crate) memory: u64,
    /// Reads, writes and waits.
    pub(crate) calls: u64,
    /// Bytes written, and read.
    pub(crate) out: u64,
    pub(crate) input: u64,
}

extern "C" {
    // symbols.c, hooks.c, roles.c
    pub(super) fn om_symbols_init(missing: *mut u8, len: usize) -> c_int;
    pub(super) fn om_hooks_init() -> c_int;
    pub(super) fn om_hooks_exit();
    pub(super) fn om_computing_init();
    pub(super) fn om_computing_exit();
    pub(super) fn om_tracer_init();
    pub(super) fn om_tracer_exit();
    pub(super) fn om_role_set(kind: c_int, owner: *const c_void) -> c_int;
    pub(super) fn om_role_clear();
    pub(super) fn om_role_kind(task: *mut Opaque, owner: *mut *const c_void) -> c_int;
    pub(super) fn om_role_become(kind: c_int, owner: *const c_void);
    pub(super) fn om_role_mm_done();
    pub(super) fn om_role_set_stubborn(on: bool);
    pub(super) fn om_birth_arm(f: WorkFn, data: *mut c_void) -> *mut Opaque;
    pub(super) fn om_birth_disarm(birth: *mut Opaque) -> bool;
    pub(super) fn om_roles_init() -> c_int;
    pub(super) fn om_roles_flush();
    pub(super) fn om_roles_exit();

    // census.c, traits.c
    pub(super) fn om_census(out: *mut CensusEntry, most: c_uint) -> c_uint;
    pub(super) fn om_process_demand(task: *mut Opaque, cpu: *mut u64, waited: *mut u64);
    pub(super) fn om_traits_get(task: *mut Opaque) -> u64;
    pub(super) fn om_traits_change(task: *mut Opaque, clear: u64, set: u64) -> c_int;
    pub(super) fn om_traits_clear();

    // task.c
    pub(super) fn om_work_add(task: *mut Opaque, f: WorkFn, data: *mut c_void) -> c_int;
    pub(super) fn om_arm(f: WorkFn, data: *mut c_void) -> c_int;
    pub(super) fn om_armed_free(work: *mut c_void);
    pub(super) fn om_kick_init(kick: *mut Opaque, f: unsafe extern "C" fn(*mut c_void), data: *mut c_void);
    pub(super) fn om_kick_fini(kick: *mut Opaque);
    pub(super) fn om_kick_now(kick: *mut Opaque);
    pub(super) fn om_kick_soon(kick: *mut Opaque);
    pub(super) fn om_current() -> *mut Opaque;
    pub(super) fn om_current_pid() -> c_int;
    pub(super) fn om_current_vpid() -> c_int;
    pub(super) fn om_current_vtid() -> c_int;
    pub(super) fn om_owner(uid: *mut u32, gid: *mut u32);
    pub(super) fn om_tell_self(sig: c_int, value: c_int);
    pub(super) fn om_comm(out: *mut u8);
    pub(super) fn om_set_comm(name: *const u8);
    pub(super) fn om_kill_self(sig: c_int);
    pub(super) fn om_vanish();
    pub(super) fn om_fatal_pending() -> bool;
    pub(super) fn om_signal_pending() -> bool;
    pub(super) fn om_disturbed() -> bool;
    pub(super) fn om_now_ns() -> u64;
    pub(super) fn om_msleep(ms: c_uint);
    pub(super) fn om_traced() -> bool;
    pub(super) fn om_cond_resched();
    pub(super) fn om_task_find(pid: c_int) -> *mut Opaque;
    pub(super) fn om_task_find_global(pid: c_int) -> *mut Opaque;
    pub(super) fn om_task_successor(task: *mut Opaque) -> *mut Opaque;
    pub(super) fn om_task_get(task: *mut Opaque) -> *mut Opaque;
    pub(super) fn om_other_threads(out: *mut *mut Opaque, max: c_int) -> c_int;
    pub(super) fn om_thread_count() -> c_int;
    pub(super) fn om_robust_exit(tid: u32);
    pub(super) fn om_task_put(task: *mut Opaque);
    pub(super) fn om_task_pid(task: *mut Opaque) -> c_int;
    pub(super) fn om_task_vpid(task: *mut Opaque) -> c_int;
    pub(super) fn om_task_comm(task: *mut Opaque, out: *mut u8);
    pub(super) fn om_task_start(task: *mut Opaque) -> u64;
    pub(super) fn om_task_stopped(task: *mut Opaque) -> bool;
    pub(super) fn om_rouse(task: *mut Opaque);
    pub(super) fn om_roused() -> bool;
    pub(super) fn om_wake(task: *mut Opaque);
    pub(super) fn om_stop_again();
    pub(super) fn om_task_cputime(task: *mut Opaque, utime: *mut u64, stime: *mut u64);
    pub(super) fn om_task_memory(task: *mut Opaque, out: *mut u64);
    pub(super) fn om_task_nice(task: *mut Opaque) -> c_int;
    pub(super) fn om_may_control(task: *mut Opaque) -> bool;
    pub(super) fn om_capable() -> bool;
    pub(super) fn om_reasons(task: *mut Opaque) -> u64;
    pub(super) fn om_regs_get(out: *mut u64);
    pub(super) fn om_regs_set(regs: *const u64) -> c_int;
    pub(super) fn om_regs_rewind(regs: *mut Opaque);
    pub(super) fn om_regs_replace(regs: *mut Opaque, nr: c_uint);
    pub(super) fn om_call_args(regs: *const Opaque, nr: *mut u64, args: *mut u64);
    pub(super) fn om_is_ia32_call() -> bool;
    pub(super) fn om_regs_set_ax(regs: *mut Opaque, ax: u64);
    pub(super) fn om_syscall(nr: c_uint, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> c_long;
    pub(super) fn om_syscall_real(regs: *mut Opaque) -> c_long;
    pub(super) fn om_syscall_forwarded(regs: *const u64, nr: c_uint) -> c_long;
    pub(super) fn om_is_file(fd: u32) -> bool;
    pub(super) fn om_shows_pages(fd: u32) -> bool;
    pub(super) fn om_filtered() -> bool;
    pub(super) fn om_filter_call(regs: *const u64, result: *mut c_long) -> bool;
    pub(super) fn om_exec_forwarded(regs: *const u64, nr: c_uint) -> c_long;
    pub(super) fn om_clone_home(c: *const Clone3) -> c_long;
    pub(super) fn om_clone_guest(c: *const Clone3) -> c_long;
    pub(super) fn om_shares_mm() -> bool;
    pub(super) fn om_task_current() -> *mut Opaque;
    pub(super) fn om_restart_pending();
    pub(super) fn om_wait_until() -> u64;
    pub(super) fn om_wait_resume(until: u64);
    pub(super) fn om_state_get(s: *mut wire::State);
    pub(super) fn om_state_set(s: *const wire::State) -> c_int;
    pub(super) fn om_park();
    pub(super) fn om_xstate_size() -> usize;
    pub(super) fn om_xstate_layout() -> u64;
    pub(super) fn om_xstate_get(buf: *mut u8, len: usize) -> c_int;
    pub(super) fn om_xstate_set(buf: *const u8, len: usize) -> c_int;
    pub(super) fn om_cpu_features(out: *mut u32, max: u32) -> u32;
    pub(super) fn om_cputime(utime: *mut u64, stime: *mut u64);
    pub(super) fn om_cputime_add(utime: u64, stime: u64);
    pub(super) fn om_run_works();
    pub(super) fn om_cpu_left() -> u64;
    pub(super) fn om_watch_call(f: unsafe extern "C" fn(*mut c_void, bool)) -> c_int;
    pub(super) fn om_unwatch_call();
    pub(super) fn om_blocked() -> u64;
    pub(super) fn om_set_blocked(bits: u64);
    pub(super) fn om_restore_mask();
    pub(super) fn om_take_signal(out: *mut Signal, cores: bool) -> bool;
    pub(super) fn om_stop_pending() -> bool;
    pub(super) fn om_never_restarted(nr: c_uint) -> bool;
    pub(super) fn om_signals_wait() -> bool;
    pub(super) fn om_core_pending() -> bool;
    pub(super) fn om_queue_signal(sig: *const Signal) -> c_int;
    pub(super) fn om_dequeue_any(out: *mut Signal) -> bool;
    pub(super) fn om_requeue_signal(sig: *const Signal);
    pub(super) fn om_take_back(sig: *const Signal);
    pub(super) fn om_program_mask() -> u64;
    pub(super) fn om_fault_pending() -> bool;
    pub(super) fn om_in_vdso() -> bool;
    pub(super) fn om_fail_call(error: c_int);
    pub(super) fn om_rearm(signo: c_int, before: *const u64);
    pub(super) fn om_sigactions_get(out: *mut u64);
    pub(super) fn om_sigactions_set(from: *const u64);
    pub(super) fn om_rlimit(which: c_uint) -> u64;
    pub(super) fn om_set_rlimit(which: c_uint, value: u64);
    pub(super) fn om_dispatch_flag(on: bool);
    pub(super) fn om_siphash(data: *const u8, len: usize, key: *const u64) -> u64;
    pub(super) fn om_mm_info_get(i: *mut wire::MmInfo);
    pub(super) fn om_mm_info_set(i: *const wire::MmInfo);

    // witness.c
    pub(super) fn om_witness_new() -> *mut Opaque;
    pub(super) fn om_witness_free(w: *mut Opaque);
    pub(super) fn om_witness_note(w: *mut Opaque, addrs: *const u64, pages: *const *mut Opaque, n: c_uint) -> c_int;

    // mm.c
    pub(super) fn om_mm_used() -> u64;
    pub(super) fn om_mm_peak() -> u64;
    pub(super) fn om_mm_note_peak(pages: u64);
    pub(super) fn om_lock_whole(start: c_ulong, len: c_ulong) -> bool;
    pub(super) fn om_relock();
    pub(super) fn om_mm_attach(guest: bool) -> c_int;
    pub(super) fn om_mm_detach();
    pub(super) fn om_mm_fork_prepare() -> *mut Opaque;
    pub(super) fn om_mm_fork_drop(m: *mut Opaque);
    pub(super) fn om_mm_fork_adopt(m: *mut Opaque) -> c_int;
    pub(super) fn om_mm_exit();
    pub(super) fn om_store(addr: c_ulong, data: *const u8, failed: bool) -> c_int;
    pub(super) fn om_set_blank(start: c_ulong, end: c_ulong);
    pub(super) fn om_store_has(addr: c_ulong) -> bool;
    pub(super) fn om_forget_range(start: c_ulong, end: c_ulong, contents: bool);
    pub(super) fn om_hook_all(node: c_int, alone: bool, w: *mut Opaque) -> c_int;
    pub(super) fn om_hook_check(w: *mut Opaque) -> c_int;
    pub(super) fn om_mark_file(start: c_ulong, len: c_ulong) -> c_int;
    pub(super) fn om_hook_range(start: c_ulong, end: c_ulong) -> c_int;
    pub(super) fn om_range_hooked(start: c_ulong, end: c_ulong) -> bool;
    pub(super) fn om_unhook_all();
    pub(super) fn om_receiving(begins: bool);
    pub(super) fn om_deliver(addr: c_ulong, data: *const u8) -> c_int;
    pub(super) fn om_window_collect(
        blank_start: c_ulong,
        blank_end: c_ulong,
        changed: unsafe extern "C" fn(*mut c_void, c_ulong, *const u8, *const u8) -> c_int,
        ctx: *mut c_void,
    ) -> c_int;
    pub(super) fn om_vma_next(addr: c_ulong, out: *mut wire::Vma) -> bool;
    pub(super) fn om_collect_pages(
        addr: *mut c_ulong,
        end: c_ulong,
        max: c_uint,
        addrs: *mut u64,
        pages: *mut *mut Opaque,
    ) -> c_int;
    pub(super) fn om_put_pages(pages: *mut *mut Opaque, n: c_uint);
    pub(super) fn om_writable_len(addr: c_ulong, len: c_ulong) -> c_ulong;
    pub(super) fn om_write_forced(addr: c_ulong, buf: *const u8, len: c_int) -> c_int;
    pub(super) fn om_copy_from_user(to: *mut u8, from: c_ulong, len: c_ulong) -> c_int;
    pub(super) fn om_copy_to_user(to: c_ulong, from: *const u8, len: c_ulong) -> c_int;
    pub(super) fn om_file_pages(addr: c_ulong, n: c_uint, out: *mut u8, name: *mut u64, index: *mut u64) -> c_int;
    pub(super) fn om_name_at(addr: c_ulong) -> u64;
    pub(super) fn om_name_range(start: c_ulong, end: c_ulong, home: c_int, name: u64, offset: u64);
    pub(super) fn om_store_named(addr: c_ulong, data: *const u8, home: c_int, name: u64, index: u64) -> c_int;

    pub(super) fn om_hook_prepare() -> c_int;

    // shared.c
    pub(super) fn om_shared_init() -> c_int;
    pub(super) fn om_shared_exit();
    pub(super) fn om_objects_claim(node: c_int) -> *mut Opaque;
    pub(super) fn om_objects_claim_part(start: c_ulong, end: c_ulong, fd: c_int) -> *mut Opaque;
    pub(super) fn om_objects_unclaim(claims: *mut Opaque);
    pub(super) fn om_claims_count(claims: *mut Opaque) -> c_uint;
    pub(super) fn om_claims_id(claims: *mut Opaque, i: c_uint) -> u64;
    pub(super) fn om_object_write(id: u64, index: u64, data: *const u8) -> c_int;
    pub(super) fn om_object_resend(id: u64) -> bool;
    pub(super) fn om_objects_sweep();
    pub(super) fn om_reachable_away() -> bool;
    pub(super) fn om_share_unhook(addr: c_ulong);
    pub(super) fn om_twin_map(
        home: c_int,
        id: u64,
        size: u64,
        start: u64,
        len: u64,
        prot: u64,
        offset: u64,
        fresh: bool,
    ) -> c_int;
    pub(super) fn om_twin_changed(home: c_int, id: u64, index: *mut u64, out: *mut u8, all: bool) -> c_int;
    pub(super) fn om_twins_sweep();

    // filecache.c
    pub(super) fn om_cache_init() -> c_int;
    pub(super) fn om_cache_exit();
    pub(super) fn om_cache_pages() -> u64;

    // group.c
    pub(super) fn om_group(task: *mut Opaque, out: *mut *mut *mut Opaque) -> c_int;
    pub(super) fn om_group_free(list: *mut *mut Opaque);

    // net.c
    pub(super) fn om_connect(from: u32, to: u32, port: u16, ms: c_uint) -> *mut Opaque;
    pub(super) fn om_listen(ip: u32, port: u16) -> *mut Opaque;
    pub(super) fn om_accept(listener: *mut Opaque) -> *mut Opaque;
    pub(super) fn om_udp(ip: u32, port: u16) -> *mut Opaque;
    pub(super) fn om_udp_send(sock: *mut Opaque, ip: u32, port: u16, buf: *const u8, len: usize) -> c_int;
    pub(super) fn om_udp_recv(sock: *mut Opaque, ip: *mut u32, buf: *mut u8, len: usize, ms: c_uint) -> c_int;
    pub(super) fn om_close(sock: *mut Opaque);
    pub(super) fn om_peer(sock: *mut Opaque) -> u32;
    pub(super) fn om_send(sock: *mut Opaque, buf: *const u8, len: usize, more: bool) -> c_int;
    pub(super) fn om_send_pages(sock: *mut Opaque, pages: *const *mut Opaque, n: c_uint, skip: usize) -> c_int;
    pub(super) fn om_recv(sock: *mut Opaque, buf: *mut u8, len: usize) -> c_int;
    pub(super) fn om_recv_user(sock: *mut Opaque, to: c_ulong, len: usize) -> c_int;
    pub(super) fn om_readable(sock: *mut Opaque) -> bool;
    pub(super) fn om_wait(sock: *mut Opaque, write: bool, ms: c_uint) -> c_int;
    pub(super) fn om_wait_or_wish(sock: *mut Opaque, wish: *const bool, ms: c_uint) -> c_int;
    pub(super) fn om_wait_idle(sock: *mut Opaque, computing: c_uint);
    pub(super) fn om_ear_open(sock: *mut Opaque, kick: *mut Opaque) -> c_int;
    pub(super) fn om_ear_close(sock: *mut Opaque);
    pub(super) fn om_ear_listen(sock: *mut Opaque, on: bool);
    pub(super) fn om_thread_run(
        f: unsafe extern "C" fn(*mut c_void) -> c_int,
        data: *mut c_void,
        name: *const u8,
        detached: bool,
    ) -> *mut Opaque;
    pub(super) fn om_thread_stop(task: *mut Opaque);
    pub(super) fn om_thread_should_stop() -> bool;
    pub(super) fn om_thread_sleep(ms: c_uint);

    // crypto.c
    pub(super) fn om_hmac(key: *const u8, key_len: c_uint, data: *const u8, len: c_uint, out: *mut u8) -> c_int;
    pub(super) fn om_random(buf: *mut u8, len: usize);

    // clocks.c
    pub(super) fn om_clocks(clocks: *mut wire::Clocks);
    pub(super) fn om_clocks_await(monotonic: u64);
    pub(super) fn om_clock_call(regs: *const Opaque) -> c_long;

    // vessel.c
    pub(super) fn om_vessel_init() -> c_int;
    pub(super) fn om_vessel_exit();
    pub(super) fn om_vessel_start(f: WorkFn, data: *mut c_void, shifts: *const Shifts) -> c_int;
    pub(super) fn om_rebirth(want: *const wire::MmInfo) -> c_int;

    // procfs.c
    pub(super) fn om_proc_dir(name: *const u8, parent: *mut Opaque) -> *mut Opaque;
    pub(super) fn om_proc_file(
        name: *const u8,
        mode: c_uint,
        parent: *mut Opaque,
        file: c_uint,
        arg: c_uint,
    ) -> *mut Opaque;
    pub(super) fn om_proc_remove(entry: *mut Opaque);
    pub(super) fn om_proc_branch(
        name: *const u8,
        parent: *mut Opaque,
        branch: c_uint,
        files: *const BranchFile,
        n: c_uint,
    ) -> c_int;
    pub(super) fn om_proc_branches_exit();

    // node.c
    pub(super) fn om_node_memory(free: *mut u64, available: *mut u64, total: *mut u64);
    pub(super) fn om_node_swap() -> u64;
    pub(super) fn om_node_cpus() -> c_uint;
    pub(super) fn om_has_address(ip: u32) -> bool;
    pub(super) fn om_node_cputime(busy: *mut u64, total: *mut u64);
}
