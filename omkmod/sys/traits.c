// SPDX-License-Identifier: GPL-2.0-only
/*
 * What users have said of their processes (hints, how long statistics count, stay): one word of bits a process.
 *
 * It has to be here and not in the Rust half because children inherit it in the fork probe, where nobody may sleep.
 * Processes of which nothing was said have no entry and cost nothing but one look at a counter.
 */
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "shim.h"
#include "roles.h"

struct trait {
	struct hlist_node node;
	struct rcu_head rcu;
	struct signal_struct *process;	/* identity only */
	u64 bits;
};

/* So many processes at most have any. */
#define MOST 65536

static DEFINE_HASHTABLE(traits, 8);
static DEFINE_SPINLOCK(traits_lock);	/* leaf lock */
static atomic_t count = ATOMIC_INIT(0);

static struct trait *find(struct signal_struct *process)
{
	struct trait *t;

	hash_for_each_possible_rcu(traits, t, node, (unsigned long)process)
		if (t->process == process)
			return t;
	return NULL;
}

u64 om_traits_get(struct task_struct *task)
{
	struct trait *t;
	u64 bits = 0;

	if (!atomic_read(&count))
		return 0;
	rcu_read_lock();
	t = find(task->signal);
	if (t)
		bits = READ_ONCE(t->bits);
	rcu_read_unlock();
	return bits;
}

static int put(struct signal_struct *process, u64 clear, u64 set, gfp_t gfp)
{
	struct trait *fresh = NULL, *t;
	int ret = 0;

again:
	spin_lock(&traits_lock);
	t = find(process);
	if (t) {
		WRITE_ONCE(t->bits, (t->bits & ~clear) | set);
	} else if (fresh) {
		fresh->process = process;
		fresh->bits = set;
		hash_add_rcu(traits, &fresh->node, (unsigned long)process);
		fresh = NULL;
	} else if (set) {
		ret = -ENOMEM;
	}
	spin_unlock(&traits_lock);
	if (ret) {
		if (atomic_inc_return(&count) > MOST) {
			atomic_dec(&count);
			return -ENOSPC;
		}
		fresh = kzalloc(sizeof(*fresh), gfp);
		if (!fresh) {
			atomic_dec(&count);
			return -ENOMEM;
		}
		ret = 0;
		goto again;
	}
	if (fresh) {
		atomic_dec(&count);
		kfree(fresh);
	}
	return 0;
}

/* Of a process that is not ending; one that ends meanwhile is forgotten by the sweep. */
int om_traits_change(struct task_struct *task, u64 clear, u64 set)
{
	int ret = put(task->signal, clear, set, GFP_KERNEL);

	/* The exit probe may have come before us. */
	if (!ret && !atomic_read(&task->signal->live))
		om_traits_exit(task);
	return ret;
}

/* From the fork probe: the child is a process of its own and has not run. */
void om_traits_born(struct task_struct *parent, struct task_struct *child)
{
	u64 bits;

	if (child->signal == parent->signal)
		return;
	bits = om_rust_traits_born(om_traits_get(parent));
	if (bits)
		put(child->signal, 0, bits, GFP_ATOMIC);
}

/* From the exec probe. */
void om_traits_exec(struct task_struct *task)
{
	u64 bits = om_traits_get(task);

	if (bits)
		put(task->signal, ~0ULL, om_rust_traits_exec(bits), GFP_ATOMIC);
}

/* From the exit probe: the last thread ends. */
void om_traits_exit(struct task_struct *task)
{
	struct trait *t;

	if (!atomic_read(&count) || atomic_read(&task->signal->live))
		return;
	spin_lock(&traits_lock);
	t = find(task->signal);
	if (t)
		hash_del_rcu(&t->node);
	spin_unlock(&traits_lock);
	if (t) {
		atomic_dec(&count);
		kfree_rcu(t, rcu);
	}
}

/* No probe runs any more. */
void om_traits_clear(void)
{
	struct hlist_node *next;
	struct trait *t;
	int i;

	spin_lock(&traits_lock);
	hash_for_each_safe(traits, i, next, t, node) {
		hash_del_rcu(&t->node);
		kfree_rcu(t, rcu);
	}
	spin_unlock(&traits_lock);
	rcu_barrier();
}
