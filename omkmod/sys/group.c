// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which processes share writable memory with one another, directly or by way of others: they can only be on one node.
 *
 * Two address spaces share memory if both have a shared mapping of a file (or of shared anonymous memory, which is a
 * file too) that somebody may write through a mapping. Windows of processes that are away are such mappings as well.
 *
 * Locks: mmap_lock of one address space at a time, for reading; inside it i_mmap_rwsem of one file at a time, for
 * reading, under which nothing is allocated. Called in process context with no lock held.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "shim.h"

/* Most processes of a group, and most mappings of one file that are looked at. */
#define GROUP_MAX 4096
#define MAPPINGS_MAX (1u << 20)

struct crowd {
	struct xarray seen;		/* keys: addresses of address spaces and of files' mappings */
	struct mm_struct **mms;		/* address spaces in the order found, with references that do not keep their memory */
	unsigned int n, room;
	struct mm_struct **found;	/* what one file gives */
	unsigned int found_room;
};

static int make_room(struct mm_struct ***list, unsigned int *room, unsigned int have, unsigned int need)
{
	struct mm_struct **larger;
	unsigned int size = max(need, *room * 2);

	if (need <= *room)
		return 0;
	larger = kvmalloc_array(size, sizeof(*larger), GFP_KERNEL);
	if (!larger)
		return -ENOMEM;
	if (have)
		memcpy(larger, *list, have * sizeof(*larger));
	kvfree(*list);
	*list = larger;
	*room = size;
	return 0;
}

/* Is this the first time? Or a negative error. */
static int first_sight(struct crowd *c, const void *what)
{
	int ret = xa_insert(&c->seen, (unsigned long)what, xa_mk_value(1), GFP_KERNEL);

	return ret == -EBUSY ? 0 : ret ? ret : 1;
}

/* Takes over a reference. */
static int add(struct crowd *c, struct mm_struct *mm)
{
	int ret = first_sight(c, mm);

	if (ret > 0 && c->n == GROUP_MAX)
		ret = -E2BIG;
	if (ret > 0)
		ret = make_room(&c->mms, &c->room, c->n, c->n + 1) ?: 1;
	if (ret > 0)
		c->mms[c->n++] = mm;
	else
		mmdrop(mm);
	return ret < 0 ? ret : 0;
}

static void drop_all(struct mm_struct **list, unsigned int n)
{
	while (n--)
		mmdrop(list[n]);
}

/* Everybody who has a shared mapping of this file. */
static int look_at_file(struct crowd *c, struct address_space *mapping)
{
	struct vm_area_struct *vma;
	struct mm_struct *last;
	struct rb_node *node;
	unsigned int n, have, i;
	int ret;

	for (;;) {
		n = 0;
		last = NULL;
		i_mmap_lock_read(mapping);
		for (node = rb_first_cached(&mapping->i_mmap); node; node = rb_next(node)) {
			vma = rb_entry(node, struct vm_area_struct, shared.rb);
			if (!(READ_ONCE(vma->vm_flags) & VM_MAYSHARE) || vma->vm_mm == last)
				continue;
			last = vma->vm_mm;
			if (n < c->found_room) {
				mmgrab(last);
				c->found[n] = last;
			}
			n++;
		}
		i_mmap_unlock_read(mapping);
		have = min(n, c->found_room);
		if (have == n)
			break;
		drop_all(c->found, have);
		if (n > MAPPINGS_MAX)
			return -E2BIG;
		ret = make_room(&c->found, &c->found_room, 0, n + n / 4 + 16);
		if (ret)
			return ret;
	}
	for (i = 0; i < n; i++) {
		ret = add(c, c->found[i]);
		if (ret) {
			while (++i < n)
				mmdrop(c->found[i]);
			return ret;
		}
	}
	return 0;
}

/* All files that this address space shares. */
static int look_at_mm(struct crowd *c, struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	int ret = 0;
	VMA_ITERATOR(vmi, mm, 0);

	/* Being torn down: it shares nothing any more. */
	if (!mmget_not_zero(mm))
		return 0;
	if (mmap_read_lock_killable(mm)) {
		mmput(mm);
		return -EINTR;
	}
	for_each_vma(vmi, vma) {
		struct address_space *mapping;

		if (!(vma->vm_flags & VM_MAYSHARE) || !vma->vm_file)
			continue;
		mapping = vma->vm_file->f_mapping;
		if (!mapping_writably_mapped(mapping))
			continue;
		ret = first_sight(c, mapping);
		if (ret > 0)
			ret = look_at_file(c, mapping);
		if (ret < 0)
			break;
		cond_resched();
	}
	mmap_read_unlock(mm);
	mmput(mm);
	return ret < 0 ? ret : 0;
}

static struct mm_struct *mm_of(struct task_struct *task)
{
	struct task_struct *thread;
	struct mm_struct *mm = NULL;

	rcu_read_lock();
	for_each_thread(task, thread) {
		/* Identity only, kept by the reference. */
		task_lock(thread);
		mm = thread->flags & PF_KTHREAD ? NULL : thread->mm;
		if (mm)
			mmgrab(mm);
		task_unlock(thread);
		if (mm)
			break;
	}
	rcu_read_unlock();
	return mm;
}

/* Does one of its threads live in one of them? */
static bool belongs(struct crowd *c, struct task_struct *process)
{
	struct task_struct *thread;
	struct mm_struct *mm;

	if (process->flags & PF_KTHREAD)
		return false;
	for_each_thread(process, thread) {
		mm = READ_ONCE(thread->mm);
		if (mm)
			return xa_load(&c->seen, (unsigned long)mm);
	}
	return false;
}

/* Counted references to the processes of these address spaces, in an array that is the caller's to free. */
static int find_processes(struct crowd *c, struct task_struct ***out)
{
	struct task_struct *process, **list;
	unsigned int n, room = c->n + 16;

	for (;;) {
		list = kvmalloc_array(room, sizeof(*list), GFP_KERNEL);
		if (!list)
			return -ENOMEM;
		n = 0;
		rcu_read_lock();
		for_each_process(process) {
			if (!belongs(c, process))
				continue;
			if (n < room)
				list[n] = get_task_struct(process);
			n++;
		}
		rcu_read_unlock();
		if (n <= room && n <= GROUP_MAX)
			break;
		room = min(n, room);
		while (room--)
			put_task_struct(list[room]);
		kvfree(list);
		if (n > GROUP_MAX)
			return -E2BIG;
		room = n + 16;
	}
	*out = list;
	return n;
}

/*
 * The processes that share writable memory with `task`, itself included: their number and, in `*out`, counted references
 * in an array for om_group_free(). None if it has no memory. -E2BIG: too many.
 */
int om_group(struct task_struct *task, struct task_struct ***out)
{
	struct mm_struct *mm = mm_of(task);
	struct crowd c = { };
	unsigned int i;
	int ret;

	*out = NULL;
	if (!mm)
		return 0;
	xa_init(&c.seen);
	ret = add(&c, mm);
	for (i = 0; !ret && i < c.n; i++)
		ret = look_at_mm(&c, c.mms[i]);
	if (!ret)
		ret = find_processes(&c, out);
	drop_all(c.mms, c.n);
	kvfree(c.mms);
	kvfree(c.found);
	xa_destroy(&c.seen);
	return ret;
}

void om_group_free(struct task_struct **list)
{
	kvfree(list);
}
