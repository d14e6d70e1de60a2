// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is being sent must not change meanwhile. The process itself stands still, but others may write to it
 * (process_vm_writev, /proc/PID/mem, ptrace of a thread): what they write after a page was sent would be lost when the
 * mappings become windows.
 *
 * Such writers mark the page dirty when they have written, and a private page is otherwise marked only when it is swapped
 * or moved about. So it is noted for each page whether it was clean when it was sent; of one that was not, its hash. At the commit, with
 * mmap_lock for writing, a page is as it was sent if it is still clean, or has the same hash, and nobody has it pinned, who
 * may be about to write. Whoever asks after that finds a window.
 *
 * Without locks of its own: one task makes, fills and asks it.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/xarray.h>

#include "shim.h"
#include "mm.h"
#include "shared.h"

struct om_witness {
	struct xarray sent;	/* by page number: CLEAN, or the sum of the content */
};

/* A sum that is the same by chance costs one more try. */
#define CLEAN xa_mk_value(0)

struct om_witness *om_witness_new(void)
{
	struct om_witness *w = kzalloc(sizeof(*w), GFP_KERNEL);

	if (w)
		xa_init(&w->sent);
	return w;
}

void om_witness_free(struct om_witness *w)
{
	xa_destroy(&w->sent);
	kfree(w);
}

static void *testimony(struct page *page)
{
	u8 *at = kmap_local_page(page);
	void *sum = om_page_sum(at);

	kunmap_local(at);
	return sum;
}

static bool marked(struct page *page)
{
	struct folio *folio = page_folio(page);

	return folio_test_dirty(folio) || folio_test_swapcache(folio);
}

/* Before these pages are sent. */
int om_witness_note(struct om_witness *w, const u64 *addrs, struct page **pages, unsigned int n)
{
	unsigned int i;
	void *old;

	for (i = 0; i < n; i++) {
		old = xa_store(&w->sent, addrs[i] >> PAGE_SHIFT, marked(pages[i]) ? testimony(pages[i]) : CLEAN,
			       GFP_KERNEL);
		if (xa_is_err(old))
			return xa_err(old);
	}
	return 0;
}

/* Pages of zeros are not sent where fresh memory is zero. */
static bool fresh(struct vm_area_struct *vma, struct page *page)
{
	void *at = kmap_local_page(page);
	bool zero = !vma->vm_file && !memchr_inv(at, 0, PAGE_SIZE);

	kunmap_local(at);
	return zero;
}

static bool as_sent(struct om_witness *w, struct vm_area_struct *vma, unsigned long addr, struct page *page)
{
	void *said = xa_load(&w->sent, addr >> PAGE_SHIFT);

	/* One that is shared since a fork cannot be pinned for writing, but may have many users. */
	if (PageAnon(page) && PageAnonExclusive(page) && folio_maybe_dma_pinned(page_folio(page)))
		return false;
	if (!said)
		return fresh(vma, page);
	if (said == CLEAN)
		return !marked(page);
	return said == testimony(page);
}

/* 0: everything is as it was sent. -EAGAIN: somebody has changed it. The caller holds mmap_lock for writing. */
int om_witness_ask(struct om_witness *w)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, mm, 0);

	for_each_vma(vmi, vma) {
		unsigned long addr, skip;

		if (om_vma_is_special(vma) || om_mm_is_ours(vma))
			continue;
		for (addr = vma->vm_start; addr < vma->vm_end; addr += min(skip, vma->vm_end - addr)) {
			struct page *page;
			bool same;

			if (!om_page_wanted(mm, vma, addr, &skip))
				continue;
			skip = PAGE_SIZE;
			if (get_user_pages_remote(mm, addr, 1, FOLL_FORCE, &page, NULL) != 1)
				return -EFAULT;
			same = as_sent(w, vma, addr, page);
			put_page(page);
			if (!same)
				return -EAGAIN;
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
		}
	}
	return 0;
}
