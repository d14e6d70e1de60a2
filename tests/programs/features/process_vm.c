/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: process_vm_readv and writev reach the memory of a child and its own */
#include "feature.h"
#include <sys/uio.h>

#define SIZE 30000

static char area[SIZE], copy[SIZE];

int main(int argc, char **argv)
{
	int there[2], back[2];

	begin(argc, argv);
	CHECK(pipe(there) == 0 && pipe(back) == 0);
	ready();
	do {
		struct iovec local = { copy, SIZE }, remote = { area, SIZE };
		pid_t child = split();

		if (!child) {
			fill(area, SIZE, run.round + 5);
			tell(back[1], 'x');
			hear(there[0]);
			_exit(is_filled(area, SIZE, run.round + 6) ? 0 : 1);
		}
		hear(back[0]);
		memset(area, 0, SIZE);
		point();
		CHECK(process_vm_readv(child, &local, 1, &remote, 1, 0) == SIZE);
		CHECK(is_filled(copy, SIZE, run.round + 5) && area[1] == 0);
		fill(copy, SIZE, run.round + 6);
		CHECK(process_vm_writev(child, &local, 1, &remote, 1, 0) == SIZE);
		tell(there[1], 'x');
		CHECK(exit_of(child) == 0);
		CHECK(process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == SIZE && is_filled(area, SIZE, run.round + 6));
	} while (again());
	return pass();
}
