/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef OM_CLOCKS_H
#define OM_CLOCKS_H

#include <linux/types.h>

struct pt_regs;

/* ns; mirrors of `Clocks` (omcore/src/wire.rs) and `Shifts` (omcore/src/clocks.rs). */
struct om_clocks {
	u64 monotonic, boottime, raw, realtime, tai;
};

/* What is added to this node's clocks to have home's. */
struct om_shifts {
	s64 monotonic, boottime, raw, realtime, tai;
};

void om_clocks(struct om_clocks *c);
void om_clocks_shift(const struct om_shifts *s);
void om_clocks_await(u64 monotonic);
void om_clocks_seen(u64 *monotonic, u64 *raw, u64 *realtime);
s64 om_timens_shift(void);
long om_clock_call(const struct pt_regs *regs);

#endif
