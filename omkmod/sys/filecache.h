/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef OM_FILECACHE_H
#define OM_FILECACHE_H

#include <linux/types.h>

struct file;
struct page;

/* Home: what names the content of a file, as far as others may keep it. */
u64 om_file_name(struct file *file);

/* Host. */
struct page *om_cache_get(int home, u64 file, u64 index);
void om_cache_put(int home, u64 file, u64 index, struct page *page);

int om_cache_init(void);
void om_cache_exit(void);

#endif
