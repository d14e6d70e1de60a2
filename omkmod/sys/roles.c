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
#include <linux/delay.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "shim.h"
#include "roles.h"
#include "task.h"

struct om_role {
	struct hlist_node node;
	struct rcu_head rcu;
	struct work_struct gone;
	struct task_struct *task;	/* identity only, never dereferenced */
	void *owner;
	struct om_birth *birth;		/* of the child that this task is about to make; its own business */
	struct mm_struct *mm;		/* newborn: mappings with our vm_ops that no notifier looks after yet */
	int kind;
	int exit_code;
	bool stubborn;			/* waits for its link although it is being killed */
};

/*
 * A child that gets work and a role before it can run. Everything is allocated beforehand, because the fork
 * probe may not sleep.
 */
struct om_birth {
	struct callback_head work;
	struct om_role *role;
	void (*fn)(void *data, bool exiting);
	void *data;
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
	if (role->mm) {
		/* Its mappings call into this module until they are torn down, by whoever looks at them last. */
		while (atomic_read(&role->mm->mm_users))
			msleep(10);
		mmdrop(role->mm);
		module_put(THIS_MODULE);
	}
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
	if (role->mm)
		mmdrop(role->mm);
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

void om_role_set_stubborn(bool on)
{
	struct om_role *role;

	rcu_read_lock();
	role = find(current);
	if (role)
		WRITE_ONCE(role->stubborn, on);
	rcu_read_unlock();
}

bool om_role_stubborn(void)
{
	struct om_role *role;
	bool stubborn;

	rcu_read_lock();
	role = find(current);
	stubborn = role && role->stubborn;
	rcu_read_unlock();
	return stubborn;
}

static void role_exit(struct om_role *role, struct task_struct *task)
{
	bool keeps;

	keeps = role->mm;
	role->exit_code = task->exit_code;
	queue_work(gone_wq, &role->gone);
	/* A deputy lives inside a work of run_work(), whose own reference died with the task. */
	if (role->kind == OM_DEPUTY)
		module_put(THIS_MODULE);
	if (!keeps)
		module_put(THIS_MODULE);
}

/* From the exit probe: preemption is off, the mm is gone. One that moves while it is armed has two roles. */
void om_role_exit(struct task_struct *task)
{
	struct om_role *role;

	while ((role = take(task)))
		role_exit(role, task);
}

/* ---- births ---- */

static void birth_run(struct callback_head *head)
{
	struct om_birth *b = container_of(head, struct om_birth, work);
	void (*fn)(void *, bool) = b->fn;
	void *data = b->data;

	if (om_not_last(head))
		return;
	kfree(b);
	fn(data, current->flags & PF_EXITING);
	om_restart_check();
	module_put(THIS_MODULE);
}

/* The next child of this task (which has a role) will run fn(data, exiting) before anything else. */
struct om_birth *om_birth_arm(void (*fn)(void *, bool), void *data)
{
	struct om_birth *b = kzalloc(sizeof(*b), GFP_KERNEL);
	struct om_role *role, *own;

	if (!b)
		return NULL;
	role = kzalloc(sizeof(*role), GFP_KERNEL);
	if (!role)
		goto no_role;
	/* One reference is the child's role's, one its work's. */
	if (!try_module_get(THIS_MODULE))
		goto no_module;
	if (!try_module_get(THIS_MODULE))
		goto no_second;
	role->kind = OM_NEWBORN;
	INIT_WORK(&role->gone, role_gone);
	b->role = role;
	b->fn = fn;
	b->data = data;
	init_task_work(&b->work, birth_run);
	rcu_read_lock();
	own = find(current);
	if (own)
		own->birth = b;
	rcu_read_unlock();
	if (own)
		return b;
	module_put(THIS_MODULE);
no_second:
	module_put(THIS_MODULE);
no_module:
	kfree(role);
no_role:
	kfree(b);
	return NULL;
}

/* After the attempt. True: there was no child, and fn will never be called. */
bool om_birth_disarm(struct om_birth *b)
{
	struct om_role *own;
	bool unused;

	rcu_read_lock();
	own = find(current);
	unused = own && own->birth == b;
	if (unused)
		own->birth = NULL;
	rcu_read_unlock();
	if (unused) {
		kfree(b->role);
		kfree(b);
		module_put(THIS_MODULE);
		module_put(THIS_MODULE);
	}
	return unused;
}

/* From the fork probe, in the parent, before the child can run; preemption is off. */
void om_role_born(struct task_struct *parent, struct task_struct *child)
{
	struct om_role *own, *role;
	struct om_birth *b = NULL;

	rcu_read_lock();
	own = find(parent);
	if (own) {
		b = own->birth;
		own->birth = NULL;
	}
	rcu_read_unlock();
	if (!b)
		return;
	role = b->role;
	role->task = child;
	if (child->mm && child->mm != parent->mm) {
		role->mm = child->mm;
		mmgrab(role->mm);
	}
	spin_lock(&roles_lock);
	hash_add_rcu(roles, &role->node, (unsigned long)child);
	spin_unlock(&roles_lock);
	/* Cannot fail: the child is not exiting, it has not even begun. */
	task_work_add(child, &b->work, TWA_RESUME);
}

/* The newborn's mappings are looked after by a notifier now. */
void om_role_mm_done(void)
{
	struct om_role *role;
	struct mm_struct *mm = NULL;

	rcu_read_lock();
	role = find(current);
	if (role) {
		mm = role->mm;
		role->mm = NULL;
	}
	rcu_read_unlock();
	if (mm)
		mmdrop(mm);
}

/* A newborn becomes what it is to be. */
void om_role_become(int kind, void *owner)
{
	struct om_role *role;

	rcu_read_lock();
	role = find(current);
	if (role) {
		role->owner = owner;
		smp_store_release(&role->kind, kind);
	}
	rcu_read_unlock();
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
