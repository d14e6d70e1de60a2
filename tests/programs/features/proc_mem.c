/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: /proc/PID/mem of a child shows its memory and changes it, and that of oneself */
#include "feature.h"

#define SIZE 30000

static char area[SIZE], copy[SIZE];

static int memory_of(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

int main(int argc, char **argv)
{
	int there[2], back[2];

	begin(argc, argv);
	CHECK(pipe(there) == 0 && pipe(back) == 0);
	ready();
	do {
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
		int memory = memory_of(child);

		CHECK(pread(memory, copy, SIZE, (off_t)(uintptr_t)area) == SIZE);
		CHECK(is_filled(copy, SIZE, run.round + 5) && area[1] == 0);
		point();
		fill(copy, SIZE, run.round + 6);
		CHECK(pwrite(memory, copy, SIZE, (off_t)(uintptr_t)area) == SIZE);
		CHECK(pread(memory, copy, 1, 0) == -1 && errno == EIO);
		CHECK(close(memory) == 0);
		tell(there[1], 'x');
		CHECK(exit_of(child) == 0);
		memory = memory_of(getpid());
		CHECK(pwrite(memory, copy, SIZE, (off_t)(uintptr_t)area) == SIZE && is_filled(area, SIZE, run.round + 6));
		CHECK(close(memory) == 0);
	} while (again());
	return pass();
}
