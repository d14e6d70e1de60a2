// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of other nodes' files, kept at the host for the next guest that runs the same program.
 *
 * Home names the content of a file by a keyed hash of what changes when the file does. It names it again for all pages that
 * it sends, so that a page gets here under the name that its file had while the page was read. A mapping has the name that
 * its file had when it was made: what has changed since has another one, and is not found.
 *
 * Memory: a quarter of the node's at most, the file that was used longest ago goes first, and the kernel takes back what it
 * needs through a shrinker. Pages here are only read: a guest's fault copies them, or maps them as they are, for text. Those that are
 * mapped stay here, so that there are never more of them than fit.
 *
 * Locks: cache_lock is taken under mmap_lock, and by the shrinker only if it is free.
 */
#include <linux/backing-dev.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/random.h>
#include <linux/shrinker.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/timekeeping.h>
#include <linux/vmstat.h>
#include <linux/xarray.h>

#include "shim.h"
#include "filecache.h"
#include "shared.h"

/* ---- home: names ---- */

static siphash_key_t name_key;

/*
 * A change must not be able to hide in the tick of the clock in which the name was made; some file systems tell times by two
 * seconds.
 */
#define SETTLED 3	/* seconds */

/* Does a change of its content, by whatever way, change what stat() says of it? */
static bool tells_changes(struct file *file)
{
	struct inode *inode = file_inode(file);
	struct super_block *sb = inode->i_sb;

	/* In memory (tmpfs), stores through a mapping change no time; with FUSE all depends on a program. */
	return S_ISREG(inode->i_mode) && !IS_DAX(inode) && sb->s_bdi->capabilities & BDI_CAP_WRITEBACK &&
	       sb->s_magic != FUSE_SUPER_MAGIC && !inode_is_open_for_write(inode);
}

/* 0: it has none at present. Reads the file; no mmap_lock may be held. */
u64 om_file_name(struct file *file)
{
	struct {
		u64 dev, ino, size, generation;
		s64 changed, written, born;
		u32 changed_ns, written_ns, born_ns, zero;
		u8 fs[sizeof(uuid_t)];
		u64 first;
	} what = {};
	struct inode *inode = file_inode(file);
	s64 now = ktime_get_real_seconds();
	struct kstat st;
	u8 *page;

	if (!tells_changes(file) ||
	    vfs_getattr(&file->f_path, &st, STATX_BASIC_STATS | STATX_BTIME, AT_STATX_SYNC_AS_STAT))
		return 0;
	if (!st.size || st.ctime.tv_sec + SETTLED > now || st.mtime.tv_sec + SETTLED > now)
		return 0;
	what.dev = st.dev;
	what.ino = st.ino;
	what.size = st.size;
	what.generation = inode->i_generation;
	what.changed = st.ctime.tv_sec;
	what.changed_ns = st.ctime.tv_nsec;
	what.written = st.mtime.tv_sec;
	what.written_ns = st.mtime.tv_nsec;
	if (st.result_mask & STATX_BTIME) {
		what.born = st.btime.tv_sec;
		what.born_ns = st.btime.tv_nsec;
	}
	memcpy(what.fs, &inode->i_sb->s_uuid, sizeof(what.fs));
	/* Images of file systems can be alike in all that, one mounted after the other; programs in them have their build's mark here. */
	page = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!page)
		return 0;
	if (om_share_read(file, file->f_mapping, 0, page)) {
		kfree(page);
		return 0;
	}
	what.first = siphash(page, PAGE_SIZE, &name_key);
	kfree(page);
	/* Not 0, and to be had as an entry of a tree. */
	return siphash(&what, sizeof(what), &name_key) >> 2 | 1ul << 61;
}

/* ---- host: the cache ---- */

struct om_cached {
	struct hlist_node node;
	struct list_head used;		/* the one used last comes first */
	int home;
	u64 file;
	struct xarray pages;
	unsigned long hand;		/* what drop() looks at next */
};

static DEFINE_HASHTABLE(cached, 8);
static LIST_HEAD(by_use);
static DEFINE_MUTEX(cache_lock);
static unsigned long npages;		/* written under cache_lock */
static struct shrinker *shrinker;

static struct om_cached *find(int home, u64 file)
{
	struct om_cached *f;

	hash_for_each_possible(cached, f, node, file)
		if (f->file == file && f->home == home) {
			list_move(&f->used, &by_use);
			return f;
		}
	return NULL;
}

/* It is to be seen as memory that can be had back. */
static void account(struct page *page, long n)
{
	mod_node_page_state(page_pgdat(page), NR_KERNEL_MISC_RECLAIMABLE, n);
	WRITE_ONCE(npages, npages + n);
}

/*
 * Lets go of so many pages that nobody else has, those of the file that was used longest ago first. Where many are in use it
 * looks at some, and goes on behind them the next time.
 */
static unsigned long drop(unsigned long n)
{
	unsigned long dropped = 0, looks = n < ULONG_MAX / 8 ? 8 * n : ULONG_MAX;
	struct om_cached *f;
	struct page *page;

	while (!list_empty(&by_use) && dropped < n && looks) {
		f = list_last_entry(&by_use, struct om_cached, used);
		xa_for_each_start(&f->pages, f->hand, page, f->hand) {
			if (dropped >= n || !looks)
				return dropped;
			looks--;
			/* References are only taken under the lock. */
			if (page_count(page) > 1)
				continue;
			xa_erase(&f->pages, f->hand);
			account(page, -1);
			put_page(page);
			dropped++;
		}
		f->hand = 0;
		if (!xa_empty(&f->pages)) {
			list_move(&f->used, &by_use);
			looks -= !!looks;
			continue;
		}
		hash_del(&f->node);
		list_del(&f->used);
		kfree(f);
	}
	return dropped;
}

/* With a reference, or NULL. */
struct page *om_cache_get(int home, u64 file, u64 index)
{
	struct om_cached *f;
	struct page *page;

	if (!READ_ONCE(npages))
		return NULL;
	mutex_lock(&cache_lock);
	f = find(home, file);
	page = f ? xa_load(&f->pages, index) : NULL;
	if (page)
		get_page(page);
	mutex_unlock(&cache_lock);
	return page;
}

/* Is there room for one more? If all is in use, it is not looked again for a while. */
static bool make_room(void)
{
	static unsigned long next_look;

	if (npages < totalram_pages() / 4)
		return true;
	if (next_look && time_before(jiffies, next_look))
		return false;
	next_look = drop(OM_BATCH) ? 0 : jiffies + HZ;
	return !next_look;
}

/* A page that nobody writes to. Without memory it is not kept. */
void om_cache_put(int home, u64 file, u64 index, struct page *page)
{
	struct om_cached *f;

	mutex_lock(&cache_lock);
	if (!make_room())
		goto out;
	f = find(home, file);
	if (!f) {
		f = kzalloc(sizeof(*f), GFP_KERNEL);
		if (!f)
			goto out;
		f->home = home;
		f->file = file;
		xa_init(&f->pages);
		hash_add(cached, &f->node, file);
		list_add(&f->used, &by_use);
	}
	if (!xa_insert(&f->pages, index, page, GFP_KERNEL)) {
		get_page(page);
		account(page, 1);
	}
out:
	mutex_unlock(&cache_lock);
}

/* What it has, in pages. */
u64 om_cache_pages(void)
{
	return READ_ONCE(npages);
}

static unsigned long count_pages(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long n = READ_ONCE(npages);

	return n ? n : SHRINK_EMPTY;
}

static unsigned long scan_pages(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long n;

	if (!mutex_trylock(&cache_lock))
		return SHRINK_STOP;
	n = drop(sc->nr_to_scan);
	mutex_unlock(&cache_lock);
	return n;
}

int om_cache_init(void)
{
	get_random_bytes(&name_key, sizeof(name_key));
	shrinker = shrinker_alloc(0, "openmosix-files");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = count_pages;
	shrinker->scan_objects = scan_pages;
	shrinker_register(shrinker);
	return 0;
}

/* At unload: no guest is left, and nobody looks here any more. */
void om_cache_exit(void)
{
	struct om_cached *f, *next;
	unsigned long index;
	struct page *page;

	shrinker_free(shrinker);
	list_for_each_entry_safe(f, next, &by_use, used) {
		xa_for_each(&f->pages, index, page) {
			account(page, -1);
			put_page(page);
		}
		xa_destroy(&f->pages);
		kfree(f);
	}
}
