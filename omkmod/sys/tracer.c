// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who looks at a process from outside finds it at home.
 *
 * - A tracer that attaches to a process which is away would find a task without memory and with old registers. So ptrace()
 *   waits here until the process is home; one that is stopped stops again there. A process notices itself that it has a
 *   tracer, but not when it is stopped, nor in the moment before it takes a signal, which it would then show without being
 *   home. 64-bit tracers only: a 32-bit one can do nothing with a 64-bit process.
 * - /proc/PID/mem of a process that is away has nothing to read: mem_rw(), which reads and writes it, waits likewise.
 *   (process_vm_readv() needs no help: om_fault().)
 */
#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/static_call.h>
#include <asm/ptrace.h>

#include "shared.h"
#include "shim.h"

static long stub_ptrace(const struct pt_regs *regs) { return -ENOSYS; }
static bool stub_may_access(struct task_struct *task, unsigned int mode) { return false; }
static ssize_t stub_mem_rw(struct file *file, char __user *buf, size_t count, loff_t *ppos, int write) { return -EIO; }

DEFINE_STATIC_CALL(om_sc_ptrace, stub_ptrace);
DEFINE_STATIC_CALL(om_sc_may_access, stub_may_access);
DEFINE_STATIC_CALL(om_sc_mem_rw, stub_mem_rw);

static bool attach_hooked __ro_after_init, mem_hooked __ro_after_init;

/* The process that waits for this, if it is away and may be traced by the caller: others are not called home for him. */
static pid_t absent(pid_t pid)
{
	struct task_struct *task;
	pid_t found = 0;

	rcu_read_lock();
	task = get_pid_task(find_vpid(pid), PIDTYPE_PID);
	rcu_read_unlock();
	if (!task)
		return 0;
	if (om_role_kind(task, NULL) == OM_DEPUTY && static_call(om_sc_may_access)(task, PTRACE_MODE_ATTACH_REALCREDS))
		found = task_tgid_nr(task);
	put_task_struct(task);
	return found;
}

/* In place of ptrace(PTRACE_ATTACH or PTRACE_SEIZE, pid). */
static long attach(const struct pt_regs *regs)
{
	pid_t pid = absent(regs->si);
	long ret = -ERESTARTNOINTR;

	if (pid)
		om_rust_call_home(pid);
	/* A signal to the tracer ends the wait; it begins anew after the handler. */
	if (!pid || !signal_pending(current) || !absent(regs->si))
		ret = static_call(om_sc_ptrace)(regs);
	module_put(THIS_MODULE);
	return ret;
}

static void notrace attach_callback(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct pt_regs *regs = (const struct pt_regs *)ftrace_regs_get_argument(fregs, 0);

	if (within_module(parent_ip, THIS_MODULE) || (regs->di != PTRACE_ATTACH && regs->di != PTRACE_SEIZE))
		return;
	if (try_module_get(THIS_MODULE))
		ftrace_regs_set_instruction_pointer(fregs, (unsigned long)attach);
}

static struct ftrace_ops attach_ops = {
	.func = attach_callback,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT | FTRACE_OPS_FL_RECURSION,
};

/* Is this process of this node away? */
static bool is_away(pid_t tgid)
{
	struct task_struct *task;
	bool away;

	rcu_read_lock();
	task = pid_task(find_pid_ns(tgid, &init_pid_ns), PIDTYPE_PID);
	away = task && om_role_kind(task, NULL) == OM_DEPUTY;
	rcu_read_unlock();
	return away;
}

/* In place of mem_rw(), if the memory is another process' that has been away. */
static ssize_t peek(struct file *file, char __user *buf, size_t count, loff_t *ppos, int write)
{
	pid_t pid = om_mm_pid(file->private_data);
	ssize_t ret = -ERESTARTSYS;

	if (pid)
		om_rust_call_home(pid);
	if (!pid || !signal_pending(current) || !is_away(pid))
		ret = static_call(om_sc_mem_rw)(file, buf, count, ppos, write);
	module_put(THIS_MODULE);
	return ret;
}

static void notrace mem_callback(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct file *file = (struct file *)ftrace_regs_get_argument(fregs, 0);
	struct mm_struct *mm = file->private_data;

	/* The file holds the mm. A process that is away reads its own memory as any other that a call of its needs. */
	if (within_module(parent_ip, THIS_MODULE) || !mm || mm == current->mm || !om_mm_pid(mm))
		return;
	if (try_module_get(THIS_MODULE))
		ftrace_regs_set_instruction_pointer(fregs, (unsigned long)peek);
}

static struct ftrace_ops mem_ops = {
	.func = mem_callback,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT | FTRACE_OPS_FL_RECURSION,
};

static bool hook(struct ftrace_ops *ops, unsigned long ip)
{
	return ip && !ftrace_set_filter_ip(ops, ip, 0, 0) && !register_ftrace_function(ops);
}

/* Without these everything works, but such a process must be sent home first. */
void om_tracer_init(void)
{
	unsigned long ptrace_ip = om_symbol("__x64_sys_ptrace"), may_access_ip = om_symbol("ptrace_may_access");
	unsigned long mem_rw_ip = om_symbol("mem_rw");

	if (ptrace_ip && may_access_ip) {
		static_call_update(om_sc_ptrace, (void *)ptrace_ip);
		static_call_update(om_sc_may_access, (void *)may_access_ip);
		attach_hooked = hook(&attach_ops, ptrace_ip);
	}
	if (mem_rw_ip) {
		static_call_update(om_sc_mem_rw, (void *)mem_rw_ip);
		mem_hooked = hook(&mem_ops, mem_rw_ip);
	}
	if (!attach_hooked)
		pr_notice("openmosix: ptrace() cannot be hooked: send a process that is stopped and away home before you attach a debugger\n");
	if (!mem_hooked)
		pr_notice("openmosix: mem_rw() cannot be hooked: /proc/PID/mem of a process that is away cannot be read\n");
}

static void unhook(struct ftrace_ops *ops)
{
	unregister_ftrace_function(ops);
	ftrace_free_filter(ops);
}

void om_tracer_exit(void)
{
	if (attach_hooked)
		unhook(&attach_ops);
	if (mem_hooked)
		unhook(&mem_ops);
}
