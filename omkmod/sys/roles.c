// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which tasks are ours: a small hash from task to (role, owner), readable under RCU from any context.
 *
 * A role is set and cleared by its own task. If the task dies with a role, the exit probe takes it out
 * and a work item tells the Rust half, because a task that dies inside get_signal() or exit_group()
 * never returns to the code that would have cleaned up. Each role holds one module reference, which is
 * given back before the parent can hear of the death, so that nobody has to try rmmod twice; unloading
 * flushes the works.
 */
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "shim.h"
#include "roles.h"

struct om_role {
	struct hlist_node node;
	struct rcu_head rcu;
	struct work_struct gone;
	struct task_struct *task;	/* identity only, never dereferenced */
	void *owner;
	int kind;
	int exit_code;
};

static DEFINE_HASHTABLE(roles, 8);
static struct workqueue_struct *gone_wq;
static DEFINE_SPINLOCK(roles_lock);	/* leaf lock, taken with nothing else inside */

/* From Rust: the task of this role has died; sleeping is allowed. */
void om_rust_role_gone(int kind, void *owner, int exit_code);

static void role_gone(struct work_struct *work)
{
	struct om_role *role = container_of(work, struct om_role, gone);

	om_rust_role_gone(role->kind, role->owner, role->exit_code);
	kfree_rcu(role, rcu);
}

int om_role_set(int kind, void *owner)
{
	struct om_role *role = kzalloc(sizeof(*role), GFP_KERNEL);

	if (!role)
		return -ENOMEM;
	if (!try_module_get(THIS_MODULE)) {
		kfree(role);
		return -EBUSY;
	}
	role->task = current;
	role->owner = owner;
	role->kind = kind;
	INIT_WORK(&role->gone, role_gone);
	spin_lock(&roles_lock);
	hash_add_rcu(roles, &role->node, (unsigned long)current);
	spin_unlock(&roles_lock);
	return 0;
}

static struct om_role *find(struct task_struct *task)
{
	struct om_role *role;

	hash_for_each_possible_rcu(roles, role, node, (unsigned long)task)
		if (role->task == task)
			return role;
	return NULL;
}

static struct om_role *take(struct task_struct *task)
{
	struct om_role *role;

	spin_lock(&roles_lock);
	rcu_read_lock();
	role = find(task);
	if (role)
		hash_del_rcu(&role->node);
	rcu_read_unlock();
	spin_unlock(&roles_lock);
	return role;
}

void om_role_clear(void)
{
	struct om_role *role = take(current);

	if (!role)
		return;
	kfree_rcu(role, rcu);
	module_put(THIS_MODULE);
}

int om_role_kind(struct task_struct *task, void **owner)
{
	struct om_role *role;
	int kind = OM_NONE;

	rcu_read_lock();
	role = find(task);
	if (role) {
		kind = role->kind;
		if (owner)
			*owner = role->owner;
	}
	rcu_read_unlock();
	return kind;
}

/* From the exit probe: preemption is off, the mm is gone. */
void om_role_exit(struct task_struct *task)
{
	struct om_role *role = take(task);

	if (!role)
		return;
	role->exit_code = task->exit_code;
	queue_work(gone_wq, &role->gone);
	/* A deputy lives inside a work of run_work(), whose own reference died with the task. */
	if (role->kind == OM_DEPUTY)
		module_put(THIS_MODULE);
	module_put(THIS_MODULE);
}

int om_roles_init(void)
{
	gone_wq = alloc_workqueue("openmosix", WQ_UNBOUND, 0);
	return gone_wq ? 0 : -ENOMEM;
}

/* Nothing has a role any more; wait until the Rust half has heard of all that died with one. */
void om_roles_flush(void)
{
	flush_workqueue(gone_wq);
}

void om_roles_exit(void)
{
	destroy_workqueue(gone_wq);
	rcu_barrier();
}
