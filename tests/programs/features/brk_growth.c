/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: the heap grows and shrinks with brk and is zero where it is new */
#include "feature.h"

int main(int argc, char **argv)
{
	begin(argc, argv);
	/* What malloc wants, it has. */
	free(malloc(100000));
	ready();
	do {
		char *before = sbrk(0);

		CHECK(sbrk(40 * PAGE) == before);
		for (size_t at = 0; at < 40 * PAGE; at += 8)
			CHECK(*(uint64_t *)(before + at) == 0);
		fill(before, 40 * PAGE, run.round);
		point();
		CHECK(sbrk(0) == before + 40 * PAGE && is_filled(before, 40 * PAGE, run.round));
		CHECK(sbrk(-30 * (long)PAGE) == before + 40 * PAGE && sbrk(25 * PAGE) == before + 10 * PAGE);
		CHECK(is_filled(before, 10 * PAGE, run.round));
		for (size_t at = 10 * PAGE; at < 35 * PAGE; at++)
			CHECK(before[at] == 0);
		point();
		/* An odd place within a page. */
		CHECK(brk(before + 123) == 0 && sbrk(0) == before + 123 && brk(before) == 0);
		CHECK(sbrk(1l << 46) == (void *)-1 && errno == ENOMEM && sbrk(0) == before);
	} while (again());
	return pass();
}
