// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that several mappings share (MAP_SHARED), away from home.
 *
 * At home it is an *object*: an inode with pages. While all that map it are guests of one node, its content is there, in
 * a *twin*: a file in memory, whose pages are brought from the object when they are touched first. The object keeps what was
 * brought; it is brought up to date before anybody at home looks at it. So an object is registered from the moment in which
 * it is about to leave, and whoever uses its file meanwhile, or maps it, is stopped here until it is home
 * (see touch()). Home's mappings of it are windows, like private ones.
 *
 * Locks: objects_lock, then mmap_lock, then i_mmap_rwsem; twins_lock and a twin's `filling` are taken under mmap_lock.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/hashtable.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/static_call.h>
#include <linux/uio.h>
#include <linux/random.h>
#include <linux/delay.h>

#include "shim.h"
#include "mm.h"
#include "shared.h"

/* ---- tables of operations ---- */

struct om_wrap {
	struct vm_operations_struct ops;
	const struct vm_operations_struct *own;
	struct om_wrap *next;
};

static DEFINE_MUTEX(wraps_lock);
static struct om_wrap *wraps;	/* as many as there are kinds of shared mappings; kept until unload */

static struct om_wrap *wrap_of(struct vm_area_struct *vma)
{
	return container_of(vma->vm_ops, struct om_wrap, ops);
}

static void wrap_open(struct vm_area_struct *vma)
{
	wrap_of(vma)->own->open(vma);
}

static void wrap_close(struct vm_area_struct *vma)
{
	wrap_of(vma)->own->close(vma);
}

static int wrap_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	return wrap_of(vma)->own->may_split(vma, addr);
}

const struct vm_operations_struct *om_wrap_ops(const struct vm_operations_struct *own, bool twin)
{
	struct om_wrap *w;

	mutex_lock(&wraps_lock);
	for (w = wraps; w; w = w->next)
		if (w->own == own && (w->ops.fault == om_twin_fault) == twin)
			goto out;
	w = kzalloc(sizeof(*w), GFP_KERNEL);
	if (!w)
		goto out;
	w->own = own;
	w->ops.fault = twin ? om_twin_fault : om_fault;
	w->ops.page_mkwrite = twin ? NULL : om_page_mkwrite;
	w->ops.access = twin ? NULL : om_access;
	/* Only where they are: they keep mappings from merging. */
	w->ops.open = own->open ? wrap_open : NULL;
	w->ops.close = own->close ? wrap_close : NULL;
	w->ops.may_split = own->may_split ? wrap_may_split : NULL;
	w->next = wraps;
	wraps = w;
out:
	mutex_unlock(&wraps_lock);
	return w ? &w->ops : NULL;
}

static bool is_window(const struct vm_operations_struct *ops)
{
	return ops && ops->page_mkwrite == om_page_mkwrite;
}

bool om_vma_is_twin(struct vm_area_struct *vma)
{
	return vma->vm_ops && vma->vm_ops->fault == om_twin_fault;
}

/* What the mapping had before; NULL if it has no table of ours. */
const struct vm_operations_struct *om_wrapped_ops(struct vm_area_struct *vma)
{
	return is_window(vma->vm_ops) || om_vma_is_twin(vma) ? wrap_of(vma)->own : NULL;
}

/* ---- home: objects ---- */

struct om_object {
	struct hlist_node node;
	struct rcu_head rcu;
	struct address_space *mapping;
	struct file *file;
	u64 id;			/* a new one each time it leaves: a twin is never used again */
	int host;
	int claims;		/* by processes that leave or come home; objects_lock */
	bool resend;		/* what was brought could not be put here */
	bool written;		/* some who are away can write to it: what is at home is old */
};

static DEFINE_HASHTABLE(objects, 6);
static DEFINE_MUTEX(objects_lock);
static atomic_t nobjects = ATOMIC_INIT(0);
static u64 last_id;
static int watching;		/* 0: not yet, 1: yes, <0: it cannot be done */

static int watch_files(void);

static struct om_object *find_object(struct address_space *mapping)
{
	struct om_object *o;

	hash_for_each_possible_rcu(objects, o, node, (unsigned long)mapping)
		if (o->mapping == mapping)
			return o;
	return NULL;
}

/* f(vma, ctx) for each mapping of the file, until one says true. */
static bool any_mapping(struct address_space *mapping, bool (*f)(struct vm_area_struct *, void *), void *ctx)
{
	struct rb_node *nd;
	bool found = false;

	i_mmap_lock_read(mapping);
	for (nd = rb_first(&mapping->i_mmap.rb_root); nd && !found; nd = rb_next(nd))
		found = f(rb_entry(nd, struct vm_area_struct, shared.rb), ctx);
	i_mmap_unlock_read(mapping);
	return found;
}

static bool vma_hooked(struct vm_area_struct *vma, void *ctx)
{
	return om_mm_is_ours(vma);
}

/* One that writes and one that sees it must be in the same place. (Private mappings may see it or not.) */
static bool vma_splits(struct vm_area_struct *vma, void *ctx)
{
	struct vm_area_struct *own = ctx;

	return vma->vm_mm != own->vm_mm && vma->vm_flags & VM_MAYSHARE &&
	       (vma->vm_flags | own->vm_flags) & VM_SHARED &&
	       !is_window(READ_ONCE(vma->vm_ops));
}

/* Is this memory that only its mappings reach, and no descriptor, name or key? */
static bool om_only_mapped(struct vm_area_struct *vma)
{
	const struct vm_operations_struct *own = om_wrapped_ops(vma);

	if (!own)
		own = vma->vm_ops;
	return IS_PRIVATE(file_inode(vma->vm_file)) && own && !own->open;
}

/* Shared memory of a kind that a twin can stand for? */
bool om_share_movable(struct vm_area_struct *vma)
{
	struct file *file = vma->vm_file;

	if (!file || vma->vm_flags & (VM_HUGETLB | VM_IO | VM_PFNMAP | VM_MIXEDMAP))
		return false;
	if (!om_only_mapped(vma) && watching < 0)
		return false;
	if (shmem_mapping(file->f_mapping))
		return true;
	return S_ISREG(file_inode(file)->i_mode) && file->f_op->read_iter && file->f_op->write_iter &&
	       !IS_DAX(file_inode(file)) && file->f_mode & FMODE_READ &&
	       (file->f_mode & FMODE_WRITE || !(vma->vm_flags & VM_SHARED));
}

/* Does anybody map it who is at home? */
bool om_share_split(struct vm_area_struct *vma)
{
	return any_mapping(vma->vm_file->f_mapping, vma_splits, vma);
}

/* Home: a private mapping of a file that somebody may write to or truncate: that must be noticed. */
bool om_is_changing(struct vm_area_struct *vma)
{
	return watching >= 0 && vma->vm_file && !(vma->vm_flags & (VM_MAYSHARE | VM_HUGETLB)) &&
	       inode_is_open_for_write(file_inode(vma->vm_file));
}

/* Must what is written through a mapping be seen elsewhere, or the other way round? */
bool om_is_shared(struct vm_area_struct *vma)
{
	if (vma->vm_flags & VM_SHARED)
		return true;
	/* Files that nobody can write to are mapped shared by libc too: those are like private ones. */
	return vma->vm_flags & VM_MAYSHARE && vma->vm_file && !(vma->vm_flags & VM_HUGETLB) &&
	       (om_share_away(vma, NULL, NULL) || inode_is_open_for_write(file_inode(vma->vm_file)));
}

/* Is its content at another node? With its number there and its size. */
bool om_share_away(struct vm_area_struct *vma, u64 *id, u64 *size)
{
	struct om_object *o;

	if (!vma->vm_file || !(vma->vm_flags & VM_MAYSHARE))
		return false;
	rcu_read_lock();
	o = find_object(vma->vm_file->f_mapping);
	if (o && id)
		*id = o->id;
	rcu_read_unlock();
	if (o && size)
		*size = i_size_read(vma->vm_file->f_mapping->host);
	return o;
}

/* Are there mappings, not hooked yet, that need an object? *reachable: of a file that others can use. */
bool om_share_needed(struct mm_struct *mm, bool *reachable)
{
	struct vm_area_struct *vma;
	bool needed = false;
	VMA_ITERATOR(vmi, mm, 0);

	*reachable = false;
	mmap_read_lock(mm);
	for_each_vma(vmi, vma) {
		if (!vma->vm_file || om_mm_is_ours(vma) || !(om_is_shared(vma) || om_is_changing(vma)))
			continue;
		needed = true;
		*reachable |= !om_only_mapped(vma);
	}
	mmap_read_unlock(mm);
	return needed;
}

/* Around changes of the list. `wanted`: there will be objects that files reach. */
void om_objects_begin(bool wanted)
{
	mutex_lock(&objects_lock);
	if (wanted && !watching) {
		watching = watch_files();
		if (watching < 0)
			pr_warn("openmosix: shared mappings of files cannot leave: their use cannot be watched (%d)\n", watching);
	}
}

void om_objects_end(void)
{
	mutex_unlock(&objects_lock);
}

/* Between begin and end: registers what this mapping shows, if it is not. NULL: no memory, or it is at another node. */
struct om_object *om_object_get(struct vm_area_struct *vma, int node)
{
	struct address_space *mapping = vma->vm_file->f_mapping;
	struct om_object *o = find_object(mapping);

	if (o) {
		if (!o->claims && !any_mapping(mapping, vma_hooked, NULL)) {
			o->id = ++last_id;
			o->host = node;
		}
		if (o->host != node)
			return NULL;
		o->written |= !!(vma->vm_flags & VM_SHARED);
		return o;
	}
	o = kzalloc(sizeof(*o), GFP_KERNEL);
	if (!o)
		return NULL;
	if (!last_id)
		last_id = get_random_u64() >> 1;
	o->mapping = mapping;
	o->written = vma->vm_flags & VM_SHARED;
	o->file = get_file(vma->vm_file);
	o->id = ++last_id;
	o->host = node;
	hash_add_rcu(objects, &o->node, (unsigned long)mapping);
	atomic_inc(&nobjects);
	return o;
}

static void sweep_locked(void)
{
	struct om_object *o;
	struct hlist_node *next;
	int bucket;

	hash_for_each_safe(objects, bucket, next, o, node) {
		if (o->claims || any_mapping(o->mapping, vma_hooked, NULL))
			continue;
		hash_del_rcu(&o->node);
		atomic_dec(&nobjects);
		fput(o->file);
		kfree_rcu(o, rcu);
	}
}

/* Forgets what no process that is away maps any more. */
void om_objects_sweep(void)
{
	if (!atomic_read(&nobjects))
		return;
	mutex_lock(&objects_lock);
	sweep_locked();
	mutex_unlock(&objects_lock);
}

/* The objects that a process maps, kept registered. */
struct om_claims {
	unsigned int n, cap;
	struct om_object **list;
};

static bool claimed(struct om_claims *c, struct om_object *o)
{
	unsigned int i;

	for (i = 0; i < c->n; i++)
		if (c->list[i] == o)
			return true;
	return false;
}

static int claim(struct om_claims *c, struct om_object *o)
{
	struct om_object **list;
	unsigned int cap;

	if (!o)
		return -ENOMEM;
	if (claimed(c, o))
		return 0;
	if (c->n == c->cap) {
		cap = c->cap ? 2 * c->cap : 8;
		list = kvmalloc_array(cap, sizeof(*list), GFP_KERNEL);
		if (!list)
			return -ENOMEM;
		if (c->n)
			memcpy(list, c->list, c->n * sizeof(*list));
		kvfree(c->list);
		c->list = list;
		c->cap = cap;
	}
	o->claims++;
	c->list[c->n++] = o;
	return 0;
}

void om_objects_unclaim(struct om_claims *c)
{
	unsigned int i;

	mutex_lock(&objects_lock);
	for (i = 0; i < c->n; i++)
		c->list[i]->claims--;
	sweep_locked();
	mutex_unlock(&objects_lock);
	kvfree(c->list);
	kfree(c);
}

/*
 * For the current process: its objects, those that are away already (node < 0), or all that will be when it has left for
 * that node. NULL: no memory.
 */
struct om_claims *om_objects_claim(int node)
{
	struct mm_struct *mm = current->mm;
	struct om_claims *c = kzalloc(sizeof(*c), GFP_KERNEL);
	struct vm_area_struct *vma;
	bool reachable = false;
	int ret = 0;

	if (!c)
		return NULL;
	if (node < 0 && !atomic_read(&nobjects))
		return c;
	if (node >= 0)
		om_share_needed(mm, &reachable);
	om_objects_begin(reachable);
	mmap_read_lock(mm);
	{
		VMA_ITERATOR(vmi, mm, 0);
		for_each_vma(vmi, vma) {
			struct om_object *o = NULL;

			if (!vma->vm_file)
				continue;
			if (node >= 0 && (om_is_shared(vma) || om_is_changing(vma)))
				o = om_object_get(vma, node);
			else
				o = find_object(vma->vm_file->f_mapping);
			if (o || (node >= 0 && om_is_shared(vma)))
				ret = claim(c, o);
			if (ret)
				break;
		}
	}
	mmap_read_unlock(mm);
	om_objects_end();
	if (!ret)
		return c;
	om_objects_unclaim(c);
	return NULL;
}

/*
 * For the current process, which is away: those of its objects that others here can reach, and that are mapped somewhere in a
 * range, or with a descriptor the one that it has open. NULL: no memory.
 */
struct om_claims *om_objects_claim_part(unsigned long start, unsigned long end, int fd)
{
	struct mm_struct *mm = current->mm;
	struct om_claims *c = kzalloc(sizeof(*c), GFP_KERNEL);
	struct file *file = fd >= 0 ? fget(fd) : NULL;
	struct vm_area_struct *vma;
	int ret = 0;

	if (!c || (fd >= 0 && !file) || !atomic_read(&nobjects))
		goto out;
	om_objects_begin(false);
	mmap_read_lock(mm);
	{
		VMA_ITERATOR(vmi, mm, 0);
		for_each_vma(vmi, vma) {
			struct om_object *o;

			if (!is_window(vma->vm_ops) || om_only_mapped(vma))
				continue;
			if (file ? file_user_inode(vma->vm_file) != file_user_inode(file) :
				   vma->vm_start >= end || vma->vm_end <= start)
				continue;
			o = find_object(vma->vm_file->f_mapping);
			ret = o ? claim(c, o) : 0;
			if (ret)
				break;
		}
	}
	mmap_read_unlock(mm);
	om_objects_end();
out:
	if (file)
		fput(file);
	if (!ret)
		return c;
	om_objects_unclaim(c);
	return NULL;
}

unsigned int om_claims_count(struct om_claims *c)
{
	return c->n;
}

u64 om_claims_id(struct om_claims *c, unsigned int i)
{
	return i < c->n ? c->list[i]->id : 0;
}

/* Does the current process, whose memory is away, have shared memory there that a file, a key or others here can reach? */
bool om_reachable_away(void)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	bool found = false;
	VMA_ITERATOR(vmi, mm, 0);

	if (!atomic_read(&nobjects))
		return false;
	mmap_read_lock(mm);
	for_each_vma(vmi, vma) {
		if (is_window(vma->vm_ops) && !om_only_mapped(vma)) {
			found = true;
			break;
		}
	}
	mmap_read_unlock(mm);
	return found;
}

/* While it is about to be detached by key: shmdt() knows a segment's mappings by their operations. */
void om_share_unhook(unsigned long addr)
{
	struct mm_struct *mm = current->mm;
	struct address_space *mapping;
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);

	mmap_write_lock(mm);
	vma = find_vma(mm, addr);
	mapping = vma && vma->vm_file ? vma->vm_file->f_mapping : NULL;
	for_each_vma(vmi, vma) {
		if (!is_window(vma->vm_ops) || vma->vm_file->f_mapping != mapping)
			continue;
		vma_start_write(vma);
		zap_page_range_single(vma, vma->vm_start, vma->vm_end - vma->vm_start, NULL);
		vma->vm_ops = wrap_of(vma)->own;
		vm_flags_clear(vma, OM_VM_FLAG);
	}
	mmap_write_unlock(mm);
}

/* ---- an object's content at home ---- */

/* Past all that watches reads and writes: it is we who are being waited for. */
static ssize_t file_io(struct file *file, loff_t pos, u8 *buf, size_t len, bool write)
{
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;
	struct kiocb kiocb;
	ssize_t n;

	init_sync_kiocb(&kiocb, file);
	kiocb.ki_pos = pos;
	kiocb.ki_flags &= ~(IOCB_APPEND | IOCB_DIRECT);
	iov_iter_kvec(&iter, write ? ITER_SOURCE : ITER_DEST, &vec, 1, len);
	if (!write)
		return file->f_op->read_iter(&kiocb, &iter);
	file_start_write(file);
	n = file->f_op->write_iter(&kiocb, &iter);
	file_end_write(file);
	return n;
}

/* A page as it is at home. -ENXIO: behind the end. */
int om_share_read(struct file *file, struct address_space *mapping, pgoff_t index, u8 *out)
{
	loff_t pos = (loff_t)index << PAGE_SHIFT, size = i_size_read(mapping->host);
	size_t got = 0;
	struct page *page;
	ssize_t n;

	if (pos >= size)
		return -ENXIO;
	if (!shmem_mapping(mapping)) {
		if (!file->f_op->read_iter)
			return -EINVAL;
		/* Some file systems give less than there is. */
		do {
			n = file_io(file, pos + got, out + got, PAGE_SIZE - got, false);
			if (n < 0)
				return n;
			got += n;
		} while (n && got < PAGE_SIZE);
		memset(out + got, 0, PAGE_SIZE - got);
		return 0;
	}
	if (!xa_load(&mapping->i_pages, index)) {
		memset(out, 0, PAGE_SIZE);	/* a hole stays one */
		return 0;
	}
	page = shmem_read_mapping_page_gfp(mapping, index, mapping_gfp_mask(mapping));
	if (IS_ERR(page))
		return PTR_ERR(page);
	memcpy_from_page(out, page, 0, PAGE_SIZE);
	put_page(page);
	return 0;
}

static int share_write(struct file *file, struct address_space *mapping, pgoff_t index, u8 *data)
{
	loff_t pos = (loff_t)index << PAGE_SHIFT, size = i_size_read(mapping->host);
	struct page *page;
	ssize_t n;

	if (pos >= size)
		return 0;
	if (!shmem_mapping(mapping)) {
		n = file_io(file, pos, data, min_t(loff_t, PAGE_SIZE, size - pos), true);
		return n < 0 ? n : 0;
	}
	page = shmem_read_mapping_page_gfp(mapping, index, mapping_gfp_mask(mapping));
	if (IS_ERR(page))
		return PTR_ERR(page);
	lock_page(page);
	memcpy_to_page(page, 0, data, PAGE_SIZE);
	set_page_dirty(page);
	unlock_page(page);
	put_page(page);
	file_update_time(file);
	return 0;
}

static struct om_object *object_by_id(u64 id)
{
	struct om_object *o;
	int bucket;

	hash_for_each(objects, bucket, o, node)
		if (o->id == id)
			return o;
	return NULL;
}

/* A page of an object has come back. -ENOENT: no such object is away. */
int om_object_write(u64 id, u64 index, u8 *data)
{
	struct om_object *o;
	struct file *file;
	int ret;

	mutex_lock(&objects_lock);
	o = object_by_id(id);
	file = o ? get_file(o->file) : NULL;
	mutex_unlock(&objects_lock);
	if (!file)
		return -ENOENT;
	ret = share_write(file, file->f_mapping, index, data);
	fput(file);
	if (ret) {
		mutex_lock(&objects_lock);
		o = object_by_id(id);
		if (o)
			o->resend = true;
		mutex_unlock(&objects_lock);
	}
	return ret;
}

/* Must all of it be brought again? The guest believes that it has given everything. */
bool om_object_resend(u64 id)
{
	struct om_object *o;
	bool resend;

	mutex_lock(&objects_lock);
	o = object_by_id(id);
	resend = o && o->resend;
	if (resend)
		o->resend = false;
	mutex_unlock(&objects_lock);
	return resend;
}

/* ---- who uses a file whose content is away ---- */

enum touch { TOUCH_READ, TOUCH_WRITE, TOUCH_MAP };

/* From Rust: a deputy's own call does so. 0: it may go on now. */
int om_rust_touch(void *deputy, int how);
void om_rust_call_home(int pid);

static bool notrace away(struct address_space *mapping, enum touch how)
{
	struct om_object *o;
	bool old;

	rcu_read_lock();
	o = find_object(mapping);
	/* Nobody minds another reader. */
	old = o && (how == TOUCH_WRITE || READ_ONCE(o->written));
	rcu_read_unlock();
	return old;
}

struct looker {
	struct mm_struct *mm;	/* in: does this map it? */
	bool own;
	int pid;		/* out: one that does */
};

static bool vma_user(struct vm_area_struct *vma, void *ctx)
{
	struct looker *u = ctx;

	if (!om_mm_is_ours(vma))
		return false;
	u->own |= vma->vm_mm == u->mm;
	u->pid = om_mm_pid(vma->vm_mm);
	return u->own;
}

/* Waits until what is in the file is what its users have written. 0: go on. */
static int touch(struct address_space *mapping, enum touch how)
{
	void *owner;

	while (away(mapping, how)) {
		struct looker u = { .mm = current->mm };

		any_mapping(mapping, vma_user, &u);
		if (u.own && om_role_kind(current, &owner) == OM_DEPUTY)
			return om_rust_touch(owner, how);
		if (u.pid)
			om_rust_call_home(u.pid);
		else
			om_objects_sweep();
		if (signal_pending(current))
			return -ERESTARTNOINTR;
		/* About to leave, or just come home: a moment. */
		if (away(mapping, how))
			schedule_timeout_interruptible(1);
	}
	return 0;
}

/* Before a page of a file is read for a private mapping. */
int om_share_settle(struct file *file)
{
	return touch(file->f_mapping, TOUCH_READ);
}

DEFINE_STATIC_CALL_NULL(om_sc_file_permission, security_file_permission);
DEFINE_STATIC_CALL_NULL(om_sc_mmap_file, security_mmap_file);
DEFINE_STATIC_CALL_NULL(om_sc_file_truncate, security_file_truncate);

static int watched_permission(struct file *file, int mask)
{
	int ret = touch(file->f_mapping, mask & MAY_WRITE ? TOUCH_WRITE : TOUCH_READ);

	if (!ret)
		ret = static_call(om_sc_file_permission)(file, mask);
	module_put(THIS_MODULE);
	return ret;
}

static int watched_mmap(struct file *file, unsigned long prot, unsigned long flags)
{
	int ret = touch(file->f_mapping, (flags & MAP_TYPE) == MAP_PRIVATE ? TOUCH_READ : TOUCH_MAP);

	if (!ret)
		ret = static_call(om_sc_mmap_file)(file, prot, flags);
	module_put(THIS_MODULE);
	return ret;
}

static int watched_truncate(struct file *file)
{
	int ret = touch(file->f_mapping, TOUCH_WRITE);

	if (!ret)
		ret = static_call(om_sc_file_truncate)(file);
	module_put(THIS_MODULE);
	return ret;
}

static long watched_path_truncate(const struct path *path, loff_t length)
{
	int ret = touch(d_inode(path->dentry)->i_mapping, TOUCH_WRITE);
	long done = ret ? ret : vfs_truncate(path, length);

	module_put(THIS_MODULE);
	return done;
}

static struct {
	const char *name;
	void *instead;
	unsigned long ip;
} watched[] = {
	{ "security_file_permission", watched_permission },
	{ "security_mmap_file", watched_mmap },
	{ "security_file_truncate", watched_truncate },
	{ "vfs_truncate", watched_path_truncate },
};

static void notrace watch_callback(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct address_space *mapping;
	unsigned long arg;
	int i;

	if (!atomic_read(&nobjects) || within_module(parent_ip, THIS_MODULE))
		return;
	arg = ftrace_regs_get_argument(fregs, 0);
	/* The call of ftrace is the first or second instruction. */
	for (i = 0; i < ARRAY_SIZE(watched) - 1 && ip - watched[i].ip > 8; i++)
		;
	if (!arg)
		return;
	mapping = watched[i].instead == watched_path_truncate ?
		d_inode(((const struct path *)arg)->dentry)->i_mapping : ((struct file *)arg)->f_mapping;
	if (!away(mapping, TOUCH_WRITE) || !try_module_get(THIS_MODULE))
		return;
	ftrace_regs_set_instruction_pointer(fregs, (unsigned long)watched[i].instead);
}

static struct ftrace_ops watch_ops = {
	.func = watch_callback,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT | FTRACE_OPS_FL_RECURSION,
};

/* From the first shared mapping of a file that leaves, until unload. */
static int watch_files(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(watched); i++) {
		watched[i].ip = om_symbol(watched[i].name);
		if (!watched[i].ip)
			return -ENOENT;
	}
	static_call_update(om_sc_file_permission, (void *)watched[0].ip);
	static_call_update(om_sc_mmap_file, (void *)watched[1].ip);
	static_call_update(om_sc_file_truncate, (void *)watched[2].ip);
	for (i = 0; i < ARRAY_SIZE(watched); i++) {
		ret = ftrace_set_filter_ip(&watch_ops, watched[i].ip, 0, 0);
		if (ret)
			goto fail;
	}
	ret = register_ftrace_function(&watch_ops);
	if (!ret)
		return 1;
fail:
	ftrace_free_filter(&watch_ops);
	return ret;
}

/* ---- host: twins ---- */

struct om_twin {
	struct hlist_node node;
	struct rcu_head rcu;
	int home;
	u64 id;
	struct file *file;
	struct xarray sums;	/* of each page that has come: what home has of it */
	struct mutex filling;
};

static DEFINE_HASHTABLE(twins, 6);	/* by inode */
static DEFINE_MUTEX(twins_lock);
static atomic_t ntwins = ATOMIC_INIT(0);
static siphash_key_t sum_key;

void *om_page_sum(const u8 *data)
{
	return xa_mk_value(siphash(data, PAGE_SIZE, &sum_key) >> 1);
}

struct om_twin *om_twin_of(struct file *file)
{
	struct om_twin *t;

	rcu_read_lock();
	hash_for_each_possible_rcu(twins, t, node, (unsigned long)file_inode(file))
		if (file_inode(t->file) == file_inode(file))
			break;		/* stays while a mapping holds the file */
	rcu_read_unlock();
	return t;
}

static void twins_sweep_locked(void)
{
	struct hlist_node *next;
	struct om_twin *t;
	int bucket;

	hash_for_each_safe(twins, bucket, next, t, node) {
		if (file_count(t->file) > 1)
			continue;
		hash_del_rcu(&t->node);
		atomic_dec(&ntwins);
		fput(t->file);
		xa_destroy(&t->sums);
		kfree_rcu(t, rcu);
	}
}

/* Drops those that nobody maps. From any task, now and then. */
void om_twins_sweep(void)
{
	if (!atomic_read(&ntwins))
		return;
	mutex_lock(&twins_lock);
	twins_sweep_locked();
	mutex_unlock(&twins_lock);
}

static struct om_twin *find_twin(int home, u64 id)
{
	struct om_twin *t;
	int bucket;

	hash_for_each(twins, bucket, t, node)
		if (t->home == home && t->id == id)
			return t;
	return NULL;
}

static struct om_twin *new_twin(int home, u64 id, u64 size)
{
	struct om_twin *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return ERR_PTR(-ENOMEM);
	t->file = shmem_file_setup("openmosix", size, VM_NORESERVE);
	if (IS_ERR(t->file)) {
		long e = PTR_ERR(t->file);

		kfree(t);
		return ERR_PTR(e);
	}
	t->home = home;
	t->id = id;
	xa_init(&t->sums);
	mutex_init(&t->filling);
	hash_add_rcu(twins, &t->node, (unsigned long)file_inode(t->file));
	atomic_inc(&ntwins);
	return t;
}

/* The file that stands for an object of another node, with a reference. */
static struct file *twin_file(int home, u64 id, u64 size)
{
	struct om_twin *t;
	struct file *file;

	mutex_lock(&twins_lock);
	twins_sweep_locked();
	t = find_twin(home, id);
	if (!t)
		t = new_twin(home, id, size);
	file = IS_ERR(t) ? ERR_CAST(t) : get_file(t->file);
	mutex_unlock(&twins_lock);
	return file;
}

/* Maps it. `fresh`: nothing may be there yet. 0 or an error. */
int om_twin_map(int home, u64 id, u64 size, u64 start, u64 len, u64 prot, u64 offset, bool fresh)
{
	struct file *file = twin_file(home, id, PAGE_ALIGN(size));
	unsigned long at;

	if (IS_ERR(file))
		return PTR_ERR(file);
	at = vm_mmap(file, start, len, prot, MAP_SHARED | (fresh ? MAP_FIXED_NOREPLACE : MAP_FIXED), offset);
	fput(file);
	return IS_ERR_VALUE(at) ? (int)at : at == start ? 0 : -EEXIST;
}

bool om_twin_has(struct om_twin *t, pgoff_t index)
{
	return xa_load(&t->sums, index) || index >= DIV_ROUND_UP(i_size_read(file_inode(t->file)), PAGE_SIZE);
}

/* A page has come from home; it counts only if none has before. */
int om_twin_fill(struct om_twin *t, pgoff_t index, struct page *from)
{
	struct address_space *mapping = t->file->f_mapping;
	struct page *page;
	u8 *data;
	int ret = 0;

	mutex_lock(&t->filling);
	if (om_twin_has(t, index))
		goto out;
	page = shmem_read_mapping_page_gfp(mapping, index, mapping_gfp_mask(mapping));
	if (IS_ERR(page)) {
		ret = PTR_ERR(page);
		goto out;
	}
	lock_page(page);
	copy_highpage(page, from);
	set_page_dirty(page);
	unlock_page(page);
	put_page(page);
	data = kmap_local_page(from);
	ret = xa_err(xa_store(&t->sums, index, om_page_sum(data), GFP_KERNEL));
	kunmap_local(data);
out:
	mutex_unlock(&t->filling);
	return ret;
}

/*
 * The next page at or after *index that differs from what home has of it: its content, and home is believed to have it from
 * now on. 0: none. *index becomes the number after the page's. `all`: also those that do not differ.
 */
int om_twin_changed(int home, u64 id, u64 *index, u8 *out, bool all)
{
	struct om_twin *t;
	struct file *file = NULL;
	unsigned long at = *index;
	void *sum, *now;
	int ret = 0;

	mutex_lock(&twins_lock);
	t = find_twin(home, id);
	if (t)
		file = get_file(t->file);
	mutex_unlock(&twins_lock);
	if (!file)
		return 0;
	for (sum = xa_find(&t->sums, &at, ULONG_MAX, XA_PRESENT); sum;
	     sum = xa_find_after(&t->sums, &at, ULONG_MAX, XA_PRESENT)) {
		struct page *page = shmem_read_mapping_page_gfp(file->f_mapping, at, mapping_gfp_mask(file->f_mapping));

		if (IS_ERR(page)) {
			ret = PTR_ERR(page);
			break;
		}
		memcpy_from_page(out, page, 0, PAGE_SIZE);
		put_page(page);
		now = om_page_sum(out);
		if (now != sum || all) {
			ret = xa_err(xa_store(&t->sums, at, now, GFP_KERNEL));
			*index = at + 1;
			ret = ret ? ret : 1;
			break;
		}
		cond_resched();
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
	}
	fput(file);
	return ret;
}

/* ---- loading and unloading ---- */

int om_shared_init(void)
{
	get_random_bytes(&sum_key, sizeof(sum_key));
	return 0;
}

/* At unload: nobody is away, nobody is here. */
void om_shared_exit(void)
{
	struct om_wrap *w;

	if (watching > 0) {
		unregister_ftrace_function(&watch_ops);
		ftrace_free_filter(&watch_ops);
	}
	om_objects_sweep();
	/* The last address spaces may be in the middle of letting go of theirs. */
	for (om_twins_sweep(); atomic_read(&ntwins); om_twins_sweep())
		msleep(10);
	while ((w = wraps)) {
		wraps = w->next;
		kfree(w);
	}
	rcu_barrier();
}
