/* SPDX-License-Identifier: GPL-2.0-only */
/* processor: membarrier: commands are known, registration is kept */
#include "feature.h"
#include <linux/membarrier.h>

static long membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0); }

int main(int argc, char **argv)
{
	begin(argc, argv);
	long known = membarrier(MEMBARRIER_CMD_QUERY);

	if (known < 0)
		skip("no membarrier");
	CHECK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == -1 && errno == EPERM);
	CHECK(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0);
	ready();
	do {
		point();
		CHECK(membarrier(MEMBARRIER_CMD_QUERY) == known);
		CHECK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0);
		CHECK(membarrier(MEMBARRIER_CMD_GLOBAL) == 0);
		pid_t child = split();

		if (!child)
			_exit(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0 ? 0 : 1);
		CHECK(exit_of(child) == 0);
	} while (again());
	return pass();
}
