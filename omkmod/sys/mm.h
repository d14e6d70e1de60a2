/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef OM_MM_H
#define OM_MM_H

#include <linux/types.h>

/* Mirror of the wire's Vma. */
struct om_vma {
	u64 start, end, prot, flags, offset, reserved;
};

void om_mm_exit(void);

#endif
