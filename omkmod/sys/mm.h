/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef OM_MM_H
#define OM_MM_H

#include <linux/types.h>

/* Mirror of the wire's Vma. */
struct om_vma {
	u64 start, end, prot, flags, offset, object, size, file;
};

/* A bit of vm_flags that the kernel does not use: keeps our VMAs from merging with others. */
#define OM_VM_FLAG (1ul << 61)

void om_mm_exit(void);
bool om_page_wanted(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long addr, unsigned long *skip);

/* witness.c */
struct om_witness;
int om_witness_ask(struct om_witness *w);

#endif
