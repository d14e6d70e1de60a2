/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef OM_VDSO_H
#define OM_VDSO_H

void om_vdso_shift(void);
unsigned long om_vdso_arrive(unsigned long ip);

#endif
