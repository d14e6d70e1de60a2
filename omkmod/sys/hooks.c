// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the kernel calls us: the system-call dispatcher of guests, and four tracepoints.
 *
 * Guests carry the SYSCALL_USER_DISPATCH work flag, so their calls reach syscall_user_dispatch(). An
 * ftrace callback there diverts tasks with a guest role to om_dispatch(); everybody else runs the
 * original. The callback takes the module reference that om_dispatch() gives back: a guest
 * sleeping in a forwarded call therefore keeps the module loaded.
 */
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>
#include <linux/tracepoint.h>
#include <linux/rcupdate_wait.h>
#include <linux/binfmts.h>
#include <asm/syscall.h>

#include "shim.h"
#include "roles.h"
#include "task.h"

static unsigned long dispatch_ip;

/* In place of syscall_user_dispatch() for guests and watched tasks. True: the call is done, regs->ax is its result. */
static bool om_dispatch(struct pt_regs *regs)
{
	void *owner = NULL;
	bool done = true;

	switch (om_role_kind(current, &owner)) {
	case OM_GUEST:
		done = om_rust_dispatch(owner, regs);
		break;
	case OM_WATCHED:
		om_watched_call(regs);
		done = false;
		break;
	default:
		regs->ax = -ENOSYS;
	}
	module_put(THIS_MODULE);
	return done;
}

static void notrace dispatch_callback(unsigned long ip, unsigned long parent_ip,
				      struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	/* A program's own use of the dispatcher is not ours. */
	if (!om_dispatch_is_ours())
		return;
	if (!try_module_get(THIS_MODULE))
		return;
	ftrace_regs_set_instruction_pointer(fregs, (unsigned long)om_dispatch);
}

static struct ftrace_ops dispatch_ops = {
	.func = dispatch_callback,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT | FTRACE_OPS_FL_RECURSION,
};

/* Tracepoints. Their probes run with preemption off. */

static void probe_exit(void *data, struct task_struct *task)
{
	om_role_exit(task);
	om_traits_exit(task);
}

static void probe_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	om_role_born(parent, child);
	om_traits_born(parent, child);
}

static void probe_exec(void *data, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	om_armed_exec(task);
	om_traits_exec(task);
}

static void probe_signal(void *data, int sig, struct kernel_siginfo *info,
			 struct task_struct *task, int group, int result)
{
	om_guest_signal(sig, task);
}

static struct {
	const char *name;
	void *probe;
	struct tracepoint *tp;
} probes[] = {
	{ "sched_process_exit", probe_exit },
	{ "sched_process_fork", probe_fork },
	{ "sched_process_exec", probe_exec },
	{ "signal_generate", probe_signal },
};

static void match_probe(struct tracepoint *tp, void *data)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (!strcmp(tp->name, probes[i].name))
			probes[i].tp = tp;
}

int om_hooks_init(void)
{
	int i, ret;

	dispatch_ip = om_symbol("syscall_user_dispatch");
	if (!dispatch_ip)
		return -ENOENT;
	for_each_kernel_tracepoint(match_probe, NULL);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (!probes[i].tp) {
			pr_err("openmosix: tracepoint %s is missing in this kernel\n", probes[i].name);
			ret = -ENOENT;
			goto undo_probes;
		}
		ret = tracepoint_probe_register(probes[i].tp, probes[i].probe, NULL);
		if (ret)
			goto undo_probes;
	}
	ret = ftrace_set_filter_ip(&dispatch_ops, dispatch_ip, 0, 0);
	if (ret)
		goto undo_probes;
	ret = register_ftrace_function(&dispatch_ops);
	if (ret) {
		pr_err("openmosix: syscall_user_dispatch() cannot be hooked (%d)%s\n", ret,
		       ret == -EBUSY ? ": a live patch or another tracer has it" : "");
		ftrace_set_filter_ip(&dispatch_ops, dispatch_ip, 1, 0);
		goto undo_probes;
	}
	return 0;

undo_probes:
	while (--i >= 0)
		tracepoint_probe_unregister(probes[i].tp, probes[i].probe, NULL);
	tracepoint_synchronize_unregister();
	return ret;
}

void om_hooks_exit(void)
{
	int i;

	unregister_ftrace_function(&dispatch_ops);
	ftrace_set_filter_ip(&dispatch_ops, dispatch_ip, 1, 0);
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		tracepoint_probe_unregister(probes[i].tp, probes[i].probe, NULL);
	tracepoint_synchronize_unregister();
}
