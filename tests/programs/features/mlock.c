/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: mlock, mlock2, munlock and their limit; locked memory is there, and keeps its contents */
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

static int resident(char *at)
{
	unsigned char there;

	CHECK(mincore(at, PAGE, &there) == 0);
	return there & 1;
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
		/* What has never been touched is there when it is locked, unless that is to wait. */
		CHECK(munmap(memory + 4 * PAGE, 4 * PAGE) == 0);
		CHECK(mlock(memory, PAGES * PAGE) == -1 && errno == ENOMEM && munlock(memory, 4 * PAGE) == 0);
		CHECK(mmap(memory + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			   0) == memory + 4 * PAGE);
		CHECK(mlock2(memory + 4 * PAGE, PAGE, 0) == 0 && mlock2(memory + 6 * PAGE, PAGE, MLOCK_ONFAULT) == 0);
		CHECK(mlock2(memory, PAGE, 8) == -1 && errno == EINVAL && locked() == 8);
		CHECK(resident(memory + 4 * PAGE) && !resident(memory + 6 * PAGE));
		/* What nobody may access cannot be made to be there, though it counts as locked. */
		CHECK(mprotect(memory + 2 * PAGE, PAGE, PROT_NONE) == 0);
		CHECK(mlock(memory + 2 * PAGE, PAGE) == -1 && errno == ENOMEM && locked() == 12);
		CHECK(mlock2(memory + 2 * PAGE, PAGE, MLOCK_ONFAULT) == 0 && locked() == 12);
		CHECK(munlock(memory + 2 * PAGE, PAGE) == 0);
		CHECK(mprotect(memory + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE) == 0);
		point();
		CHECK(locked() == 8 && memory[4 * PAGE] == 0 && memory[6 * PAGE] == 0);
		CHECK(munlock(memory + 4 * PAGE, 4 * PAGE) == 0 && locked() == 0);
	} while (again());
	return pass();
}
