// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task's own state: work at its user-mode boundary, registers, processor state, signals, and the
 * reasons why it may not leave. Everything that changes a task is done by the task itself, in
 * process context; only the reasons and the kicks concern other tasks.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/workqueue.h>
#include <linux/freezer.h>
#include <linux/kernel.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/proc_fs.h>
#include <linux/ptrace.h>
#include <linux/regset.h>
#include <linux/sched/cputime.h>
#include <linux/sched/mm.h>
#include <linux/sched/rt.h>
#include <linux/sched/deadline.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/time_namespace.h>
#include <linux/nsproxy.h>
#include <linux/pagemap.h>
#include <linux/elf.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <asm/elf.h>
#include <asm/fpu/api.h>
#include <asm/futex.h>
#include <asm/mmu_context.h>
#include <asm/pkru.h>
#include <asm/prctl.h>
#include <asm/sighandling.h>
#include <asm/syscall.h>
#include <asm/unistd.h>
#include <asm/vdso.h>

#include "shim.h"
#include "clocks.h"
#include "task.h"
#include "shared.h"
#include "vdso.h"

/* ---- work at the user-mode boundary ---- */

#define OM_SYSCALL_LEN 2	/* of the instruction */

struct om_work {
	unsigned long ip;		/* of a watched call */
	unsigned int patience;
	struct callback_head work;
	void (*fn)(void *data, bool exiting);
	void *data;
};

/*
 * Code that never returns (exit_group, a fatal signal) would drop the works queued behind ours, so ours
 * goes to the end of the line first.
 */
bool om_not_last(struct callback_head *head)
{
	return head->next && !(current->flags & PF_EXITING) &&
	       !task_work_add(current, head, TWA_RESUME);
}

/*
 * At the end of everything that may have changed this task's registers: a call whose result asks for a restart is decided
 * on the way out, by the kernel's own logic, which only looks when it believes that a signal is pending. A signal that
 * comes after the decision to make it again is handled before the call, which then waits for another one. So what takes
 * time is done before: the program's next instruction is there, and whoever has been kept waiting for the processor has
 * run. (For a guest its deputy keeps signals back.)
 */
void om_restart_check(void)
{
	struct pt_regs *regs = current_pt_regs();
	int kind;

	if (current->flags & PF_EXITING || (long)regs->orig_ax < 0 || (long)regs->ax > -ERESTARTSYS ||
	    (long)regs->ax < -ERESTART_RESTARTBLOCK)
		return;
	kind = om_role_kind(current, NULL);
	if (kind != OM_DEPUTY && kind != OM_GUEST) {
		fault_in_readable((const char __user *)regs->ip - OM_SYSCALL_LEN, OM_SYSCALL_LEN);
		cond_resched();
	}
	set_thread_flag(TIF_SIGPENDING);
}

/* On the way out of a call that has succeeded: it has failed after all. */
void om_fail_call(int error)
{
	struct pt_regs *regs = current_pt_regs();

	if ((long)regs->orig_ax >= 0 && !IS_ERR_VALUE(regs->ax))
		regs->ax = error;
}

/* Calls that say EINTR when they are interrupted, whatever the reason, but can be made again. */
static bool never_restarted(unsigned long nr)
{
	return nr == __NR_epoll_wait || nr == __NR_epoll_pwait || nr == __NR_epoll_pwait2 || nr == __NR_semop ||
	       nr == __NR_semtimedop || nr == __NR_rt_sigtimedwait;
}

bool om_never_restarted(unsigned int nr) { return never_restarted(nr); }

/* Was one interrupted by our work alone? Then it is made again, wherever the process is next, if no handler comes first. */
static void undo_interruption(void)
{
	struct pt_regs *regs = current_pt_regs();
	sigset_t pending;

	if (current->flags & PF_EXITING || (long)regs->ax != -EINTR || in_ia32_syscall() ||
	    !never_restarted(regs->orig_ax))
		return;
	spin_lock_irq(&current->sighand->siglock);
	sigorsets(&pending, &current->pending.signal, &current->signal->shared_pending.signal);
	sigandnsets(&pending, &pending, &current->blocked);
	spin_unlock_irq(&current->sighand->siglock);
	if (sigisemptyset(&pending))
		regs->ax = -ERESTARTNOHAND;
}

static void run_work(struct callback_head *head)
{
	struct om_work *w = container_of(head, struct om_work, work);
	void (*fn)(void *, bool) = w->fn;
	void *data = w->data;

	if (om_not_last(head))
		return;
	kfree(w);
	undo_interruption();
	fn(data, current->flags & PF_EXITING);
	/*
	 * What was queued for this task meanwhile runs next, by whoever runs this. Its mark must not stay: it would look like a signal to
	 * what comes then, and end a core dump into a pipe.
	 */
	clear_notify_signal();
	om_restart_check();
	module_put(THIS_MODULE);
}

/* Runs fn(data, exiting) once in `task`, pulling it out of a sleeping system call. */
int om_work_add(struct task_struct *task, void (*fn)(void *, bool), void *data)
{
	struct om_work *w = kmalloc(sizeof(*w), GFP_KERNEL);
	int ret;

	if (!w)
		return -ENOMEM;
	if (!try_module_get(THIS_MODULE)) {
		kfree(w);
		return -EBUSY;
	}
	w->fn = fn;
	w->data = data;
	init_task_work(&w->work, run_work);
	ret = task_work_add(task, &w->work, TWA_SIGNAL);
	if (ret) {
		kfree(w);
		module_put(THIS_MODULE);
	}
	return ret;
}

static void kick_run(struct callback_head *head)
{
	struct om_kick *kick = container_of(head, struct om_kick, work);

	if (om_not_last(head))
		return;
	clear_bit(0, &kick->queued);
	smp_mb__after_atomic();
	if (!(current->flags & PF_EXITING))
		kick->fn(kick->data);
	om_restart_check();
	/* The kick's owner holds the module through its role; nothing of ours runs after this return. */
}

static enum hrtimer_restart kick_expires(struct hrtimer *timer)
{
	om_kick_now(container_of(timer, struct om_kick, soon));
	return HRTIMER_NORESTART;
}

/* The room that Rust has for it: see `Kick` in task.rs. */
static_assert(sizeof(struct om_kick) <= OM_KICK_WORDS * sizeof(u64));

void om_kick_init(struct om_kick *kick, void (*fn)(void *), void *data)
{
	init_task_work(&kick->work, kick_run);
	hrtimer_init(&kick->soon, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	kick->soon.function = kick_expires;
	kick->task = get_task_struct(current);
	kick->queued = 0;
	kick->fn = fn;
	kick->data = data;
}

/*
 * Before its memory goes, in a worker: it may still be queued, in a task that is exiting and runs its works last.
 */
void om_kick_fini(struct om_kick *kick)
{
	if (!kick->task)
		return;
	hrtimer_cancel(&kick->soon);
	while (test_bit(0, &kick->queued))
		msleep(1);
	put_task_struct(kick->task);
	kick->task = NULL;
}

/* From any context, softirq included. */
void om_kick_now(struct om_kick *kick)
{
	if (test_and_set_bit(0, &kick->queued))
		return;
	if (task_work_add(kick->task, &kick->work, TWA_SIGNAL))
		clear_bit(0, &kick->queued);
}

/* The same in a moment, when the program has gone on by some instructions. */
#define OM_SOON_NS (50 * NSEC_PER_USEC)

void om_kick_soon(struct om_kick *kick)
{
	hrtimer_start(&kick->soon, ns_to_ktime(OM_SOON_NS), HRTIMER_MODE_REL);
}

/* An armed task asked to move after its next exec. */
int om_arm(void (*fn)(void *, bool), void *data)
{
	struct om_work *w;
	void *old = NULL;
	int ret, kind = om_role_kind(current, &old);

	if (kind == OM_DEPUTY || kind == OM_GUEST)
		return -EBUSY;
	if (kind == OM_ARMED) {
		om_role_clear();
		kfree(old);
	}
	w = kmalloc(sizeof(*w), GFP_KERNEL);
	if (!w)
		return -ENOMEM;
	w->fn = fn;
	w->data = data;
	init_task_work(&w->work, run_work);
	ret = om_role_set(OM_ARMED, w);
	if (ret)
		kfree(w);
	return ret;
}

/*
 * A task that has come home for one system call, and is about to make it again, runs fn(NULL, exiting) when it has. Its
 * calls are dispatched like a guest's, until the one comes. A handler may come before it: other calls are let
 * pass, but not for ever, since the program may have jumped elsewhere.
 */
#define OM_WATCH_PATIENCE 64

int om_watch_call(void (*fn)(void *, bool))
{
	const struct pt_regs *regs = current_pt_regs();
	struct om_work *w;
	int ret;

	if (test_task_syscall_work(current, SYSCALL_USER_DISPATCH))
		return -EBUSY;
	w = kzalloc(sizeof(*w), GFP_KERNEL);
	if (!w)
		return -ENOMEM;
	w->ip = regs->ip;
	/* It has been begun, and the kernel is about to go back to its beginning. */
	if ((long)regs->orig_ax >= 0 && (long)regs->ax == -ERESTARTNOINTR)
		w->ip -= OM_SYSCALL_LEN;
	w->patience = OM_WATCH_PATIENCE;
	w->fn = fn;
	init_task_work(&w->work, run_work);
	ret = om_role_set(OM_WATCHED, w);
	if (ret)
		kfree(w);
	else
		om_dispatch_flag(true);
	return ret;
}

/* It will not be watched any more; the call may come or not. */
static struct om_work *watch_ends(void)
{
	void *owner = NULL;

	if (om_role_kind(current, &owner) != OM_WATCHED)
		return NULL;
	om_role_clear();
	if (om_dispatch_is_ours())
		om_dispatch_flag(false);
	return owner;
}

void om_unwatch_call(void)
{
	kfree(watch_ends());
}

/* From the dispatcher, at the entry of a call, which goes on as ever. The work runs on its way out. */
void om_watched_call(struct pt_regs *regs)
{
	void *owner = NULL;
	struct om_work *w;

	if (om_role_kind(current, &owner) != OM_WATCHED)
		return;
	w = owner;
	if (regs->ip != w->ip + OM_SYSCALL_LEN && w->patience--)
		return;
	if (!watch_ends())
		return;
	/* Not without a module: the dispatcher holds it. */
	__module_get(THIS_MODULE);
	if (task_work_add(current, &w->work, TWA_RESUME)) {
		kfree(w);
		module_put(THIS_MODULE);
	}
}

void om_armed_free(void *work)
{
	kfree(work);
}

/* From the exec probe, in the task itself, preemption off. The role's module reference becomes the work's. */
void om_armed_exec(struct task_struct *task)
{
	void *owner = NULL;
	struct om_work *w;

	/* The call that was watched for will not come. */
	om_unwatch_call();
	if (om_role_kind(task, &owner) != OM_ARMED)
		return;
	w = owner;
	if (!try_module_get(THIS_MODULE))
		return;
	om_role_clear();
	if (task_work_add(task, &w->work, TWA_RESUME)) {
		kfree(w);
		module_put(THIS_MODULE);
	}
}

/* From Rust: the kick of this guest. */
struct om_kick *om_rust_guest_kick(void *owner);

/*
 * From the signal_generate probe, under siglock. A fault whose action is the default would kill the
 * guest here; instead it wakes up its work, which runs before delivery and takes the signal home.
 */
void om_guest_signal(int sig, struct task_struct *task)
{
	void *owner = NULL;

	if (task != current || om_role_kind(task, &owner) != OM_GUEST)
		return;
	switch (sig) {
	case SIGSEGV: case SIGBUS: case SIGFPE: case SIGILL: case SIGTRAP: case SIGSYS:
		if (task->sighand->action[sig - 1].sa.sa_handler == SIG_DFL)
			om_kick_now(om_rust_guest_kick(owner));
	}
}

/* ---- who is who ---- */

struct task_struct *om_current(void) { return current; }
int om_current_pid(void) { return task_tgid_nr(current); }
int om_current_vpid(void) { return task_tgid_vnr(current); }
int om_current_vtid(void) { return task_pid_vnr(current); }
bool om_exiting(void) { return current->flags & PF_EXITING; }
bool om_fatal_pending(void) { return fatal_signal_pending(current); }
bool om_signal_pending(void) { return signal_pending(current); }
void om_comm(char *out) { __get_task_comm(out, TASK_COMM_LEN, current); }
void om_set_comm(const char *name) { strscpy(current->comm, name, sizeof(current->comm)); }
void om_kill_self(int sig) { send_sig(sig, current, 1); }

void om_vanish(void)
{
	if (thread_group_leader(current))
		WRITE_ONCE(current->exit_signal, 0);
	om_syscall(thread_group_leader(current) ? __NR_exit_group : __NR_exit, 0, 0, 0, 0, 0, 0);
}

u64 om_now_ns(void) { return ktime_get_ns(); }
void om_msleep(unsigned int ms) { msleep(ms); }
bool om_traced(void) { return current->ptrace; }
void om_cond_resched(void) { cond_resched(); }

struct task_struct *om_task_current(void) { return get_task_struct(current); }

struct task_struct *om_task_find(int pid)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(find_vpid(pid), PIDTYPE_PID);
	if (task)
		task = get_task_struct(task->group_leader);
	rcu_read_unlock();
	return task;
}

struct task_struct *om_task_find_global(int pid)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(find_pid_ns(pid, &init_pid_ns), PIDTYPE_PID);
	if (task)
		task = get_task_struct(task->group_leader);
	rcu_read_unlock();
	return task;
}

/* The first thread of the process whose first thread `task` was, if another one has taken its place by executing a program. */
struct task_struct *om_task_successor(struct task_struct *task)
{
	struct task_struct *now;

	rcu_read_lock();
	now = pid_task(find_pid_ns(task->tgid, &init_pid_ns), PIDTYPE_TGID);
	now = now && now != task && now->signal == task->signal ? get_task_struct(now) : NULL;
	rcu_read_unlock();
	return now;
}

struct task_struct *om_task_get(struct task_struct *task) { return get_task_struct(task); }
void om_task_put(struct task_struct *task) { put_task_struct(task); }
int om_task_pid(struct task_struct *task) { return task_tgid_nr(task); }
int om_task_vpid(struct task_struct *task) { return task_tgid_vnr(task); }
void om_task_comm(struct task_struct *task, char *out) { __get_task_comm(out, TASK_COMM_LEN, task); }
/* The owner (real or effective user) or an administrator may move a process. */
bool om_may_control(struct task_struct *task)
{
	const struct cred *cred;
	bool ok;

	if (capable(CAP_SYS_ADMIN))
		return true;
	rcu_read_lock();
	cred = __task_cred(task);
	ok = uid_eq(current_euid(), cred->uid) || uid_eq(current_euid(), cred->euid);
	rcu_read_unlock();
	return ok;
}

bool om_capable(void) { return capable(CAP_SYS_ADMIN); }

/* ---- why not ---- */

/* Bits, in the order of REASONS in process/cantmove.rs. */
enum {
	R_KERNEL, R_INIT, R_EXITING, R_LEADERLESS, R_SHARED_MM, R_IA32, R_REALTIME,
	R_IO_URING, R_AIO, R_TRACED, R_DISPATCH, R_IOPORT, R_LDT, R_DEBUGREG, R_SHADOW_STACK, R_TIMENS,
	R_PINNED, R_LOCKED_FUTURE, R_GUEST,
	R_SHARED_MAP, R_HUGETLB, R_DEVICE_MAP, R_UFFD, R_SEALED, R_HIGH_ADDRESS, R_SPECIAL_MAP, R_PKEYS,
	R_MAPPED_TWICE,
};

#define REASON(r) (1ull << (r))

static bool is_vdso_or_vvar(struct vm_area_struct *vma, struct mm_struct *mm)
{
	unsigned long vdso = (unsigned long)mm->context.vdso;

	if (vma->vm_start == vdso)
		return true;
	/* The data pages lie directly below the code and are a special mapping of their own. */
	return (vma->vm_flags & VM_PFNMAP) && !vma->vm_file && vma->vm_end <= vdso &&
	       vdso - vma->vm_end < 8 * PAGE_SIZE && vma->vm_ops && vma->vm_ops->name;
}

/*
 * A private mapping of what is also mapped shared for writing shows what is written there, until it is written to itself. At a guest it
 * would be a copy.
 */
static bool mapped_twice(struct mm_struct *mm, struct vm_area_struct *private)
{
	struct address_space *mapping = private->vm_file->f_mapping;
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);

	if (!mapping_writably_mapped(mapping))
		return false;
	for_each_vma(vmi, vma)
		if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE) &&
		    vma->vm_file && vma->vm_file->f_mapping == mapping)
			return true;
	return false;
}

/*
 * The protection keys that the program has asked for. Not key 0, which is everybody's, nor the one that the kernel takes by itself for
 * memory that can be executed only: the guest's does the same. It is the first one there, so it must be here: the guest forbids its
 * use as home does.
 */
static unsigned int mm_keys(struct mm_struct *mm)
{
#ifdef CONFIG_X86_INTEL_MEMORY_PROTECTION_KEYS
	unsigned int common = BIT(0);

	if (!cpu_feature_enabled(X86_FEATURE_OSPKE))
		return 0;
	if (mm->context.execute_only_pkey == 1)
		common |= BIT(1);
	return mm->context.pkey_allocation_map & ~common;
#else
	return 0;
#endif
}

static u64 mm_reasons(struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	u64 r = 0;
	VMA_ITERATOR(vmi, mm, 0);

	for_each_vma(vmi, vma) {
		unsigned long flags = vma->vm_flags;

		if (is_vdso_or_vvar(vma, mm) || vma->vm_start >= TASK_SIZE_MAX)
			continue;
		if (flags & VM_SHARED && !om_share_movable(vma))
			r |= REASON(R_SHARED_MAP);
		if (!(flags & VM_MAYSHARE) && vma->vm_file && mapped_twice(mm, vma))
			r |= REASON(R_MAPPED_TWICE);
		if (flags & VM_HUGETLB)
			r |= REASON(R_HUGETLB);
		else if (flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP))
			r |= REASON(R_DEVICE_MAP);
		else if (!vma->vm_file && vma->vm_ops && !om_mm_is_ours(vma))
			r |= REASON(R_SPECIAL_MAP);
		if (flags & (VM_UFFD_MISSING | VM_UFFD_WP | VM_UFFD_MINOR))
			r |= REASON(R_UFFD);
#ifdef VM_SEALED
		if (flags & VM_SEALED)
			r |= REASON(R_SEALED);
#endif
		if (flags & VM_SHADOW_STACK)
			r |= REASON(R_SHADOW_STACK);
		if (vma->vm_end > DEFAULT_MAP_WINDOW)
			r |= REASON(R_HIGH_ADDRESS);
	}
	if (mm_keys(mm))
		r |= REASON(R_PKEYS);
	if (mm->context.ldt)
		r |= REASON(R_LDT);
	if (mm->def_flags & VM_LOCKED)
		r |= REASON(R_LOCKED_FUTURE);
	if (atomic64_read(&mm->pinned_vm))
		r |= REASON(R_PINNED);
#ifdef CONFIG_AIO
	if (rcu_access_pointer(mm->ioctx_table))
		r |= REASON(R_AIO);
#endif
	return r;
}

/* Of one thread. */
static u64 thread_reasons(struct task_struct *task)
{
	u64 r = 0;
	int i;

	if (test_tsk_thread_flag(task, TIF_ADDR32))
		r |= REASON(R_IA32);
	if (rt_task(task) || dl_task(task))
		r |= REASON(R_REALTIME);
#ifdef CONFIG_IO_URING
	if (task->io_uring)
		r |= REASON(R_IO_URING);
#endif
	if (task->ptrace)
		r |= REASON(R_TRACED);
	if (om_role_kind(task, NULL) == OM_GUEST)
		r |= REASON(R_GUEST);
	else if (test_task_syscall_work(task, SYSCALL_USER_DISPATCH) && om_role_kind(task, NULL) != OM_WATCHED)
		r |= REASON(R_DISPATCH);
#ifdef CONFIG_X86_IOPL_IOPERM
	if (task->thread.iopl_emul || task->thread.io_bitmap)
		r |= REASON(R_IOPORT);
#endif
	for (i = 0; i < HBP_NUM; i++)
		if (task->thread.ptrace_bps[i])
			r |= REASON(R_DEBUGREG);
#ifdef CONFIG_X86_USER_SHADOW_STACK
	if (task->thread.features & ARCH_SHSTK_SHSTK)
		r |= REASON(R_SHADOW_STACK);
#endif
	return r;
}

u64 om_reasons(struct task_struct *task)
{
	struct task_struct *thread;
	struct mm_struct *mm;
	u64 r = 0;

	if (task->flags & PF_KTHREAD)
		return REASON(R_KERNEL);
	if (is_global_init(task))
		r |= REASON(R_INIT);
	if (task->signal->flags & SIGNAL_GROUP_EXIT)
		return r | REASON(R_EXITING);
	if (task->flags & PF_EXITING)
		return r | (get_nr_threads(task) > 1 ? REASON(R_LEADERLESS) : REASON(R_EXITING));
	rcu_read_lock();
	for_each_thread(task, thread)
		if (!(thread->flags & PF_EXITING))
			r |= thread_reasons(thread);
	rcu_read_unlock();
	task_lock(task);
	if (task->nsproxy && !(r & REASON(R_GUEST)) &&
	    (task->nsproxy->time_ns != init_task.nsproxy->time_ns ||
	     task->nsproxy->time_ns_for_children != init_task.nsproxy->time_ns_for_children))
		r |= REASON(R_TIMENS);
	task_unlock(task);

	mm = get_task_mm(task);
	if (!mm)
		return r | REASON(R_EXITING);
	/* One user is each task, one is us. */
	if (atomic_read(&mm->mm_users) > get_nr_threads(task) + 1)
		r |= REASON(R_SHARED_MM);
	if (!mmap_read_lock_killable(mm)) {
		r |= mm_reasons(mm);
		mmap_read_unlock(mm);
	}
	mmput(mm);
	return r;
}

/* The other threads of this process that are alive: at most `max` counted references. */
int om_other_threads(struct task_struct **out, int max)
{
	struct task_struct *thread;
	int n = 0;

	rcu_read_lock();
	for_each_thread(current, thread) {
		if (thread == current || thread->flags & PF_EXITING)
			continue;
		if (n == max) {
			n = -E2BIG;
			break;
		}
		out[n++] = get_task_struct(thread);
	}
	rcu_read_unlock();
	if (n == -E2BIG)
		while (max--)
			put_task_struct(out[max]);
	return n;
}

int om_thread_count(void) { return get_nr_threads(current); }

/* ---- registers ---- */

static_assert(sizeof(struct pt_regs) == OM_NREGS * 8);

void om_regs_get(u64 *out)
{
	memcpy(out, current_pt_regs(), sizeof(struct pt_regs));
}

/*
 * Registers from the wire become this task's own: selectors and flags as sigreturn would allow
 * them, addresses in the lower half, ax and orig_ax raw: see om_restart_check().
 */
int om_regs_set(const u64 *in)
{
	struct pt_regs *real = current_pt_regs(), regs;

	memcpy(&regs, in, sizeof(regs));
	if (regs.ip >= TASK_SIZE_MAX || regs.sp >= TASK_SIZE_MAX)
		return -EINVAL;
	regs.cs = __USER_CS;
	regs.ss = __USER_DS;
	regs.flags = (regs.flags & FIX_EFLAGS) | X86_EFLAGS_IF | X86_EFLAGS_FIXED;
	if ((long)regs.orig_ax < -1 || regs.orig_ax > 0xffffffff)
		regs.orig_ax = -1;
	regs.ip = om_vdso_arrive(regs.ip);
	*real = regs;
	return 0;
}

/* The live frame: result and number of the call in it. */
void om_regs_result(u64 ax, bool restartable)
{
	struct pt_regs *regs = current_pt_regs();

	regs->ax = ax;
	if (!restartable)
		regs->orig_ax = -1;
}

void om_restart_pending(void) { set_thread_flag(TIF_SIGPENDING); }

/* Back to before the syscall instruction. */
void om_regs_rewind(struct pt_regs *regs)
{
	regs->ip -= OM_SYSCALL_LEN;
	regs->ax = regs->orig_ax;
	regs->orig_ax = -1;
}

/*
 * Is the program inside the vDSO, reading a clock? A guest's vDSO finds there that it lives in a time namespace, and goes by
 * pages that do not exist at home. One that is about to make a call instead has read what it wanted; so has one that faults,
 * for it writes the time where the program wants it last.
 */
bool om_in_vdso(void)
{
	struct pt_regs *regs = current_pt_regs();
	const struct vdso_image *image = current->mm->context.vdso_image;
	u8 next[OM_SYSCALL_LEN];

	if (!image || (long)regs->orig_ax >= 0 || regs->ip - (unsigned long)current->mm->context.vdso >= image->size)
		return false;
	return !copy_from_user(next, (void __user *)regs->ip, sizeof(next)) && !(next[0] == 0x0f && next[1] == 0x05);
}

/* In the dispatcher: this call, with arguments that are 0, is made in place of the program's. */
void om_regs_replace(struct pt_regs *regs, unsigned int nr)
{
	regs->orig_ax = nr;
	regs->di = regs->si = regs->dx = regs->r10 = regs->r8 = regs->r9 = 0;
}

void om_call_args(const struct pt_regs *regs, u64 *nr, u64 args[6])
{
	*nr = regs->orig_ax & 0xffffffff;
	args[0] = regs->di;
	args[1] = regs->si;
	args[2] = regs->dx;
	args[3] = regs->r10;
	args[4] = regs->r8;
	args[5] = regs->r9;
}

bool om_is_ia32_call(void) { return in_ia32_syscall(); }
u64 om_regs_ax(const struct pt_regs *regs) { return regs->ax; }
void om_regs_set_ax(struct pt_regs *regs, u64 ax) { regs->ax = ax; }
struct pt_regs *om_regs(void) { return current_pt_regs(); }

/* Any system call by and for the task itself, registers made up. */
long om_syscall(unsigned int nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	struct pt_regs regs = {
		.di = a, .si = b, .dx = c, .r10 = d, .r8 = e, .r9 = f,
		.orig_ax = nr, .ax = -ENOSYS, .cs = __USER_CS, .ss = __USER_DS,
	};

	return om_x64_sys_call(&regs, nr);
}

/* The guest's own call, by the guest, with its real frame (rt_sigreturn needs that). */
long om_syscall_real(struct pt_regs *regs)
{
	return om_x64_sys_call(regs, regs->orig_ax);
}

/* The guest's registers stand in the deputy's real frame during its calls, because fork, ptrace and seccomp look there. */
static void frame_of_guest(struct pt_regs *real, const struct pt_regs *from, unsigned int nr)
{
	real->di = from->di;
	real->si = from->si;
	real->dx = from->dx;
	real->r10 = from->r10;
	real->r8 = from->r8;
	real->r9 = from->r9;
	if (from->ip < TASK_SIZE_MAX)
		real->ip = from->ip;
	if (from->sp < TASK_SIZE_MAX)
		real->sp = from->sp;
	real->orig_ax = nr;
	real->ax = -ENOSYS;
}

/* The deputy's own again, but for where the program is. */
static void frame_of_deputy(struct pt_regs *real, struct pt_regs *saved)
{
	saved->ip = real->ip;
	saved->sp = real->sp;
	saved->orig_ax = -1;
	saved->ax = 0;
	*real = *saved;
}

/* A forwarded call. Delayed closes are run before anyone can notice that they were delayed. */
long om_syscall_forwarded(const u64 *guest_regs, unsigned int nr)
{
	struct pt_regs *real = current_pt_regs(), saved = *real;
	long ret;

	frame_of_guest(real, (const struct pt_regs *)guest_regs, nr);
	ret = om_x64_sys_call(real, nr);
	if (task_work_pending(current))
		om_task_work_run();
	frame_of_deputy(real, &saved);
	return ret;
}

/* Does this descriptor stand for a file, reading and writing which no signal interrupts? */
bool om_is_file(unsigned int fd)
{
	struct file *file = fget(fd);
	umode_t mode;

	if (!file)
		return false;
	mode = file_inode(file)->i_mode;
	fput(file);
	return S_ISREG(mode) || S_ISBLK(mode);
}

/* Is this a directory of the current process, or of a thread of it, in its proc file system? By its name, a number. */
static bool is_own_directory(const struct dentry *dir)
{
	struct task_struct *task;
	bool own;
	int nr;

	if (kstrtoint(dir->d_name.name, 10, &nr))
		return false;
	rcu_read_lock();
	task = pid_task(find_pid_ns(nr, proc_pid_ns(dir->d_sb)), PIDTYPE_PID);
	own = task && same_thread_group(task, current);
	rcu_read_unlock();
	return own;
}

/* Does this descriptor stand for a file that shows which pages of the current process are in memory? */
bool om_shows_pages(unsigned int fd)
{
	static const char *const names[] = { "smaps", "smaps_rollup", "numa_maps", "pagemap", "clear_refs" };
	struct file *file = fget(fd);
	struct dentry *parent;
	bool shows = false;

	if (!file)
		return false;
	/* Names in /proc never change. */
	if (file_inode(file)->i_sb->s_magic == PROC_SUPER_MAGIC &&
	    match_string(names, ARRAY_SIZE(names), file->f_path.dentry->d_name.name) >= 0) {
		parent = dget_parent(file->f_path.dentry);
		shows = is_own_directory(parent);
		dput(parent);
	}
	fput(file);
	return shows;
}

/* Are this task's calls filtered (seccomp)? */
bool om_filtered(void) { return test_syscall_work(SECCOMP); }

/*
 * The filter sees a call of the guest, as at the entry of any call. True: it is not to be made, *result stands in its
 * place. May end the task.
 */
bool om_filter_call(const u64 *guest_regs, long *result)
{
	struct pt_regs *real = current_pt_regs(), saved = *real;
	const struct pt_regs *from = (const struct pt_regs *)guest_regs;
	bool skip;

#ifdef CONFIG_SECCOMP
	/* It has said "kill" before, and the task could not die of it where it is. */
	if (current->seccomp.mode > SECCOMP_MODE_FILTER) {
		*result = -ERESTARTNOINTR;
		om_kill_self(SIGKILL);
		return true;
	}
#endif
	frame_of_guest(real, from, from->orig_ax);
	skip = om_secure_computing() == -1;
	*result = real->ax;
	frame_of_deputy(real, &saved);
	return skip;
}

/*
 * A forwarded execve. 0: this task is another program now, its registers are the new program's, and the old address space
 * is gone.
 */
long om_exec_forwarded(const u64 *guest_regs, unsigned int nr)
{
	struct pt_regs *real = current_pt_regs(), saved = *real, *from = (struct pt_regs *)guest_regs;
	long ret;

	real->di = from->di;
	real->si = from->si;
	real->dx = from->dx;
	real->r10 = from->r10;
	real->r8 = from->r8;
	real->r9 = from->r9;
	real->orig_ax = nr;
	real->ax = -ENOSYS;
	ret = om_x64_sys_call(real, nr);
	if (task_work_pending(current))
		om_task_work_run();
	if (ret) {
		*real = saved;
	} else {
		/* Or the way out would take it for an interrupted call. */
		real->ax = 0;
		real->orig_ax = -1;
	}
	return ret;
}

/* ---- new tasks ---- */

/* What concerns the memory and the processor of the new task is done where it runs, at the guest. */
#define OM_NOT_AT_HOME (CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_VFORK)

/* The deputy's child or thread. The caller has armed a birth. */
long om_clone_home(const struct om_clone *c)
{
	struct kernel_clone_args args = {
		.flags = c->flags & ~(u64)(OM_NOT_AT_HOME | CSIGNAL),
		.exit_signal = c->exit_signal,
		.pidfd = (int __user *)c->pidfd,
		.cgroup = c->cgroup,
	};

	return om_kernel_clone(&args);
}

/* What concerns files, parents and numbers is done at home. */
#define OM_AT_GUEST (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | \
		     CLONE_CHILD_CLEARTID | CLONE_VFORK | CLONE_CLEAR_SIGHAND)

/* The guest's child or thread; with CLONE_VFORK this waits. The caller has armed a birth. */
long om_clone_guest(const struct om_clone *c)
{
	struct kernel_clone_args args = {
		.flags = c->flags & OM_AT_GUEST,
		.child_tid = (int __user *)c->child_tid,
		.stack = c->stack,
		.tls = c->tls,
	};

	/* A child's parent is who started the first vessel: nobody here waits for it. */
	if (!(args.flags & CLONE_THREAD))
		args.flags |= CLONE_PARENT;
	return om_kernel_clone(&args);
}

/* Does somebody else use this address space too? */
bool om_shares_mm(void) { return atomic_read(&current->mm->mm_users) > 1; }

/* ---- what a thread has besides memory and registers ---- */

/*
 * The present call is a futex wait for some time, and was interrupted: when it ends, by the process' monotonic clock. 0: it is
 * not.
 */
u64 om_wait_until(void)
{
	const struct restart_block *block = &current->restart_block;
	unsigned long futex_wait_restart = om_futex_wait_restart();

	if (current_pt_regs()->ax != -ERESTART_RESTARTBLOCK || !futex_wait_restart ||
	    (unsigned long)block->fn != futex_wait_restart)
		return 0;
	return block->futex.time + om_timens_shift();
}

/*
 * Such a wait goes on here. It is made for the rest of the time while a signal seems to be pending, so that this kernel returns
 * from it at once and remembers it as one of its own. The time stands below the stack meanwhile, where a signal's
 * frame would. Other results, and EINTR if it cannot be made, are the call's.
 */
void om_wait_resume(u64 until)
{
	struct pt_regs *regs = current_pt_regs();
	struct __kernel_timespec rest, before;
	struct timespec64 left;
	void __user *place = (void __user *)((regs->sp - 128 - sizeof(rest)) & ~15ul);
	u64 now = ktime_get_ns() + om_timens_shift();

	if (regs->ax != -ERESTART_RESTARTBLOCK || regs->orig_ax != __NR_futex || (regs->si & FUTEX_CMD_MASK) != FUTEX_WAIT)
		return;
	left = ns_to_timespec64(until > now ? min_t(u64, until - now, S64_MAX) : 0);
	rest.tv_sec = left.tv_sec;
	rest.tv_nsec = left.tv_nsec;
	regs->ax = -EINTR;
	if (copy_from_user(&before, place, sizeof(before)) || copy_to_user(place, &rest, sizeof(rest)))
		return;
	set_thread_flag(TIF_SIGPENDING);
	regs->ax = om_syscall(__NR_futex, regs->di, regs->si, regs->dx, (u64)place, 0, 0);
	if (copy_to_user(place, &before, sizeof(before)))
		regs->ax = -EFAULT;
}

void om_state_get(struct om_state *s)
{
	s->wait_until = 0;
	preempt_disable();
	rdmsrl(MSR_FS_BASE, s->fsbase);
	rdmsrl(MSR_KERNEL_GS_BASE, s->gsbase);
	s->pkru = cpu_feature_enabled(X86_FEATURE_OSPKE) ? read_pkru() : 0;
	preempt_enable();
	om_clocks_seen(&s->monotonic, &s->raw, &s->realtime);
	s->filtered = om_filtered();
	s->blocked = current->blocked.sig[0];
	s->restore_mask = test_restore_sigmask();
	s->saved_mask = s->restore_mask ? current->saved_sigmask.sig[0] : 0;
	s->altstack_sp = current->sas_ss_sp;
	s->altstack_size = current->sas_ss_size;
	s->altstack_flags = current->sas_ss_flags;
	s->robust_list = (u64)current->robust_list;
	s->clear_child_tid = (u64)current->clear_child_tid;
#ifdef CONFIG_RSEQ
	s->rseq = (u64)current->rseq;
	s->rseq_len = current->rseq_len;
	s->rseq_sig = current->rseq_sig;
#else
	s->rseq = s->rseq_len = s->rseq_sig = 0;
#endif
}

/* Which of these would end the process with a core file now? With the siglock. */
static u64 cores_among(sigset_t *pending)
{
	static const int cores[] = { SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGSEGV, SIGBUS, SIGSYS, SIGXCPU, SIGXFSZ };
	u64 found = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(cores); i++)
		if (sigismember(pending, cores[i]) && !sigismember(&current->blocked, cores[i]) &&
		    current->sighand->action[cores[i] - 1].sa.sa_handler == SIG_DFL)
			found |= sigmask(cores[i]);
	return found;
}

int om_state_set(const struct om_state *s)
{
	sigset_t mask;
	u64 forced;
	int ret;

	if (s->fsbase >= TASK_SIZE_MAX || s->gsbase >= TASK_SIZE_MAX || s->rseq >= TASK_SIZE_MAX ||
	    s->rseq_len > PAGE_SIZE || s->robust_list >= TASK_SIZE_MAX || s->clear_child_tid >= TASK_SIZE_MAX)
		return -EINVAL;
	ret = om_syscall(__NR_arch_prctl, ARCH_SET_FS, s->fsbase, 0, 0, 0, 0);
	if (!ret)
		ret = om_syscall(__NR_arch_prctl, ARCH_SET_GS, s->gsbase, 0, 0, 0, 0);
	if (ret)
		return ret;
	/* A signal that was forced on the task has unblocked itself, and the guest does not know. */
	spin_lock_irq(&current->sighand->siglock);
	forced = cores_among(&current->pending.signal);
	spin_unlock_irq(&current->sighand->siglock);
	mask.sig[0] = s->blocked & ~(sigmask(SIGKILL) | sigmask(SIGSTOP) | forced);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (s->restore_mask) {
		current->saved_sigmask.sig[0] = s->saved_mask & ~(sigmask(SIGKILL) | sigmask(SIGSTOP));
		set_thread_flag(TIF_SIGPENDING);
		set_restore_sigmask();
	} else {
		clear_restore_sigmask();
	}
	current->sas_ss_sp = s->altstack_sp;
	current->sas_ss_size = s->altstack_size;
	current->sas_ss_flags = s->altstack_flags;
	current->robust_list = (void __user *)s->robust_list;
	current->clear_child_tid = (void __user *)s->clear_child_tid;
#ifdef CONFIG_RSEQ
	current->rseq = (void __user *)s->rseq;
	current->rseq_len = s->rseq_len;
	current->rseq_sig = s->rseq_sig;
	if (s->rseq) {
		preempt_disable();
		current->rseq_event_mask |= 7;	/* preempted, signalled, migrated: all true */
		preempt_enable();
		set_thread_flag(TIF_NOTIFY_RESUME);
	}
#endif
	if (cpu_feature_enabled(X86_FEATURE_OSPKE))
		write_pkru(s->pkru);
	return 0;
}

/*
 * A thread of a guest ends. The kernel would look for this node's number of it in the robust futexes it still holds, and
 * find home's. So what it would do is done here: say that the owner died, and wake one who waits.
 */
#define OM_ROBUST_MAX 2048

static int robust_one(u32 __user *futex, u32 tid)
{
	u32 value, seen;

	if ((unsigned long)futex >= TASK_SIZE_MAX || (unsigned long)futex & 3 || get_user(value, futex))
		return -EFAULT;
	for (;;) {
		if ((value & FUTEX_TID_MASK) != tid)
			return 0;
		if (!access_ok(futex, sizeof(*futex)))
			return -EFAULT;
		if (futex_atomic_cmpxchg_inatomic(&seen, futex, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
			return -EFAULT;
		if (seen == value)
			break;
		value = seen;
	}
	if (value & FUTEX_WAITERS)
		om_syscall(__NR_futex, (u64)futex, FUTEX_WAKE, 1, 0, 0, 0);
	return 0;
}

void om_robust_exit(u32 tid)
{
	struct robust_list_head __user *head = current->robust_list;
	unsigned long entry, next, pending;
	long offset;
	int n;

	current->robust_list = NULL;
	if (!head || get_user(entry, (unsigned long __user *)&head->list.next) || get_user(offset, &head->futex_offset) ||
	    get_user(pending, (unsigned long __user *)&head->list_op_pending))
		return;
	/* Bit 0 of an entry says that it inherits priority, which is home's business; the word is the same. */
	pending &= ~1ul;
	for (n = 0; n < OM_ROBUST_MAX && (entry & ~1ul) != (unsigned long)&head->list; n++) {
		unsigned long at = entry & ~1ul;

		if (at >= TASK_SIZE_MAX || get_user(next, (unsigned long __user *)at))
			break;
		if (at != pending && robust_one((u32 __user *)(at + offset), tid))
			break;
		entry = next;
		cond_resched();
	}
	if (pending && pending < TASK_SIZE_MAX)
		robust_one((u32 __user *)(pending + offset), tid);
}

/* While parked, nothing may write to memory that is elsewhere, not even a dying task. */
void om_park(void)
{
	current->robust_list = NULL;
	current->clear_child_tid = NULL;
#ifdef CONFIG_RSEQ
	current->rseq = NULL;
	current->rseq_len = 0;
	current->rseq_sig = 0;
#endif
}

static const struct user_regset *xstate_regset(void)
{
	const struct user_regset_view *view = task_user_regset_view(&init_task);
	unsigned int i;

	for (i = 0; i < view->n; i++)
		if (view->regsets[i].core_note_type == NT_X86_XSTATE)
			return &view->regsets[i];
	return NULL;
}

/* Size of the processor state on this machine, 0 if it has none that can be moved. */
size_t om_xstate_size(void)
{
	const struct user_regset *rs = xstate_regset();

	return rs && boot_cpu_has(X86_FEATURE_XSAVE) ? rs->n * rs->size : 0;
}

int om_xstate_get(u8 *buf, size_t len)
{
	const struct user_regset *rs = xstate_regset();
	struct membuf to = { .p = buf, .left = len };
	int left;

	if (!rs)
		return -ENODEV;
	left = rs->regset_get(current, rs, to);
	return left < 0 ? left : 0;
}

struct xstate_work {
	struct work_struct work;
	struct completion done;
	struct task_struct *task;
	const u8 *buf;
	size_t len;
	int ret;
};

static void xstate_set_for(struct work_struct *work)
{
	struct xstate_work *w = container_of(work, struct xstate_work, work);
	const struct user_regset *rs = xstate_regset();

	w->ret = rs ? rs->set(w->task, rs, 0, w->len, w->buf, NULL) : -ENODEV;
	complete(&w->done);
}

/*
 * The kernel wants this done by another task. First the live registers are saved and marked stale, else they would win
 * over what is written; from then on only the copy in memory counts, until this task returns to user mode.
 */
int om_xstate_set(const u8 *buf, size_t len)
{
	struct xstate_work w = { .task = current, .buf = buf, .len = len };

	kernel_fpu_begin();
	kernel_fpu_end();
	INIT_WORK_ONSTACK(&w.work, xstate_set_for);
	init_completion(&w.done);
	queue_work(system_unbound_wq, &w.work);
	wait_for_completion(&w.done);
	destroy_work_on_stack(&w.work);
	return w.ret;
}

/* Words of processor features that a program may have found with CPUID. */
static const int feature_words[] = { 0, 1, 4, 6, 9, 10, 16, 18 };

u32 om_cpu_features(u32 *out, u32 max)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(feature_words) && i < max; i++)
		out[i] = boot_cpu_data.x86_capability[feature_words[i]];
	return i;
}

/* CPU time, for the home node's accounting. */
void om_cputime(u64 *utime, u64 *stime)
{
	*utime = current->utime;
	*stime = current->stime;
	/* With tick accounting short bursts are invisible in utime; the scheduler's sum is exact. */
	if (*utime + *stime < current->se.sum_exec_runtime)
		*utime = current->se.sum_exec_runtime - *stime;
}

/* Time used elsewhere counts as this task's, and for its timers, as the scheduler's tick would count it. */
void om_cputime_add(u64 utime, u64 stime)
{
	unsigned long flags;

	local_irq_save(flags);
	current->utime += utime;
	current->stime += stime;
	current->se.sum_exec_runtime += utime + stime;
#ifdef CONFIG_POSIX_TIMERS
	if (READ_ONCE(current->signal->posix_cputimers.timers_active)) {
		struct task_cputime_atomic *sum = &current->signal->cputimer.cputime_atomic;

		atomic64_add(utime, &sum->utime);
		atomic64_add(stime, &sum->stime);
		atomic64_add(utime + stime, &sum->sum_exec_runtime);
	}
	om_run_posix_cpu_timers();
#endif
	local_irq_restore(flags);
}

#ifdef CONFIG_POSIX_TIMERS
static u64 timers_left(const struct posix_cputimers *timers, u64 utime, u64 stime, u64 sum)
{
	const u64 used[CPUCLOCK_MAX] = {
		[CPUCLOCK_PROF] = utime + stime, [CPUCLOCK_VIRT] = utime, [CPUCLOCK_SCHED] = sum,
	};
	u64 left = U64_MAX, next;
	int i;

	for (i = 0; i < CPUCLOCK_MAX; i++) {
		next = READ_ONCE(timers->bases[i].nextevt);
		if (next != U64_MAX)
			left = min(left, next > used[i] ? next - used[i] : 0);
	}
	return left;
}
#endif

/* CPU time until the first timer that goes by it is due: itimers, POSIX timers, the limit. U64_MAX: there is none. */
u64 om_cpu_left(void)
{
	u64 left = U64_MAX;
#ifdef CONFIG_POSIX_TIMERS
	struct task_cputime_atomic *sum = &current->signal->cputimer.cputime_atomic;

	left = timers_left(&current->posix_cputimers, current->utime, current->stime, current->se.sum_exec_runtime);
	/* The sum of all threads is kept only while somebody goes by it. */
	if (READ_ONCE(current->signal->posix_cputimers.timers_active))
		left = min(left, timers_left(&current->signal->posix_cputimers, atomic64_read(&sum->utime),
					     atomic64_read(&sum->stime), atomic64_read(&sum->sum_exec_runtime)));
#endif
	return left;
}

/* What the timers want done in the task's own context: their signals. */
void om_run_works(void)
{
	if (task_work_pending(current))
		om_task_work_run();
}

/* ---- signals ---- */

u64 om_blocked(void) { return current->blocked.sig[0]; }

void om_set_blocked(u64 bits)
{
	sigset_t mask = { .sig[0] = bits & ~(sigmask(SIGKILL) | sigmask(SIGSTOP)) };

	sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* The mask that the program has set: a call that waits may have put another in its place. */
u64 om_program_mask(void)
{
	return (test_restore_sigmask() ? current->saved_sigmask : current->blocked).sig[0];
}

void om_restore_mask(void)
{
	if (test_and_clear_restore_sigmask())
		sigprocmask(SIG_SETMASK, &current->saved_sigmask, NULL);
}

/*
 * Lets the kernel take signals as the process' dispositions say; may stop, and may never return. True: one has
 * a handler, which the guest must run; mask and one-shot effects have been applied here. Unless told so it takes none that would
 * end the process with a core file: they stay pending, for om_core_pending().
 */
bool om_take_signal(struct om_signal *out, bool cores)
{
	struct ksignal ksig;
	sigset_t next, pending, all, held = {};
	bool taken;

	/* One may come while this task is stopped in here, or at any time. */
	if (!cores) {
		sigfillset(&all);
		spin_lock_irq(&current->sighand->siglock);
		held.sig[0] = cores_among(&all);
		spin_unlock_irq(&current->sighand->siglock);
		sigprocmask(SIG_BLOCK, &held, NULL);
	}
	taken = om_get_signal_raw(&ksig);
	if (!cores)
		sigprocmask(SIG_UNBLOCK, &held, NULL);
	if (!taken)
		return false;
	out->signo = ksig.sig;
	out->mask = current->blocked.sig[0];
	out->restore_mask = test_restore_sigmask();
	memcpy(out->info, &ksig.info, sizeof(out->info));
	next = out->restore_mask ? current->saved_sigmask : current->blocked;
	clear_restore_sigmask();
	/* What else the mask lets through that will be in force after the handler. */
	spin_lock_irq(&current->sighand->siglock);
	sigorsets(&pending, &current->pending.signal, &current->signal->shared_pending.signal);
	spin_unlock_irq(&current->sighand->siglock);
	sigandnsets(&pending, &pending, &next);
	if (!sigisemptyset(&pending))
		out->restore_mask |= 2;
	if (!(ksig.ka.sa.sa_flags & SA_NODEFER))
		sigaddset(&ksig.ka.sa.sa_mask, ksig.sig);
	out->blocks = ksig.ka.sa.sa_mask.sig[0];
	out->once = ksig.ka.sa.sa_flags & SA_ONESHOT ? (u64)ksig.ka.sa.sa_handler : 0;
	sigorsets(&next, &next, &ksig.ka.sa.sa_mask);
	sigprocmask(SIG_SETMASK, &next, NULL);
	return true;
}

/* Will taking signals stop this task, so that its guest must stop first? */
bool om_stop_pending(void)
{
	static const int stops[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };
	sigset_t pending;
	bool stop;
	int i;

	spin_lock_irq(&current->sighand->siglock);
	sigorsets(&pending, &current->pending.signal, &current->signal->shared_pending.signal);
	sigandnsets(&pending, &pending, &current->blocked);
	stop = current->jobctl & (JOBCTL_STOP_PENDING | JOBCTL_TRAP_MASK | JOBCTL_TRAP_FREEZE);
	for (i = 0; i < ARRAY_SIZE(stops); i++)
		if (sigismember(&pending, stops[i]) &&
		    (i == 0 || current->sighand->action[stops[i] - 1].sa.sa_handler == SIG_DFL))
			stop = true;
	spin_unlock_irq(&current->sighand->siglock);
	return stop || freezing(current);
}

bool om_signals_wait(void)
{
	return !sigisemptyset(&current->pending.signal) || !sigisemptyset(&current->signal->shared_pending.signal);
}

/* Will taking signals end this process with a core file? That is for a process that is whole. */

bool om_core_pending(void)
{
	bool core;

	spin_lock_irq(&current->sighand->siglock);
	core = !sigismember(&current->pending.signal, SIGKILL) && !(current->signal->flags & SIGNAL_GROUP_EXIT) &&
	       (cores_among(&current->pending.signal) || cores_among(&current->signal->shared_pending.signal));
	spin_unlock_irq(&current->sighand->siglock);
	return core;
}

static_assert(sizeof(((struct kernel_siginfo *)0)->_sifields) + 16 == 48 || sizeof(kernel_siginfo_t) == 48);

/*
 * A signal taken at home is queued here, with the mask that was in force there. Only ones with handlers. 1: another thread has
 * changed that meanwhile, or home has and this node does not know it yet.
 */
int om_queue_signal(const struct om_signal *sig)
{
	kernel_siginfo_t info;
	struct k_sigaction *ka;
	bool handled;

	if (sig->signo < 1 || sig->signo > _NSIG || sig->signo == SIGKILL || sig->signo == SIGSTOP)
		return -EINVAL;
	ka = &current->sighand->action[sig->signo - 1];
	spin_lock_irq(&current->sighand->siglock);
	handled = ka->sa.sa_handler != SIG_DFL && ka->sa.sa_handler != SIG_IGN;
	spin_unlock_irq(&current->sighand->siglock);
	if (!handled)
		return 1;
	memcpy(&info, sig->info, sizeof(info));
	info.si_signo = sig->signo;
	if (sig->restore_mask & 1 && !test_restore_sigmask()) {
		current->saved_sigmask = current->blocked;
		om_set_blocked(sig->mask);
		set_restore_sigmask();
	}
	return send_sig_info(sig->signo, &info, current);
}

/* The next signal of this guest that is queued and not delivered, to take along home. */
bool om_dequeue_any(struct om_signal *out)
{
	sigset_t none;
	kernel_siginfo_t info;
	enum pid_type type;
	int sig;

	sigemptyset(&none);
	clear_siginfo(&info);
	spin_lock_irq(&current->sighand->siglock);
	sig = dequeue_signal(&none, &info, &type);
	recalc_sigpending();
	spin_unlock_irq(&current->sighand->siglock);
	if (sig <= 0)
		return false;
	out->signo = sig;
	out->mask = out->restore_mask = out->blocks = out->once = 0;
	memcpy(out->info, &info, sizeof(out->info));
	return true;
}

/* A signal that came home with the process: queued again, or forced when it is a fault. */
void om_requeue_signal(const struct om_signal *sig)
{
	kernel_siginfo_t info;

	if (sig->signo < 1 || sig->signo > _NSIG)
		return;
	memcpy(&info, sig->info, sizeof(info));
	info.si_signo = sig->signo;
	send_sig_info(sig->signo, &info, current);
}

/* A signal that was taken here for a handler, and has had none: as if it had not been taken. */
void om_take_back(const struct om_signal *sig)
{
	struct sigaction *sa;

	if (sig->signo < 1 || sig->signo > _NSIG)
		return;
	if (sig->once) {
		spin_lock_irq(&current->sighand->siglock);
		sa = &current->sighand->action[sig->signo - 1].sa;
		if (sa->sa_handler == SIG_DFL && sa->sa_flags & SA_ONESHOT)
			sa->sa_handler = (void *)sig->once;
		spin_unlock_irq(&current->sighand->siglock);
	}
	om_requeue_signal(sig);
}

/*
 * A signal that was taken here and is queued again before its handler has begun: taking it may have used up an action that
 * is for one time (SA_RESETHAND). `before` is the table of the guest, which has not.
 */
void om_rearm(int signo, const struct om_sigaction *before)
{
	struct sigaction *sa;

	if (signo < 1 || signo > _NSIG)
		return;
	spin_lock_irq(&current->sighand->siglock);
	sa = &current->sighand->action[signo - 1].sa;
	if (sa->sa_handler == SIG_DFL && sa->sa_flags & SA_ONESHOT && before[signo - 1].flags & SA_ONESHOT)
		sa->sa_handler = (void *)before[signo - 1].handler;
	spin_unlock_irq(&current->sighand->siglock);
}

void om_sigactions_get(struct om_sigaction *out)
{
	int i;

	spin_lock_irq(&current->sighand->siglock);
	for (i = 0; i < _NSIG; i++) {
		struct sigaction *sa = &current->sighand->action[i].sa;

		out[i].handler = (u64)sa->sa_handler;
		out[i].flags = sa->sa_flags;
		out[i].restorer = (u64)sa->sa_restorer;
		out[i].mask = sa->sa_mask.sig[0];
	}
	spin_unlock_irq(&current->sighand->siglock);
}

void om_sigactions_set(const struct om_sigaction *in)
{
	int i;

	spin_lock_irq(&current->sighand->siglock);
	for (i = 0; i < _NSIG; i++) {
		struct sigaction *sa = &current->sighand->action[i].sa;

		if (i == SIGKILL - 1 || i == SIGSTOP - 1)
			continue;
		sa->sa_handler = (void *)in[i].handler;
		sa->sa_flags = in[i].flags;
		sa->sa_restorer = (void *)in[i].restorer;
		sa->sa_mask.sig[0] = in[i].mask & ~(sigmask(SIGKILL) | sigmask(SIGSTOP));
	}
	spin_unlock_irq(&current->sighand->siglock);
}

u64 om_hash(const void *data, size_t len);

/* Sizes and places of the parts of the processor state, which makes of processor choose for themselves. */
u64 om_xstate_layout(void)
{
	u32 parts[19][2] = {};
	u32 i, ecx, edx;

	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return 0;
	for (i = 2; i < ARRAY_SIZE(parts); i++)
		cpuid_count(0xd, i, &parts[i][0], &parts[i][1], &ecx, &edx);
	return om_hash(parts, sizeof(parts));
}

u64 om_rlimit(unsigned int which) { return which < RLIM_NLIMITS ? rlimit(which) : 0; }

void om_set_rlimit(unsigned int which, u64 value)
{
	if (which >= RLIM_NLIMITS)
		return;
	task_lock(current->group_leader);
	current->signal->rlim[which].rlim_cur = value;
	current->signal->rlim[which].rlim_max = max_t(u64, value, current->signal->rlim[which].rlim_max);
	task_unlock(current->group_leader);
}

void om_dispatch_flag(bool on)
{
	if (on) {
		current->syscall_dispatch.selector = NULL;
		current->syscall_dispatch.offset = OM_DISPATCH_OFFSET;
		current->syscall_dispatch.len = OM_DISPATCH_LEN;
		set_task_syscall_work(current, SYSCALL_USER_DISPATCH);
	} else {
		clear_task_syscall_work(current, SYSCALL_USER_DISPATCH);
		current->syscall_dispatch.offset = current->syscall_dispatch.len = 0;
	}
}

/* ---- the outline of the address space ---- */

u64 om_hash(const void *data, size_t len)
{
	static const siphash_key_t key = { { 0x6f70656e4d6f7369ull, 0x78206f6d6b6d6f64ull } };

	return siphash(data, len, &key);
}

u64 om_siphash(const void *data, size_t len, const u64 *key)
{
	siphash_key_t k = { { key[0], key[1] } };

	return siphash(data, len, &k);
}

void om_mm_info_get(struct om_mm_info *i)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);

	memset(i, 0, sizeof(*i));
	mmap_read_lock(mm);
	i->start_code = mm->start_code;
	i->end_code = mm->end_code;
	i->start_data = mm->start_data;
	i->end_data = mm->end_data;
	i->start_brk = mm->start_brk;
	i->brk = mm->brk;
	i->start_stack = mm->start_stack;
	i->arg_start = mm->arg_start;
	i->arg_end = mm->arg_end;
	i->env_start = mm->env_start;
	i->env_end = mm->env_end;
	i->mmap_base = mm->mmap_base;
	for_each_vma(vmi, vma) {
		if (!is_vdso_or_vvar(vma, mm))
			continue;
		if (vma->vm_start == (unsigned long)mm->context.vdso) {
			i->vdso = vma->vm_start;
			i->vdso_len = vma->vm_end - vma->vm_start;
		} else {
			if (!i->vvar)
				i->vvar = vma->vm_start;
			i->vvar_len = vma->vm_end - i->vvar;
		}
	}
	mmap_read_unlock(mm);
#ifdef CONFIG_MEMBARRIER
	i->membarrier = atomic_read(&mm->membarrier_state);
#endif
	if (mm->context.vdso_image)
		i->vdso_hash = om_hash(mm->context.vdso_image->data, mm->context.vdso_image->size);
}

void om_mm_info_set(const struct om_mm_info *i)
{
	struct mm_struct *mm = current->mm;

	mmap_write_lock(mm);
	mm->start_code = i->start_code;
	mm->end_code = i->end_code;
	mm->start_data = i->start_data;
	mm->end_data = i->end_data;
	mm->start_brk = i->start_brk;
	mm->brk = i->brk;
	mm->start_stack = i->start_stack;
	mm->arg_start = i->arg_start;
	mm->arg_end = i->arg_end;
	mm->env_start = i->env_start;
	mm->env_end = i->env_end;
	mm->mmap_base = i->mmap_base;
	mmap_write_unlock(mm);
#ifdef CONFIG_MEMBARRIER
	if (i->membarrier & MEMBARRIER_STATE_PRIVATE_EXPEDITED_READY)
		om_syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0);
	if (i->membarrier & MEMBARRIER_STATE_GLOBAL_EXPEDITED_READY)
		om_syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0, 0, 0, 0);
	if (i->membarrier & MEMBARRIER_STATE_PRIVATE_EXPEDITED_SYNC_CORE_READY)
		om_syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0, 0, 0, 0);
	if (i->membarrier & MEMBARRIER_STATE_PRIVATE_EXPEDITED_RSEQ_READY)
		om_syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0, 0, 0, 0);
#endif
}

bool om_vma_is_special(struct vm_area_struct *vma)
{
	return is_vdso_or_vvar(vma, vma->vm_mm) || vma->vm_start >= TASK_SIZE_MAX;
}

void om_task_cputime(struct task_struct *task, u64 *utime, u64 *stime)
{
	u64 sum = READ_ONCE(task->se.sum_exec_runtime);

	*utime = READ_ONCE(task->utime);
	*stime = READ_ONCE(task->stime);
	if (*utime + *stime < sum)
		*utime = sum - *stime;
}

/* Pages: mapped, resident, shared, program text, of libraries, data, changed. */
void om_task_memory(struct task_struct *task, u64 out[7])
{
	struct mm_struct *mm = get_task_mm(task);

	memset(out, 0, 7 * sizeof(*out));
	if (!mm)
		return;
	out[0] = mm->total_vm;
	out[1] = get_mm_rss(mm);
	out[2] = get_mm_counter(mm, MM_FILEPAGES) + get_mm_counter(mm, MM_SHMEMPAGES);
	out[3] = (PAGE_ALIGN(mm->end_code) - (mm->start_code & PAGE_MASK)) >> PAGE_SHIFT;
	out[4] = mm->exec_vm > out[3] ? mm->exec_vm - out[3] : 0;
	out[5] = mm->data_vm + mm->stack_vm;
	/* No page of a guest is backed by a file here. */
	out[6] = get_mm_counter(mm, MM_ANONPAGES);
	mmput(mm);
}

int om_task_nice(struct task_struct *task) { return task_nice(task); }

/* Of the process, whichever thread is asked. */
u64 om_task_start(struct task_struct *task)
{
	u64 start;

	rcu_read_lock();
	start = task->group_leader->start_boottime;
	rcu_read_unlock();
	return start;
}
bool om_task_stopped(struct task_struct *task) { return task_is_stopped_or_traced(task); }

/*
 * A deputy that is stopped goes on inside the kernel, in order to come home; for all others it stays stopped, and a tracer that
 * attaches waits until it is again. Only for a task that sleeps in om_take_signal(): it finds om_roused() then.
 */
void om_rouse(struct task_struct *task)
{
	wait_queue_entry_t entry = { .private = task };

	if (task_is_stopped(task))
		default_wake_function(&entry, __TASK_STOPPED, 0, NULL);
}

/* What the task sleeps in is interrupted as if a signal had come. From any context. */
void om_disturb(struct task_struct *task)
{
	wait_queue_entry_t entry = { .private = task };

	set_tsk_thread_flag(task, TIF_NOTIFY_SIGNAL);
	default_wake_function(&entry, TASK_INTERRUPTIBLE, 0, NULL);
}

void om_wake(struct task_struct *task) { wake_up_process(task); }

/* The current task was stopped, has been roused, and nobody has continued it since: that would have taken off the mark. */
bool om_roused(void) { return task_is_stopped(current); }

/* Stops again where signals are taken next, without anybody hearing of it. */
void om_stop_again(void)
{
	spin_lock_irq(&current->sighand->siglock);
	if (om_roused() && !current->ptrace && !(current->jobctl & JOBCTL_STOP_PENDING)) {
		current->jobctl |= JOBCTL_STOP_PENDING;
		set_thread_flag(TIF_SIGPENDING);
	}
	spin_unlock_irq(&current->sighand->siglock);
}

/* The owner of the current process, as the initial user namespace knows it. */
void om_owner(u32 *uid, u32 *gid)
{
	*uid = from_kuid_munged(&init_user_ns, current_uid());
	*gid = from_kgid_munged(&init_user_ns, current_gid());
}

/* A signal of the current process to itself, with a value. */
void om_tell_self(int sig, int value)
{
	struct kernel_siginfo info;

	clear_siginfo(&info);
	info.si_signo = sig;
	info.si_code = SI_QUEUE;
	info.si_pid = task_tgid_vnr(current);
	info.si_uid = from_kuid_munged(current_user_ns(), current_uid());
	info.si_int = value;
	send_sig_info(sig, &info, current);
}

/* A fault whose action is the default waits to be delivered to this guest. */
bool om_fault_pending(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
	bool found = false;
	int i;

	spin_lock_irq(&current->sighand->siglock);
	for (i = 0; i < ARRAY_SIZE(faults); i++)
		if (sigismember(&current->pending.signal, faults[i]) &&
		    current->sighand->action[faults[i] - 1].sa.sa_handler == SIG_DFL)
			found = true;
	spin_unlock_irq(&current->sighand->siglock);
	return found;
}
