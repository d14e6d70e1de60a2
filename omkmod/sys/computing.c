// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that computes elsewhere is seen as running at home (state R in ps, top, /proc/PID/stat), though its deputy sleeps.
 *
 * The deputy then sleeps in a state that none of the letters stands for, and so is shown as R. Nobody but this file wakes it
 * from that: the socket, by an entry of its own in the queue, a timer, and signals, by an ftrace callback at
 * wake_up_state(). That function is how the kernel wakes a task for a signal, for task work and for the freezer, after it has
 * set the task's flag; a fatal signal wakes a task in this state by itself.
 */
#include <linux/freezer.h>
#include <linux/ftrace.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <net/sock.h>

#include "shim.h"

/* No other sleep has just these bits. */
#define COMPUTING (TASK_WAKEKILL | TASK_NOLOAD)

static bool signals_wake __ro_after_init;

struct rest {
	wait_queue_entry_t entry;
	struct timer_list timer;
	bool due;
};

static int wake_for_input(wait_queue_entry_t *entry, unsigned int mode, int flags, void *key)
{
	return default_wake_function(entry, COMPUTING, flags, key);
}

static void wake_when_due(struct timer_list *timer)
{
	struct rest *rest = from_timer(rest, timer, timer);

	WRITE_ONCE(rest->due, true);
	default_wake_function(&rest->entry, COMPUTING, 0, NULL);
}

static void notrace wake_for_signal(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct task_struct *task = (struct task_struct *)ftrace_regs_get_argument(fregs, 0);
	unsigned int state = ftrace_regs_get_argument(fregs, 1);
	wait_queue_entry_t entry = { .private = task };

	if ((state & TASK_INTERRUPTIBLE) && READ_ONCE(task->__state) == COMPUTING)
		default_wake_function(&entry, COMPUTING, 0, NULL);
}

static struct ftrace_ops signal_ops = { .func = wake_for_signal };

/* Until the link or a signal wants something; for the first @computing milliseconds as one that runs. */
void om_wait_idle(struct socket *sock, unsigned int computing)
{
	wait_queue_head_t *queue = sk_sleep(sock->sk);
	struct rest rest = { .due = false };

	if (computing && signals_wake) {
		init_waitqueue_func_entry(&rest.entry, wake_for_input);
		rest.entry.private = current;
		timer_setup_on_stack(&rest.timer, wake_when_due, 0);
		mod_timer(&rest.timer, jiffies + msecs_to_jiffies(computing));
		add_wait_queue(queue, &rest.entry);
		for (;;) {
			set_current_state(COMPUTING);
			if (om_readable(sock) || signal_pending(current) || READ_ONCE(rest.due))
				break;
			schedule();
		}
		__set_current_state(TASK_RUNNING);
		remove_wait_queue(queue, &rest.entry);
		timer_delete_sync(&rest.timer);
		destroy_timer_on_stack(&rest.timer);
	}
	wait_event_freezable(*queue, om_readable(sock) || signal_pending(current));
}

/* Without it everything works, but such a process is shown as sleeping. */
void om_computing_init(void)
{
	unsigned long ip = om_symbol("wake_up_state");

	if (ip && !ftrace_set_filter_ip(&signal_ops, ip, 0, 0) && !register_ftrace_function(&signal_ops))
		signals_wake = true;
	else
		pr_notice("openmosix: wake_up_state() cannot be traced: what computes elsewhere is shown as sleeping\n");
}

void om_computing_exit(void)
{
	if (!signals_wake)
		return;
	unregister_ftrace_function(&signal_ops);
	ftrace_free_filter(&signal_ops);
}
