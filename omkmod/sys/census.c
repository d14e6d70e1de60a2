// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who runs here and what each of them has used so far: the raw numbers that balancing goes by.
 *
 * Everything is read under RCU without stopping anybody, so sums may be a little older than each other.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "shim.h"

/* Of one process, since its start. */
struct om_census_entry {
	s32 pid;
	u32 threads;
	u64 started;
	u64 cpu;	/* ns */
	u64 waited;	/* ns that its threads could have run and did not; 0 where the kernel does not count that */
	u64 memory;	/* bytes that only it has */
	u64 calls;	/* reads, writes, and waits of its own will, whichever were more */
	u64 out;	/* bytes written and read */
	u64 in;
};

static void add_thread(struct om_census_entry *e, struct task_struct *t, u64 *io, u64 *waits)
{
	e->threads++;
	e->cpu += max(READ_ONCE(t->utime) + READ_ONCE(t->stime), READ_ONCE(t->se.sum_exec_runtime));
#ifdef CONFIG_SCHED_INFO
	e->waited += READ_ONCE(t->sched_info.run_delay);
#endif
#ifdef CONFIG_TASK_XACCT
	*io += READ_ONCE(t->ioac.syscr) + READ_ONCE(t->ioac.syscw);
	e->out += READ_ONCE(t->ioac.wchar);
	e->in += READ_ONCE(t->ioac.rchar);
#endif
	*waits += READ_ONCE(t->nvcsw);
}

static bool look(struct om_census_entry *e, struct task_struct *p)
{
	struct signal_struct *s = p->signal;
	struct task_struct *t;
	u64 io = 0, waits = 0;

	memset(e, 0, sizeof(*e));
	if (p->flags & (PF_KTHREAD | PF_EXITING) || is_global_init(p))
		return false;
	task_lock(p);
	if (p->mm)
		e->memory = (u64)(get_mm_counter(p->mm, MM_ANONPAGES) + get_mm_counter(p->mm, MM_SWAPENTS) +
				  get_mm_counter(p->mm, MM_SHMEMPAGES)) << PAGE_SHIFT;
	task_unlock(p);
	e->pid = p->pid;
	e->started = p->start_boottime;
	for_each_thread(p, t)
		add_thread(e, t, &io, &waits);
	/* Of threads that have ended. */
	e->cpu += max(READ_ONCE(s->utime) + READ_ONCE(s->stime), READ_ONCE(s->sum_sched_runtime));
#ifdef CONFIG_TASK_XACCT
	io += READ_ONCE(s->ioac.syscr) + READ_ONCE(s->ioac.syscw);
	e->out += READ_ONCE(s->ioac.wchar);
	e->in += READ_ONCE(s->ioac.rchar);
#endif
	waits += READ_ONCE(s->nvcsw);
	e->calls = max(io, waits);
	return true;
}

/* Fills in at most `most` processes, guests and kernel threads left out. Returns how many. */
u32 om_census(struct om_census_entry *out, u32 most)
{
	struct task_struct *p;
	u32 n = 0;

	rcu_read_lock();
	for_each_process(p) {
		if (n >= most)
			break;
		if (om_role_kind(p, NULL) != OM_GUEST && look(&out[n], p))
			n++;
	}
	rcu_read_unlock();
	return n;
}

/* What the threads of a process that are still there have used, and waited for, ns. */
void om_process_demand(struct task_struct *task, u64 *cpu, u64 *waited)
{
	struct om_census_entry e = { };
	struct task_struct *t;
	u64 io = 0, waits = 0;

	rcu_read_lock();
	for_each_thread(task, t)
		add_thread(&e, t, &io, &waits);
	rcu_read_unlock();
	*cpu = e.cpu;
	*waited = e.waited;
}
