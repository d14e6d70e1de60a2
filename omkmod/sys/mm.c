// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is elsewhere.
 *
 * An om_mm hangs on an address space in which some pages must be asked for: at home, everything
 * private while the process is away (the window); at the guest, pages of file mappings that did not
 * travel. Its VMAs carry our vm_ops and a private vm_flags bit, so that they never merge with plain ones.
 * Pages that have been asked for wait in `store`, an xarray by page number, until the fault that wanted
 * them is retried.
 *
 * The om_mm is owned by its mm: an mmu notifier takes our vm_ops off before the VMAs are torn down, so no
 * mapping outlives the module. It holds one module reference until then.
 *
 * Locks: mm->mmap_lock, then store's xa_lock. Faults wait for the network with no lock held.
 */
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/highmem.h>
#include <linux/maple_tree.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/pagewalk.h>
#include <linux/pgtable.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>
#include <asm/unistd.h>

#include "shim.h"
#include "filecache.h"
#include "mm.h"
#include "shared.h"

static_assert(!((VM_SPECIAL | VM_SOFTDIRTY | VM_UFFD_MINOR | VM_SHADOW_STACK | VM_HUGEPAGE |
		 VM_MERGEABLE | VM_DROPPABLE) & OM_VM_FLAG));

#define OM_FAILED xa_mk_value(1)	/* in the store: asked for, and not to be had */

struct om_file {
	struct file *file;
	const struct vm_operations_struct *ops;
};

struct om_mm {
	struct mmu_notifier mn;
	struct hlist_node node;
	struct rcu_head rcu;
	struct mm_struct *mm;
	struct xarray store;
	struct xarray before;		/* home: pages of shared mappings as they were before a call wrote to them */
	atomic_long_t count;		/* entries in store, bounded by OM_STORE_MAX */
	bool guest;
	int pid;			/* of the process whose address space it is */
	bool hooked;
	bool receiving;			/* home: its memory is coming back, and nobody else shall see half of it */
	unsigned long blank_start, blank_end;	/* home: content of these does not matter to the call */
	unsigned long args_start, args_len;	/* home's copy of arguments and environment, for ps */
	char *args;
	struct xarray clean;		/* guest: sums of pages as the file at home has them */
	struct mutex names_lock;	/* guest: of the two trees that follow, by page number */
	struct maple_tree names;	/* which file of `home` is mapped there, where its pages may be kept */
	struct maple_tree shifts;	/* what to add for the number of the page in the file */
	bool nameless;			/* the trees are not right: there was no memory */
	int home;
	unsigned int nfiles, capfiles;
	struct om_file *files;		/* what the file VMAs' own vm_ops were */
};

static DEFINE_HASHTABLE(mms, 8);
static DEFINE_SPINLOCK(mms_lock);
static atomic_t mms_alive = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(mms_gone);
static const struct vm_operations_struct om_vm_ops;

/*
 * From Rust: bring pages [addr, addr + n*PAGE_SIZE) into the store, at least the first; sleeps. `locked`: under mmap_lock.
 * The owner is that of the faulting task's role: each task has a link of its own, while an address space may have several.
 */
/* From Rust: asks the process to come home, and waits until it is, or has not come. */
void om_rust_call_home(int pid);
int om_rust_fetch(void *owner, bool guest, unsigned long addr, unsigned long n, bool locked);

struct om_mm *om_mm_find(struct mm_struct *mm)
{
	struct om_mm *m;

	rcu_read_lock();
	hash_for_each_possible_rcu(mms, m, node, (unsigned long)mm)
		if (m->mm == mm)
			break;		/* stays while mm_users > 0 */
	rcu_read_unlock();
	return m;
}

bool om_mm_is_ours(struct vm_area_struct *vma)
{
	return vma->vm_ops == &om_vm_ops || om_wrapped_ops(vma);
}

/* The process of this node whose address space this is, if it is or was away; else 0. `mm` is only compared. */
int om_mm_pid(struct mm_struct *mm)
{
	struct om_mm *m;
	int pid;

	rcu_read_lock();
	m = om_mm_find(mm);
	pid = m && !m->guest ? m->pid : 0;
	rcu_read_unlock();
	return pid;
}

static const struct vm_operations_struct *original_ops(struct om_mm *m, struct vm_area_struct *vma)
{
	unsigned int i;

	for (i = 0; vma->vm_file && i < m->nfiles; i++)
		if (m->files[i].file == vma->vm_file)
			return m->files[i].ops;
	return NULL;
}

static void store_erase(struct om_mm *m, unsigned long addr)
{
	void *entry = xa_erase(&m->store, addr >> PAGE_SHIFT);
	struct page *before = m->guest ? NULL : xa_erase(&m->before, addr >> PAGE_SHIFT);

	if (before)
		put_page(before);
	if (!entry)
		return;
	atomic_long_dec(&m->count);
	if (!xa_is_value(entry))
		put_page(entry);
}

static void store_clear(struct om_mm *m)
{
	unsigned long index;
	void *entry;

	xa_for_each(&m->store, index, entry)
		store_erase(m, index << PAGE_SHIFT);
}

static void unhook_vma(struct om_mm *m, struct vm_area_struct *vma)
{
	const struct vm_operations_struct *wrapped = om_wrapped_ops(vma);

	if (wrapped && !om_vma_is_twin(vma)) {
		/* Pages of the window that calls have left there: a private mapping's are replaced when it is written to. */
		zap_page_range_single(vma, vma->vm_start, vma->vm_end - vma->vm_start, NULL);
		/* Its own operations say at the first write whether they want to know of each. */
		vma->vm_page_prot = vm_get_page_prot(vma->vm_flags & ~VM_SHARED);
	}
	vma->vm_ops = wrapped ? wrapped : original_ops(m, vma);
	vm_flags_clear(vma, OM_VM_FLAG);
}

/* Our vm_ops and bit come off every VMA. The caller holds mmap_lock for writing. */
static void unhook_locked(struct om_mm *m)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, m->mm, 0);

	for_each_vma(vmi, vma) {
		if (!om_mm_is_ours(vma))
			continue;
		vma_start_write(vma);
		unhook_vma(m, vma);
	}
	m->hooked = false;
}

/* Off the hash and on its way out; the notifier's own reference frees it after a grace period. */
static void retire(struct om_mm *m)
{
	bool ours;

	spin_lock(&mms_lock);
	ours = !hlist_unhashed(&m->node);
	if (ours)
		hash_del_rcu(&m->node);
	spin_unlock(&mms_lock);
	if (!ours)
		return;
	store_clear(m);
	mmu_notifier_put(&m->mn);
	module_put(THIS_MODULE);
}

/* The address space is about to be torn down, by whoever used it last. */
static void om_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct om_mm *m = container_of(mn, struct om_mm, mn);

	mmap_write_lock(mm);
	unhook_locked(m);
	mmap_write_unlock(mm);
	if (m->guest)
		om_twins_sweep();
	else
		om_objects_sweep();
	retire(m);
}

static void mm_free(struct om_mm *m)
{
	unsigned int i;

	for (i = 0; i < m->nfiles; i++)
		fput(m->files[i].file);
	kvfree(m->files);
	kvfree(m->args);
	xa_destroy(&m->store);
	xa_destroy(&m->before);
	xa_destroy(&m->clean);
	mtree_destroy(&m->names);
	mtree_destroy(&m->shifts);
	kfree_rcu(m, rcu);
}

static void om_free(struct mmu_notifier *mn)
{
	mm_free(container_of(mn, struct om_mm, mn));
	if (atomic_dec_and_test(&mms_alive))
		wake_up(&mms_gone);
}

static const struct mmu_notifier_ops om_mn_ops = {
	.release = om_release,
	.free_notifier = om_free,
};

/*
 * Registering a notifier gives up as soon as any signal is pending, and ours may have to wait until the process is
 * back in user mode: they are put aside for the moment.
 */
static int register_undisturbed(struct om_mm *m)
{
	bool notify = false;
	int ret, tries = 32;

	do {
		clear_thread_flag(TIF_SIGPENDING);
		notify |= test_and_clear_thread_flag(TIF_NOTIFY_SIGNAL);
		ret = mmu_notifier_register(&m->mn, current->mm);
	} while (ret == -EINTR && --tries && !__fatal_signal_pending(current));
	if (notify)
		set_thread_flag(TIF_NOTIFY_SIGNAL);
	spin_lock_irq(&current->sighand->siglock);
	recalc_sigpending();
	spin_unlock_irq(&current->sighand->siglock);
	return ret;
}

static struct om_mm *mm_new(bool guest)
{
	struct om_mm *m = kzalloc(sizeof(*m), GFP_KERNEL);

	if (!m)
		return NULL;
	xa_init(&m->store);
	xa_init(&m->before);
	xa_init(&m->clean);
	mutex_init(&m->names_lock);
	mt_init(&m->names);
	mt_init(&m->shifts);
	m->guest = guest;
	m->mn.ops = &om_mn_ops;
	return m;
}

/* m begins to look after current->mm. On error it is still the caller's. */
static int mm_begin(struct om_mm *m)
{
	int ret;

	if (!try_module_get(THIS_MODULE))
		return -EBUSY;
	m->mm = current->mm;
	m->pid = task_tgid_nr(current);
	ret = register_undisturbed(m);
	if (ret) {
		module_put(THIS_MODULE);
		return ret;
	}
	atomic_inc(&mms_alive);
	spin_lock(&mms_lock);
	hash_add_rcu(mms, &m->node, (unsigned long)m->mm);
	spin_unlock(&mms_lock);
	return 0;
}

/* For current->mm. An existing one (another thread's, or from an earlier journey) is used again. */
int om_mm_attach(bool guest)
{
	struct om_mm *m = om_mm_find(current->mm);
	int ret;

	if (m)
		return 0;
	m = mm_new(guest);
	if (!m)
		return -ENOMEM;
	ret = mm_begin(m);
	if (ret)
		kfree(m);
	return ret;
}

/* Without hooked VMAs the om_mm goes, so that nothing pins the module. */
void om_mm_detach(void)
{
	struct om_mm *m = current->mm ? om_mm_find(current->mm) : NULL;

	if (m && !m->hooked) {
		store_clear(m);
		retire(m);
	}
}

/* ---- guest: which files are mapped where ---- */

/* Kept modulo this, for entries of a tree have no more bits. */
#define SHIFT_MASK (LONG_MAX >> 1)

/* The caller holds names_lock. name 0: nothing that may be kept. */
static void name_pages(struct om_mm *m, unsigned long first, unsigned long last, u64 name, unsigned long shift)
{
	void *known = name ? xa_mk_value(name) : NULL, *by = name ? xa_mk_value(shift & SHIFT_MASK) : NULL;

	if (m->nameless || (!name && mtree_empty(&m->names)))
		return;
	if (mtree_store_range(&m->names, first, last, known, GFP_KERNEL) ||
	    mtree_store_range(&m->shifts, first, last, by, GFP_KERNEL))
		m->nameless = true;
}

/* From now on the mapping at [start, end) shows this file of that home, from `offset` on. name 0: nobody knows. */
void om_name_range(unsigned long start, unsigned long end, int home, u64 name, u64 offset)
{
	struct om_mm *m = om_mm_find(current->mm);
	unsigned long first = start >> PAGE_SHIFT;

	if (!m || start >= end)
		return;
	mutex_lock(&m->names_lock);
	m->home = home;
	/* A peer's word: it must fit into an entry. */
	name &= LONG_MAX;
	name_pages(m, first, (end - 1) >> PAGE_SHIFT, name, (offset >> PAGE_SHIFT) - first);
	mutex_unlock(&m->names_lock);
}

/* What is this page of a file called? False: it has no name. */
static bool name_of(struct om_mm *m, unsigned long addr, u64 *name, u64 *index)
{
	unsigned long page = addr >> PAGE_SHIFT;
	void *known = NULL, *by = NULL;

	if (!m->guest || mtree_empty(&m->names))
		return false;
	mutex_lock(&m->names_lock);
	if (!m->nameless) {
		known = mtree_load(&m->names, page);
		by = mtree_load(&m->shifts, page);
	}
	mutex_unlock(&m->names_lock);
	if (!known || !by)
		return false;
	*name = xa_to_value(known);
	*index = (page + xa_to_value(by)) & SHIFT_MASK;
	return true;
}

/* For a fork. Without memory the child's pages have no names. */
static void names_copy(struct om_mm *to, struct om_mm *from)
{
	unsigned long at = 0, first, last;
	void *known, *by;

	mutex_lock(&from->names_lock);
	to->home = from->home;
	to->nameless = from->nameless;
	while (!to->nameless) {
		MA_STATE(mas, &from->names, at, at);

		rcu_read_lock();
		known = mas_find(&mas, ULONG_MAX);
		first = mas.index;
		last = mas.last;
		rcu_read_unlock();
		if (!known)
			break;
		/* Two neighbours that show the same file differ in this. */
		by = mtree_load(&from->shifts, first);
		if (by)
			name_pages(to, first, last, xa_to_value(known), xa_to_value(by));
		if (last == ULONG_MAX)
			break;
		at = last + 1;
	}
	mutex_unlock(&from->names_lock);
}

/* What another guest has brought from there. With a reference. */
static struct page *kept_page(struct om_mm *m, unsigned long addr)
{
	u64 name, index;

	return name_of(m, addr, &name, &index) ? om_cache_get(m->home, name, index) : NULL;
}

/* Which one that is, if there is one: only to be compared. */
static struct page *which_kept(struct om_mm *m, unsigned long addr)
{
	struct page *page = kept_page(m, addr);

	if (page)
		put_page(page);
	return page;
}

/* ---- a fork ---- */

/* In the parent, before: what a copy of its address space will need. */
struct om_mm *om_mm_fork_prepare(void)
{
	struct om_mm *m = om_mm_find(current->mm), *copy;
	unsigned long index;
	void *entry;
	unsigned int i;

	if (!m)
		return NULL;
	copy = mm_new(m->guest);
	if (!copy)
		return NULL;
	mmap_read_lock(current->mm);
	if (m->nfiles) {
		copy->files = kvmalloc_array(m->nfiles, sizeof(*m->files), GFP_KERNEL);
		if (!copy->files) {
			mmap_read_unlock(current->mm);
			goto fail;
		}
		copy->capfiles = m->nfiles;
		for (i = 0; i < m->nfiles; i++) {
			copy->files[i] = m->files[i];
			get_file(copy->files[i].file);
		}
		copy->nfiles = m->nfiles;
	}
	mmap_read_unlock(current->mm);
	xa_for_each(&m->clean, index, entry)
		if (xa_is_err(xa_store(&copy->clean, index, entry, GFP_KERNEL)))
			goto fail;
	names_copy(copy, m);
	if (m->args) {
		copy->args = kvmalloc(m->args_len, GFP_KERNEL_ACCOUNT);
		if (copy->args) {
			memcpy(copy->args, m->args, m->args_len);
			copy->args_start = m->args_start;
			copy->args_len = m->args_len;
		}
	}
	copy->hooked = m->hooked;
	return copy;
fail:
	mm_free(copy);
	return NULL;
}

/* It was not needed. */
void om_mm_fork_drop(struct om_mm *m)
{
	mm_free(m);
}

/*
 * In the child, before anything else. What the parent's calls had in the window was copied with its page table: that is
 * not the child's. On error the copy is still the caller's.
 */
int om_mm_fork_adopt(struct om_mm *m)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	int ret = mm_begin(m);
	VMA_ITERATOR(vmi, mm, 0);

	if (ret)
		return ret;
	om_role_mm_done();
	if (m->guest)
		return 0;
	mmap_read_lock(mm);
	for_each_vma(vmi, vma)
		if (om_mm_is_ours(vma))
			zap_page_range_single(vma, vma->vm_start, vma->vm_end - vma->vm_start, NULL);
	mmap_read_unlock(mm);
	return 0;
}

/* At unload: nothing is attached any more; wait for the last one to be freed. */
void om_mm_exit(void)
{
	mmu_notifier_synchronize();
	wait_event(mms_gone, !atomic_read(&mms_alive));
	rcu_barrier();
	/* Tails of our functions that were preempted after they gave their reference back. */
	synchronize_rcu_tasks();
}

/* ---- the store ---- */

#define OM_STORE_MAX (64ul << 10)	/* pages: 256 MiB of window at once; a call that needs more ends short */
#define OM_AHEAD_MAX (4ul << 10)	/* pages: 16 MiB that a guest was given and has not touched yet */

/* Guest: what was not touched so far is asked for again when it is. What cannot be had stays said. */
static void store_drop_ahead(struct om_mm *m)
{
	unsigned long index;
	void *entry;

	xa_for_each(&m->store, index, entry)
		if (!xa_is_value(entry))
			store_erase(m, index << PAGE_SHIFT);
}

static int store_put(struct om_mm *m, unsigned long addr, void *entry)
{
	void *old = NULL, *seen;

	if (m->guest && atomic_long_read(&m->count) >= OM_AHEAD_MAX)
		store_drop_ahead(m);
	/* What cannot be had must always find room, or the fault would be tried for ever. */
	if (atomic_long_read(&m->count) >= OM_STORE_MAX && !xa_is_value(entry))
		return -ENOMEM;
	for (;;) {
		seen = xa_cmpxchg(&m->store, addr >> PAGE_SHIFT, old, entry, GFP_KERNEL);
		if (xa_is_err(seen))
			return xa_err(seen);
		if (seen == old)
			break;
		/* Another thread was faster: its page may be mapped already. */
		if (seen && !xa_is_value(seen)) {
			if (!xa_is_value(entry))
				put_page(entry);
			return 0;
		}
		old = seen;
	}
	if (!old)
		atomic_long_inc(&m->count);
	return 0;
}

/* What is known of a page; a page comes with a reference of the caller's. */
static void *store_get(struct om_mm *m, unsigned long addr)
{
	void *entry;

	xa_lock(&m->store);
	entry = xa_load(&m->store, addr >> PAGE_SHIFT);
	if (entry && !xa_is_value(entry))
		get_page(entry);
	xa_unlock(&m->store);
	return entry;
}

/* Guest: whatever waited or was known for this range belongs to a mapping that is no more, or changes. */
void om_forget_range(unsigned long start, unsigned long end, bool contents)
{
	struct om_mm *m = om_mm_find(current->mm);
	unsigned long index;
	void *entry;

	if (!m)
		return;
	xa_for_each_range(&m->clean, index, entry, start >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT)
		xa_erase(&m->clean, index);
	if (!contents)
		return;
	om_name_range(start, end, m->home, 0, 0);
	xa_for_each_range(&m->store, index, entry, start >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT)
		store_erase(m, index << PAGE_SHIFT);
}

/* Content for the page at addr arrives. data NULL: a blank page, or with failed: an error to report. */
int om_store(unsigned long addr, const u8 *data, bool failed)
{
	struct om_mm *m = om_mm_find(current->mm);
	struct page *page;
	void *to;
	int ret;

	if (!m)
		return -ENOENT;
	if (failed)
		return store_put(m, addr, OM_FAILED);
	page = alloc_page(data ? GFP_KERNEL_ACCOUNT : GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!page)
		return -ENOMEM;
	if (data) {
		to = kmap_local_page(page);
		memcpy(to, data, PAGE_SIZE);
		kunmap_local(to);
	}
	ret = store_put(m, addr, page);
	if (ret)
		put_page(page);
	return ret;
}

/* The same for a page of a file of that home: others may have use for it. */
int om_store_named(unsigned long addr, const u8 *data, int home, u64 name, u64 index)
{
	struct om_mm *m = om_mm_find(current->mm);
	struct page *page;
	int ret;

	if (!m)
		return -ENOENT;
	page = alloc_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	memcpy_to_page(page, 0, data, PAGE_SIZE);
	om_cache_put(home, name, index, page);
	ret = store_put(m, addr, page);
	if (ret)
		put_page(page);
	return ret;
}

void om_set_blank(unsigned long start, unsigned long end)
{
	struct om_mm *m = om_mm_find(current->mm);

	if (!m)
		return;
	m->blank_start = start;
	m->blank_end = end;
}

bool om_store_has(unsigned long addr)
{
	struct om_mm *m = om_mm_find(current->mm);

	return m && xa_load(&m->store, addr >> PAGE_SHIFT);
}

/* ---- faults ---- */

/* Pages that may be asked for together: up to the end of the VMA or to the first we have already. */
static unsigned long fetch_room(struct om_mm *m, struct vm_area_struct *vma, unsigned long addr)
{
	unsigned long n, most = min_t(unsigned long, OM_BATCH, (vma->vm_end - addr) >> PAGE_SHIFT);

	for (n = 1; n < most; n++) {
		unsigned long next = addr + (n << PAGE_SHIFT);

		if (xa_load(&m->store, next >> PAGE_SHIFT) || which_kept(m, next))
			break;
	}
	return n;
}

/* At the guest a page that has come becomes ordinary anonymous memory, also when it was only read, unless others can have it too. */
static vm_fault_t install_anon(struct om_mm *m, struct vm_fault *vmf, struct page *from)
{
	struct vm_area_struct *vma = vmf->vma;
	struct folio *folio;

	if (om_anon_vma_prepare(vma))
		return VM_FAULT_OOM;
	folio = vma_alloc_folio(GFP_HIGHUSER_MOVABLE, 0, vma, vmf->address, false);
	if (!folio)
		return VM_FAULT_OOM;
	if (om_mem_cgroup_charge(folio, vma->vm_mm, GFP_KERNEL)) {
		folio_put(folio);
		return VM_FAULT_OOM;
	}
	copy_user_highpage(folio_page(folio, 0), from, vmf->address, vma);
	__folio_mark_uptodate(folio);
	folio_lock(folio);
	vmf->page = vmf->cow_page = folio_page(folio, 0);
	vmf->flags |= FAULT_FLAG_WRITE;
	return VM_FAULT_LOCKED;
}

/* Of a page that has come. It is kept with it: others may want to know it too. */
static void *sum_of(struct page *page)
{
	void *sum = (void *)page_private(page);
	u8 *data;

	if (!sum) {
		data = kmap_local_page(page);
		sum = om_page_sum(data);
		kunmap_local(data);
		set_page_private(page, (unsigned long)sum);
	}
	return sum;
}

/*
 * Guest: may this page be mapped as it is, for many? Text, which nobody writes to, if it is kept: then there are not too many
 * of them, for the kernel cannot take back what is mapped.
 */
static bool may_share(struct om_mm *m, struct vm_fault *vmf, struct page *page)
{
	return (vmf->vma->vm_flags & (VM_EXEC | VM_WRITE)) == VM_EXEC && !(vmf->flags & FAULT_FLAG_WRITE) &&
	       which_kept(m, vmf->address) == page;
}

/* What is known of the page becomes the answer to the fault. Takes over the reference. */
static vm_fault_t answer(struct om_mm *m, struct vm_fault *vmf, unsigned long addr, void *entry)
{
	vm_fault_t r;

	if (xa_is_value(entry)) {
		/* Said once: what cannot be had now may be had later. */
		store_erase(m, addr);
		return VM_FAULT_SIGBUS;
	}
	if (m->guest && !vmf->cow_page && !may_share(m, vmf, entry)) {
		r = install_anon(m, vmf, entry);
		if (r == VM_FAULT_LOCKED) {
			store_erase(m, addr);
			xa_store(&m->clean, addr >> PAGE_SHIFT, sum_of(entry), GFP_KERNEL);
		}
		put_page(entry);
		return r;
	}
	vmf->page = entry;
	if (m->guest)	/* a write, for which the kernel copies it into a page of the process, or text */
		store_erase(m, addr);
	return 0;
}

/*
 * Shall a reader of another process' memory give up waiting? For a signal; a deputy also when its own process is to move, for
 * the other one may be waiting for it. Anybody else who is to move waits: his turn comes.
 */
bool om_disturbed(void)
{
	return om_role_kind(current, NULL) == OM_DEPUTY ? signal_pending(current) : task_sigpending(current);
}

vm_fault_t om_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = vmf->address & PAGE_MASK, n;
	struct om_mm *m = om_mm_find(vma->vm_mm);
	void *entry, *owner = NULL;
	int ret, kind;

	if (!m)
		return VM_FAULT_SIGBUS;
	if (current->mm != vma->vm_mm) {
		/*
		 * Foreign readers come through ->access. Those that can wait without the lock (process_vm_readv) call the
		 * process home; they cannot speak on its link.
		 */
		if (m->guest || !(vmf->flags & FAULT_FLAG_ALLOW_RETRY) || vmf->flags & FAULT_FLAG_RETRY_NOWAIT ||
		    (vmf->flags & FAULT_FLAG_TRIED && om_disturbed()))
			return VM_FAULT_SIGBUS;
		release_fault_lock(vmf);
		om_rust_call_home(m->pid);
		return VM_FAULT_RETRY;
	}
	kind = om_role_kind(current, &owner);
	if (kind != (m->guest ? OM_GUEST : OM_DEPUTY))
		return VM_FAULT_SIGBUS;

	entry = store_get(m, addr);
	if (!entry)
		entry = kept_page(m, addr);
	if (m->receiving && !entry)
		return VM_FAULT_SIGBUS;
	if (!entry && addr >= m->blank_start && addr < m->blank_end) {
		if (om_store(addr, NULL, false))
			return VM_FAULT_SIGBUS;
		entry = store_get(m, addr);
	}
	if (entry)
		return answer(m, vmf, addr, entry);

	n = fetch_room(m, vma, addr);
	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY)) {
		ret = om_rust_fetch(owner, m->guest, addr, n, true);
		if (ret)
			return VM_FAULT_SIGBUS;
		entry = store_get(m, addr);
		/* Another thread took it, and has mapped it by now, or will: the reader looks again. */
		return entry ? answer(m, vmf, addr, entry) : VM_FAULT_NOPAGE;
	}
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	release_fault_lock(vmf);
	ret = om_rust_fetch(owner, m->guest, addr, n, false);
	if (ret && !om_store_has(addr))
		om_store(addr, NULL, true);
	return VM_FAULT_RETRY;
}

/*
 * Home: a call is about to write to a page of a shared mapping. There is no copy on write there that would tell what it
 * changes, so the page is kept as it was.
 */
vm_fault_t om_page_mkwrite(struct vm_fault *vmf)
{
	struct om_mm *m = om_mm_find(vmf->vma->vm_mm);
	unsigned long index = vmf->address >> PAGE_SHIFT;
	struct page *page = vmf->page, *before;

	if (!m)
		return VM_FAULT_SIGBUS;
	lock_page(page);
	if (!xa_load(&m->before, index)) {
		before = alloc_page(GFP_KERNEL_ACCOUNT);
		if (!before)
			goto fail;
		copy_highpage(before, page);
		if (xa_err(xa_store(&m->before, index, before, GFP_KERNEL))) {
			put_page(before);
			goto fail;
		}
	}
	return VM_FAULT_LOCKED;
fail:
	unlock_page(page);
	return VM_FAULT_OOM;
}

/* Guest: shared memory that stands for an object at home. What has not come is brought; the rest is the file's business. */
vm_fault_t om_twin_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = vmf->address & PAGE_MASK, n;
	struct om_mm *m = om_mm_find(vma->vm_mm);
	struct om_twin *twin = om_twin_of(vma->vm_file);
	void *entry, *owner = NULL;
	int ret;

	if (!m || !twin)
		return VM_FAULT_SIGBUS;
	if (om_twin_has(twin, vmf->pgoff))
		return om_wrapped_ops(vma)->fault(vmf);
	if (current->mm != vma->vm_mm || om_role_kind(current, &owner) != OM_GUEST)
		return VM_FAULT_SIGBUS;
	entry = store_get(m, addr);
	if (!entry) {
		n = fetch_room(m, vma, addr);
		if (vmf->flags & FAULT_FLAG_ALLOW_RETRY) {
			if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
				return VM_FAULT_RETRY;
			release_fault_lock(vmf);
			ret = om_rust_fetch(owner, true, addr, n, false);
			if (ret && !om_store_has(addr))
				om_store(addr, NULL, true);
			return VM_FAULT_RETRY;
		}
		if (om_rust_fetch(owner, true, addr, n, true))
			return VM_FAULT_SIGBUS;
		entry = store_get(m, addr);
		if (!entry)	/* another thread took it: the reader looks again */
			return VM_FAULT_NOPAGE;
	}
	if (xa_is_value(entry)) {
		store_erase(m, addr);
		return VM_FAULT_SIGBUS;
	}
	ret = om_twin_fill(twin, vmf->pgoff, entry);
	put_page(entry);
	store_erase(m, addr);
	return ret ? VM_FAULT_OOM : om_wrapped_ops(vma)->fault(vmf);
}

/*
 * For readers from outside (gdb, /proc/PID/mem): not while the memory is elsewhere. But ps shows the arguments, and must not
 * need the network for each process: home keeps a copy of those.
 */
int om_access(struct vm_area_struct *vma, unsigned long addr, void *buf, int len, int write)
{
	struct om_mm *m = om_mm_find(vma->vm_mm);

	if (!m || write || !m->args || addr < m->args_start || addr - m->args_start >= m->args_len)
		return -EFAULT;
	len = min_t(unsigned long, len, m->args_len - (addr - m->args_start));
	memcpy(buf, m->args + (addr - m->args_start), len);
	return len;
}

#define OM_ARGS_MAX (128ul << 10)

/* While the memory is still here. A process without a copy only looks poorer in ps. */
static void copy_args(struct om_mm *m)
{
	struct mm_struct *mm = current->mm;
	unsigned long start = min(mm->arg_start, mm->env_start), end = max(mm->arg_end, mm->env_end);
	char *args;

	if (m->args || !start || end <= start)
		return;
	end = min(end, start + OM_ARGS_MAX);
	args = kvmalloc(end - start, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!args)
		return;
	m->args_len = end - start - copy_from_user(args, (void __user *)start, end - start);
	m->args_start = start;
	smp_wmb();
	m->args = args;
}

static const struct vm_operations_struct om_vm_ops = {
	.fault = om_fault,
	.access = om_access,
};

/* ---- hooking ---- */

static int remember_file(struct om_mm *m, struct vm_area_struct *vma)
{
	struct om_file *files;
	unsigned int i, cap;

	for (i = 0; i < m->nfiles; i++)
		if (m->files[i].file == vma->vm_file)
			return 0;
	if (m->nfiles == m->capfiles) {
		cap = m->capfiles ? m->capfiles * 2 : 16;
		files = kvmalloc_array(cap, sizeof(*files), GFP_KERNEL);
		if (!files)
			return -ENOMEM;
		if (m->nfiles)
			memcpy(files, m->files, m->nfiles * sizeof(*files));
		kvfree(m->files);
		m->files = files;
		m->capfiles = cap;
	}
	m->files[m->nfiles].file = get_file(vma->vm_file);
	m->files[m->nfiles].ops = vma->vm_ops;
	m->nfiles++;
	return 0;
}

static bool hookable(struct vm_area_struct *vma)
{
	return !om_mm_is_ours(vma) && !om_vma_is_special(vma) &&
	       !(vma->vm_flags & (VM_HUGETLB | VM_IO | VM_PFNMAP | VM_MIXEDMAP)) &&
	       (vma->vm_file || !vma->vm_ops);
}

/* All memory that the window on a mapping needs. */
static int hook_memory(struct om_mm *m, struct vm_area_struct *vma)
{
	if (om_is_shared(vma))
		return om_wrap_ops(vma->vm_ops, false) ? 0 : -ENOMEM;
	return vma->vm_file ? remember_file(m, vma) : om_anon_vma_prepare(vma);
}

/* Home: after this, as long as no thread of the process runs, om_hook_all() cannot fail. */
int om_hook_prepare(void)
{
	struct om_mm *m = om_mm_find(current->mm);
	struct vm_area_struct *vma;
	int ret = 0;
	VMA_ITERATOR(vmi, current->mm, 0);

	if (!m)
		return -ENOENT;
	mmap_write_lock(m->mm);
	for_each_vma(vmi, vma) {
		if (!hookable(vma))
			continue;
		ret = hook_memory(m, vma);
		if (ret)
			break;
	}
	mmap_write_unlock(m->mm);
	return ret;
}

/* Home: is all as it was sent? -EAGAIN: no. */
int om_hook_check(struct om_witness *w)
{
	int ret;

	mmap_write_lock(current->mm);
	ret = om_witness_ask(w);
	mmap_write_unlock(current->mm);
	return ret;
}

/* And its object. 1: it cannot be one. */
static int prepare_hook(struct om_mm *m, struct vm_area_struct *vma, int node, bool alone, bool objects)
{
	if (om_is_shared(vma)) {
		if (!objects || !om_share_movable(vma) || (alone && om_share_split(vma)) || !om_object_get(vma, node))
			return 1;
	} else if (objects && om_is_changing(vma)) {
		/* That it cannot be noticed here does no harm if it is noticed for another's sake. */
		om_object_get(vma, node);
	}
	return hook_memory(m, vma);
}

static void hook_vma(struct vm_area_struct *vma)
{
	bool shared = om_is_shared(vma);

	vma_start_write(vma);
	zap_page_range_single(vma, vma->vm_start, vma->vm_end - vma->vm_start, NULL);
	if (shared) {
		vma->vm_ops = om_wrap_ops(vma->vm_ops, false);
		vma->vm_page_prot = vm_get_page_prot(vma->vm_flags & ~VM_SHARED);
	} else {
		vma->vm_ops = &om_vm_ops;
	}
	vm_flags_set(vma, OM_VM_FLAG);
}

/*
 * Home: every VMA becomes a window, and its pages go; those of shared memory stay with their file. All memory that this
 * needs is taken first, so that a failure changes nothing. 1: all, 0: not all. Order inside: pages out while vm_ops are still the old ones (huge
 * pages need that), then ops and bit together. `alone`: what others share who are not where this process is, is left as it is.
 * With a witness, only if all is as it was sent: else -EAGAIN.
 */
int om_hook_all(int node, bool alone, struct om_witness *w)
{
	struct mm_struct *mm = current->mm;
	struct om_mm *m = om_mm_find(mm);
	struct vm_area_struct *vma;
	bool shared, reachable, complete = true;
	int ret = 0;

	if (!m)
		return -ENOENT;
	if (!m->hooked)
		copy_args(m);
	shared = om_share_needed(mm, &reachable);
	if (shared)
		om_objects_begin(reachable);
	mmap_write_lock(mm);
	{
		VMA_ITERATOR(vmi, mm, 0);
		for_each_vma(vmi, vma) {
			if (!hookable(vma))
				continue;
			ret = prepare_hook(m, vma, node, alone, shared);
			if (ret > 0 && alone) {
				complete = false;
				ret = 0;
				continue;
			}
			if (ret)
				goto out;
		}
	}
	ret = w ? om_witness_ask(w) : 0;
	if (ret)
		goto out;
	{
		VMA_ITERATOR(vmi, mm, 0);
		for_each_vma(vmi, vma)
			/* What others share who are not where this process is was left out, and brings it home. */
			if (hookable(vma) && (!om_is_shared(vma) || !prepare_hook(m, vma, node, alone, shared)))
				hook_vma(vma);
	}
	m->hooked = true;
out:
	mmap_write_unlock(mm);
	if (shared)
		om_objects_end();
	return ret > 0 ? -EBUSY : ret ? ret : complete;
}

/*
 * Guest: anonymous memory that stands for a file at home is marked with two advices, which also keep it
 * apart from its neighbours, before it is hooked. Neighbours that are marked as well may have merged with it.
 */
#define OM_FILE_MARK (VM_NOHUGEPAGE | VM_DONTDUMP)

int om_mark_file(unsigned long start, unsigned long len)
{
	long ret = om_syscall(__NR_madvise, start, len, MADV_NOHUGEPAGE, 0, 0, 0);

	return ret ? ret : om_syscall(__NR_madvise, start, len, MADV_DONTDUMP, 0, 0, 0);
}

/* What a guest's mapping asks with for the pages that are not there yet; an error if it is not of a kind that does. */
static const struct vm_operations_struct *asking_ops(struct vm_area_struct *vma)
{
	const struct vm_operations_struct *ops;
	int ret;

	if (vma->vm_file && om_twin_of(vma->vm_file)) {
		ops = om_wrap_ops(vma->vm_ops, true);
		return ops ? ops : ERR_PTR(-ENOMEM);
	}
	if (vma->vm_ops || (vma->vm_flags & OM_FILE_MARK) != OM_FILE_MARK)
		return ERR_PTR(-EINVAL);
	ret = om_anon_vma_prepare(vma);
	return ret ? ERR_PTR(ret) : &om_vm_ops;
}

/* Guest: what is marked in this range, or a twin, asks for the pages that are not there yet. */
int om_hook_range(unsigned long start, unsigned long end)
{
	struct mm_struct *mm = current->mm;
	struct om_mm *m = om_mm_find(mm);
	const struct vm_operations_struct *ops;
	struct vm_area_struct *vma;
	int ret = 0;
	VMA_ITERATOR(vmi, mm, start);

	if (!m)
		return -ENOENT;
	mmap_write_lock(mm);
	for_each_vma_range(vmi, vma, end) {
		if (om_mm_is_ours(vma))
			continue;
		ops = asking_ops(vma);
		if (IS_ERR(ops)) {
			ret = PTR_ERR(ops);
			break;
		}
		vma_start_write(vma);
		vm_flags_set(vma, OM_VM_FLAG);
		vma->vm_ops = ops;
		m->hooked = true;
	}
	mmap_write_unlock(mm);
	return ret;
}

/* Is any of this range hooked, other than by twins? */
bool om_range_hooked(unsigned long start, unsigned long end)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	bool hooked = false;
	VMA_ITERATOR(vmi, mm, start);

	mmap_read_lock(mm);
	for_each_vma_range(vmi, vma, end)
		hooked |= om_mm_is_ours(vma) && !om_vma_is_twin(vma);
	mmap_read_unlock(mm);
	return hooked;
}

/* What is mapped through windows goes. The caller holds mmap_lock for writing. */
static void zap_windows(struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);

	for_each_vma(vmi, vma)
		if (om_mm_is_ours(vma))
			zap_page_range_single(vma, vma->vm_start, vma->vm_end - vma->vm_start, NULL);
}

/*
 * Home: no call is under way any more, and the memory comes back, page by page: see om_deliver(). All mappings stay windows
 * until the last one is there, so that others who want to see the memory wait. Ends with om_unhook_all(); or, with
 * `begins` false, because it cannot be received.
 */
void om_receiving(bool begins)
{
	struct om_mm *m = om_mm_find(current->mm);

	if (!m)
		return;
	mmap_write_lock(m->mm);
	zap_windows(m->mm);
	m->receiving = begins;
	mmap_write_unlock(m->mm);
	store_clear(m);
}

/* A page that has come home becomes the process' own, whatever its protection says. */
int om_deliver(unsigned long addr, const u8 *data)
{
	struct mm_struct *mm = current->mm;
	struct om_mm *m = om_mm_find(mm);
	struct page *page;
	int locked = 1;
	long n;
	int ret = om_store(addr, data, false);

	if (ret)
		return ret;
	mmap_read_lock(mm);
	if (!vma_lookup(mm, addr)) {
		/* The stack has grown while it was away: it grows here by being touched. */
		mmap_read_unlock(mm);
		ret = copy_to_user((void __user *)addr, data, PAGE_SIZE) ? -EFAULT : 0;
		store_erase(m, addr);
		return ret;
	}
	n = get_user_pages_remote(mm, addr, 1, FOLL_WRITE | FOLL_FORCE, &page, &locked);
	if (locked)
		mmap_read_unlock(mm);
	if (n == 1)
		put_page(page);
	store_erase(m, addr);
	return n == 1 ? 0 : n < 0 ? n : -EFAULT;
}

void om_unhook_all(void)
{
	struct om_mm *m = om_mm_find(current->mm);

	if (!m)
		return;
	mmap_write_lock(m->mm);
	unhook_locked(m);
	m->receiving = false;
	mmap_write_unlock(m->mm);
	store_clear(m);
}

/* Is there private content at addr? *skip: how far nothing is, in bytes. */
static bool page_wanted(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long addr,
			unsigned long *skip)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd, pmdv;
	pte_t *pte, ptev;

	*skip = PAGE_SIZE;
	if (pgd_none(*pgd) || pgd_bad(*pgd)) {
		*skip = PGDIR_SIZE - (addr & ~PGDIR_MASK);
		return false;
	}
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d) || p4d_bad(*p4d)) {
		*skip = P4D_SIZE - (addr & ~P4D_MASK);
		return false;
	}
	pud = pud_offset(p4d, addr);
	if (pud_none(*pud) || pud_bad(*pud)) {
		*skip = PUD_SIZE - (addr & ~PUD_MASK);
		return false;
	}
	pmd = pmd_offset(pud, addr);
	pmdv = pmdp_get_lockless(pmd);
	if (pmd_none(pmdv)) {
		*skip = PMD_SIZE - (addr & ~PMD_MASK);
		return false;
	}
	if (pmd_trans_huge(pmdv) || !pmd_present(pmdv))
		return !vma->vm_file;
	if (pmd_bad(pmdv))
		return false;
	pte = (pte_t *)pmd_page_vaddr(pmdv) + pte_index(addr);
	ptev = ptep_get(pte);
	if (pte_none(ptev))
		return false;
	if (!pte_present(ptev))
		return true;		/* swapped out, or on its way between nodes */
	if (is_zero_pfn(pte_pfn(ptev)))
		return false;
	/* Memory with our operations shows pages that are not its own: of the window, or of a file. */
	if (!vma->vm_file && !om_mm_is_ours(vma))
		return true;
	return pfn_valid(pte_pfn(ptev)) && PageAnon(pfn_to_page(pte_pfn(ptev)));
}

/* The same, for callers that hold nothing but mmap_lock. */
bool om_page_wanted(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long addr, unsigned long *skip)
{
	bool there;

	rcu_read_lock();
	there = page_wanted(mm, vma, addr, skip);
	rcu_read_unlock();
	return there;
}

/* ---- what a forwarded call changed ---- */

/*
 * For every page in the store: `changed(ctx, addr, old, new)` if a call wrote to it (old NULL: the page was
 * blank). All pages leave the page table and the store, so that the next call sees the guest's memory
 * anew. Other threads may be in calls that use some of these pages: such a call faults again, and meanwhile nobody can
 * map a page that has left the store, because that is done under mmap_lock. A page that is pinned for a device's use stays
 * until its own call has ended.
 */
#define COLLECT_BATCH 24

int om_window_collect(unsigned long blank_start, unsigned long blank_end,
		      int (*changed)(void *ctx, unsigned long addr, const u8 *old, const u8 *new),
		      void *ctx)
{
	struct mm_struct *mm = current->mm;
	struct om_mm *m = om_mm_find(mm);
	struct {
		unsigned long addr;
		struct page *was, *now;
	} batch[COLLECT_BATCH];
	unsigned long index = 0;
	unsigned int i, n;
	void *entry;
	int ret = 0;

	if (!m)
		return 0;
	if (blank_start < blank_end)
		m->blank_start = m->blank_end = 0;
	while (atomic_long_read(&m->count)) {
		n = 0;
		mmap_write_lock(mm);
		for (entry = xa_find(&m->store, &index, ULONG_MAX, XA_PRESENT); entry && n < COLLECT_BATCH;
		     entry = xa_find_after(&m->store, &index, ULONG_MAX, XA_PRESENT)) {
			unsigned long addr = index << PAGE_SHIFT, skip;
			struct vm_area_struct *vma = find_vma(mm, addr);
			struct page *now = NULL, *before;
			bool shared;

			if (vma && (vma->vm_start > addr || !om_mm_is_ours(vma)))
				vma = NULL;
			shared = vma && om_wrapped_ops(vma);
			/* Before the page is looked up: a fault under the mapping's own lock could put another in its place. */
			if (vma)
				vma_start_write(vma);
			/* Not mapped: not touched. But a page that was written may be in swap or on its way between nodes. */
			if (vma && !xa_is_value(entry) && !get_user_pages_fast_only(addr, 1, 0, &now) &&
			    (!om_page_wanted(mm, vma, addr, &skip) ||
			     get_user_pages_remote(mm, addr, 1, FOLL_FORCE, &now, NULL) != 1))
				now = NULL;
			if (now && (now != entry || shared) && folio_maybe_dma_pinned(page_folio(now))) {
				put_page(now);
				continue;
			}
			xa_erase(&m->store, index);
			atomic_long_dec(&m->count);
			if (vma)
				zap_page_range_single(vma, addr, PAGE_SIZE, NULL);
			before = xa_erase(&m->before, index);
			if (xa_is_value(entry)) {
				if (before)
					put_page(before);
				continue;
			}
			/* A shared page was written to where it is, and kept as it was. */
			if (before) {
				if (now)
					put_page(now);
				now = entry;
				entry = before;
			}
			batch[n].addr = addr;
			batch[n].was = entry;
			batch[n++].now = now;
		}
		mmap_write_unlock(mm);
		for (i = 0; i < n; i++) {
			struct page *was = batch[i].was, *now = batch[i].now;

			if (now && now != was && !ret) {
				bool blank = batch[i].addr >= blank_start && batch[i].addr + PAGE_SIZE <= blank_end;
				u8 *old_at = kmap_local_page(was), *new_at = kmap_local_page(now);

				ret = changed(ctx, batch[i].addr, blank ? NULL : old_at, new_at);
				kunmap_local(new_at);
				kunmap_local(old_at);
			}
			if (now)
				put_page(now);
			put_page(was);
		}
		if (!entry)
			break;
	}
	return ret;
}

/* ---- listing and moving ---- */

/* The first mapping that travels at or above addr. False: no more. */
bool om_vma_next(unsigned long addr, struct om_vma *out)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	bool found = false;
	VMA_ITERATOR(vmi, mm, addr);

	mmap_read_lock(mm);
	for_each_vma(vmi, vma) {
		if (om_vma_is_special(vma))
			continue;
		out->start = vma->vm_start;
		out->end = vma->vm_end;
		out->prot = (vma->vm_flags & VM_READ ? PROT_READ : 0) |
			    (vma->vm_flags & VM_WRITE ? PROT_WRITE : 0) |
			    (vma->vm_flags & VM_EXEC ? PROT_EXEC : 0);
		out->flags = (vma->vm_file ? 1 : 0) | (vma->vm_flags & VM_GROWSDOWN ? 2 : 0) |
			     (vma->vm_flags & VM_DONTCOPY ? 4 : 0) | (vma->vm_flags & VM_WIPEONFORK ? 8 : 0) |
			     (vma->vm_flags & VM_LOCKED ? 256 : 0) | (vma->vm_flags & VM_LOCKONFAULT ? 512 : 0);
		out->offset = vma->vm_file ? (u64)vma->vm_pgoff << PAGE_SHIFT : 0;
		out->object = out->size = out->file = 0;
		if (om_share_away(vma, &out->object, &out->size))
			out->flags = (out->flags & ~1) | 16;
		found = true;
		break;
	}
	mmap_read_unlock(mm);
	return found;
}

/*
 * Up to `max` pages with private content from *addr on, below end: addresses and page references. *addr moves
 * to where to go on. Pages of zeros are left out: fresh memory is zero. Reads and swaps in, changes nothing.
 */
int om_collect_pages(unsigned long *addr, unsigned long end, unsigned int max, u64 *addrs, struct page **pages)
{
	struct mm_struct *mm = current->mm;
	struct om_mm *m = om_mm_find(mm);
	unsigned int n = 0;
	int ret = 0, locked = 1;

	mmap_read_lock(mm);
	while (*addr < end && n < max) {
		struct vm_area_struct *vma = find_vma(mm, *addr);
		unsigned long skip;
		void *clean, *at;
		bool wanted;

		if (!vma || vma->vm_start >= end) {
			*addr = end;
			break;
		}
		if (*addr < vma->vm_start)
			*addr = vma->vm_start;
		if (om_vma_is_special(vma)) {
			*addr = vma->vm_end;
			continue;
		}
		wanted = om_page_wanted(mm, vma, *addr, &skip);
		/* The file at home still says the same, or says it better. */
		clean = m && om_mm_is_ours(vma) ? xa_load(&m->clean, *addr >> PAGE_SHIFT) : NULL;
		if (wanted && clean && !(vma->vm_flags & VM_WRITE))
			wanted = false;
		if (!wanted) {
			*addr = skip > vma->vm_end - *addr ? vma->vm_end : *addr + skip;
			continue;
		}
		ret = get_user_pages_remote(mm, *addr, 1, FOLL_FORCE, &pages[n], &locked);
		if (!locked) {
			locked = 1;
			mmap_read_lock(mm);
		}
		if (ret != 1) {
			ret = ret < 0 ? ret : -EFAULT;
			goto fail;
		}
		ret = 0;
		at = kmap_local_page(pages[n]);
		/* In a file mapping a page of zeros is not the same as an absent one. */
		if ((!vma->vm_file && !om_mm_is_ours(vma) && !memchr_inv(at, 0, PAGE_SIZE)) ||
		    (clean && om_page_sum(at) == clean)) {
			kunmap_local(at);
			put_page(pages[n]);
		} else {
			kunmap_local(at);
			addrs[n++] = *addr;
		}
		*addr += PAGE_SIZE;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			goto fail;
		}
	}
	mmap_read_unlock(mm);
	return n;
fail:
	mmap_read_unlock(mm);
	while (n--)
		put_page(pages[n]);
	return ret;
}

/* Pages that were collected but are not sent. */
void om_put_pages(struct page **pages, unsigned int n)
{
	while (n--)
		put_page(pages[n]);
}

/* How many bytes from addr on are in writable mappings that are not ours (plain memory), up to len. */
unsigned long om_writable_len(unsigned long addr, unsigned long len)
{
	struct mm_struct *mm = current->mm;
	unsigned long at = addr, end = addr + len;
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	while (at < end) {
		vma = find_vma(mm, at);
		if (!vma || vma->vm_start > at || !(vma->vm_flags & VM_WRITE) || vma->vm_file)
			break;
		at = min(vma->vm_end, end);
	}
	mmap_read_unlock(mm);
	return at - addr;
}

/* Into one's own memory, whatever its protection says. */
int om_write_forced(unsigned long addr, const void *buf, int len)
{
	int n;

	if (!copy_to_user((void __user *)addr, buf, len))
		return 0;
	n = access_process_vm(current, addr, (void *)buf, len, FOLL_WRITE | FOLL_FORCE);
	return n == len ? 0 : -EFAULT;
}

int om_copy_from_user(void *to, unsigned long from, unsigned long len)
{
	if (from >= TASK_SIZE_MAX || !access_ok((void __user *)from, len))
		return -EFAULT;
	return copy_from_user(to, (void __user *)from, len) ? -EFAULT : 0;
}

int om_copy_to_user(unsigned long to, const void *from, unsigned long len)
{
	if (to >= TASK_SIZE_MAX || !access_ok((void __user *)to, len))
		return -EFAULT;
	return copy_to_user((void __user *)to, from, len) ? -EFAULT : 0;
}

/* What is mapped at addr, with a reference, or NULL: from which page of it on, and how far the mapping goes. `window`: on an object. */
struct shown {
	struct file *file;
	u64 index;
	unsigned long pages;
	bool window;
};

static struct shown shown_at(unsigned long addr)
{
	struct mm_struct *mm = current->mm;
	struct shown s = {};
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	vma = find_vma(mm, addr);
	if (vma && vma->vm_start <= addr && vma->vm_file) {
		s.file = get_file(vma->vm_file);
		s.index = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
		s.pages = (vma->vm_end - addr) >> PAGE_SHIFT;
		s.window = om_wrapped_ops(vma);
	}
	mmap_read_unlock(mm);
	return s;
}

/*
 * Pages of the file mapped at addr, as the file has them now, up to `n` as far as the mapping goes; zeros behind the file's
 * end inside a page. How many, or an error. *name and *index, if they are wanted: as others may keep them, see om_file_name().
 */
int om_file_pages(unsigned long addr, unsigned int n, u8 *out, u64 *name, u64 *index)
{
	struct shown s = shown_at(addr);
	u64 before = 0;
	unsigned int i;
	int ret = 0;

	if (!s.file)
		return -EFAULT;
	if (name && !s.window)
		before = om_file_name(s.file);
	n = min_t(unsigned long, n, s.pages);
	for (i = 0; i < n; i++) {
		/* A private mapping shows what has been written through a shared one. */
		if (!s.window)
			ret = om_share_settle(s.file);
		if (!ret)
			ret = om_share_read(s.file, s.file->f_mapping, s.index + i, out + i * PAGE_SIZE);
		if (ret)
			break;
	}
	if (name) {
		/* Has it changed meanwhile? */
		*name = before && om_file_name(s.file) == before ? before : 0;
		*index = s.index;
	}
	fput(s.file);
	return i ? i : ret;
}

/* Home: the name of the file that is mapped privately at addr; 0: there is none. */
u64 om_name_at(unsigned long addr)
{
	struct shown s = shown_at(addr);
	u64 name;

	if (!s.file)
		return 0;
	name = s.window ? 0 : om_file_name(s.file);
	fput(s.file);
	return name;
}

/*
 * Home, after locking a range for when it is touched: it is locked for good. Nothing is touched. False: a
 * part of it nobody may access, which the kernel says only when it touches it.
 */
bool om_lock_whole(unsigned long start, unsigned long len)
{
	unsigned long end = PAGE_ALIGN(start + len);
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	bool accessible = true;
	VMA_ITERATOR(vmi, mm, start);

	start &= PAGE_MASK;
	mmap_write_lock(mm);
	for_each_vma_range(vmi, vma, end) {
		accessible &= vma_is_accessible(vma);
		/* One that reaches further has merged with memory that was locked the other way. */
		if (!(vma->vm_flags & VM_LOCKED) || vma->vm_start < start || vma->vm_end > end)
			continue;
		vma_start_write(vma);
		vm_flags_clear(vma, VM_LOCKONFAULT);
	}
	mmap_write_unlock(mm);
	return accessible;
}

/* Home again: locked memory is all there, also what never had content of its own. */
void om_relock(void)
{
	struct mm_struct *mm = current->mm;
	unsigned long start, end = 0;
	struct vm_area_struct *vma;

	for (;;) {
		VMA_ITERATOR(vmi, mm, end);

		start = end;
		mmap_read_lock(mm);
		for_each_vma(vmi, vma)
			if ((vma->vm_flags & (VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED && !om_mm_is_ours(vma)) {
				start = vma->vm_start;
				end = vma->vm_end;
				break;
			}
		mmap_read_unlock(mm);
		if (start == end || fatal_signal_pending(current))
			return;
		om_syscall(__NR_mlock, start, end - start, 0, 0, 0, 0);
		cond_resched();
	}
}

/* Pages of private memory in use here or in swap. */
u64 om_mm_used(void)
{
	struct mm_struct *mm = current->mm;

	return get_mm_counter(mm, MM_ANONPAGES) + get_mm_counter(mm, MM_SWAPENTS);
}

/* The most memory that the process had at once, in pages. */
u64 om_mm_peak(void)
{
	return current->mm ? get_mm_hiwater_rss(current->mm) : 0;
}

/*
 * So much of it was used elsewhere: getrusage(), wait4() and VmHWM go by the mark. Whoever else moves it takes no lock
 * either.
 */
void om_mm_note_peak(u64 pages)
{
	struct mm_struct *mm = current->mm;

	pages = min_t(u64, pages, TASK_SIZE >> PAGE_SHIFT);
	if (mm && pages > READ_ONCE(mm->hiwater_rss))
		WRITE_ONCE(mm->hiwater_rss, pages);
}
