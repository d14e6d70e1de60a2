/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef OM_TASK_H
#define OM_TASK_H

#include <linux/sched.h>
#include <linux/task_work.h>
#include <linux/types.h>

struct task_struct;

/* Mirrors of the wire records (omcore/src/wire.rs): all fields u64, same order. */
struct om_mm_info {
	u64 start_code, end_code, start_data, end_data;
	u64 start_brk, brk;
	u64 start_stack, arg_start, arg_end, env_start, env_end;
	u64 mmap_base;
	u64 vdso, vdso_len, vvar, vvar_len;
	u64 vdso_hash;
	u64 membarrier;
};

struct om_state {
	u64 fsbase, gsbase;
	u64 blocked, saved_mask, restore_mask;
	u64 altstack_sp, altstack_size, altstack_flags;
	u64 robust_list, clear_child_tid;
	u64 rseq, rseq_len, rseq_sig;
	u64 pkru;
	u64 utime, stime;
	u64 peak, calls, signals_seen;
	u64 monotonic, raw, realtime;
	u64 wait_until;
	u64 filtered;
	u64 nsigs;
	u64 xstate_len;
};

struct om_signal {
	u64 signo, mask, restore_mask;
	u64 blocks;	/* what its handler blocks */
	u64 once;	/* its handler, if taking the signal has used that up (SA_RESETHAND); else 0 */
	u8 info[48];
};

/* A new task as its parent asked for it; mirrored in ffi.rs. */
struct om_clone {
	u64 flags, exit_signal;
	u64 pidfd, cgroup;
	u64 stack, child_tid, tls;
};

struct om_sigaction {
	u64 handler, flags, restorer, mask;
};

/* A reusable knock on one task: queued at most once, runs at the task's next user-mode boundary. */
#define OM_KICK_WORDS 16
struct om_kick {
	struct callback_head work;
	struct task_struct *task;
	unsigned long queued;
	void (*fn)(void *data);
	void *data;
	struct hrtimer soon;
};

void om_kick_init(struct om_kick *kick, void (*fn)(void *), void *data);
void om_kick_now(struct om_kick *kick);
void om_kick_soon(struct om_kick *kick);
void om_restart_check(void);

/* A range that prctl() refuses marks the guests among those whose calls are dispatched. */
#define OM_DISPATCH_OFFSET 1ul
#define OM_DISPATCH_LEN ULONG_MAX

static __always_inline bool om_dispatch_is_ours(void)
{
	return current->syscall_dispatch.offset == OM_DISPATCH_OFFSET &&
	       current->syscall_dispatch.len == OM_DISPATCH_LEN;
}

bool om_not_last(struct callback_head *head);

void om_armed_exec(struct task_struct *task);
void om_watched_call(struct pt_regs *regs);
void om_unwatch_call(void);
void om_dispatch_flag(bool on);
void om_guest_signal(int sig, struct task_struct *task);
struct om_work;
void om_armed_free(void *work);

#endif
