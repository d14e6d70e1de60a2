// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tracer that attaches to a process which is stopped and away would find a task without memory and with old registers: a
 * stopped task hears of nothing. So ptrace() waits here until the process is home, where it stops again.
 * Any other process notices itself that it has a tracer.
 *
 * 64-bit tracers only: a 32-bit one can do nothing with a 64-bit process.
 */
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/static_call.h>
#include <asm/ptrace.h>

#include "shim.h"

static long stub_ptrace(const struct pt_regs *regs) { return -ENOSYS; }
static bool stub_may_access(struct task_struct *task, unsigned int mode) { return false; }

DEFINE_STATIC_CALL(om_sc_ptrace, stub_ptrace);
DEFINE_STATIC_CALL(om_sc_may_access, stub_may_access);

static bool hooked __ro_after_init;

/* The process that waits for this, if it is stopped, is away, and may be traced by the caller: others are not called home for him. */
static pid_t absent(pid_t pid)
{
	struct task_struct *task;
	pid_t found = 0;

	rcu_read_lock();
	task = get_pid_task(find_vpid(pid), PIDTYPE_PID);
	rcu_read_unlock();
	if (!task)
		return 0;
	if (om_role_kind(task, NULL) == OM_DEPUTY && task_is_stopped(task) &&
	    static_call(om_sc_may_access)(task, PTRACE_MODE_ATTACH_REALCREDS))
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

/* Without it everything works, but debuggers must send such a process home first. */
void om_tracer_init(void)
{
	unsigned long ptrace_ip = om_symbol("__x64_sys_ptrace"), may_access_ip = om_symbol("ptrace_may_access");

	if (ptrace_ip && may_access_ip && !ftrace_set_filter_ip(&attach_ops, ptrace_ip, 0, 0)) {
		static_call_update(om_sc_ptrace, (void *)ptrace_ip);
		static_call_update(om_sc_may_access, (void *)may_access_ip);
		hooked = !register_ftrace_function(&attach_ops);
	}
	if (!hooked)
		pr_notice("openmosix: ptrace() cannot be hooked: send a process that is stopped and away home before you attach a debugger\n");
}

void om_tracer_exit(void)
{
	if (!hooked)
		return;
	unregister_ftrace_function(&attach_ops);
	ftrace_free_filter(&attach_ops);
}
