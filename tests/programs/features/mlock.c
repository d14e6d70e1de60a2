/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: mlock, munlock and their limit; locked memory keeps its contents */
#include "feature.h"
#include <sys/mman.h>

#define PAGES 8

static long locked(void)
{
	char line[128];
	long kilobytes = -1;
	FILE *status = fopen("/proc/self/status", "r");

	CHECK(status);
	while (fgets(line, sizeof line, status))
		if (sscanf(line, "VmLck: %ld", &kilobytes) == 1)
			break;
	CHECK(fclose(status) == 0);
	return kilobytes;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	char *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	ready();
	do {
		fill(memory, PAGES * PAGE, run.round);
		CHECK(mlock(memory, 6 * PAGE) == 0 && locked() == 24);
		point();
		CHECK(is_filled(memory, PAGES * PAGE, run.round) && locked() == 24);
		CHECK(munlock(memory, 2 * PAGE) == 0 && locked() == 16);
		point();
		CHECK(munlock(memory, PAGES * PAGE) == 0 && locked() == 0 && is_filled(memory, PAGES * PAGE, run.round));
	} while (again());
	return pass();
}
