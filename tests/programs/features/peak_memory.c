/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: the most memory that it and its children had at once is known to it and to its parent */
#include "feature.h"
#include <sys/mman.h>

#define MIB (1l << 20)

/* In KiB, of this process or of its children. */
static long most(int who)
{
	struct rusage usage;

	CHECK(getrusage(who, &usage) == 0);
	return usage.ru_maxrss;
}

/* The same as /proc shows it. */
static long shown(void)
{
	char line[200];
	long kib = -1;
	FILE *status = fopen("/proc/self/status", "r");

	CHECK(status);
	while (fgets(line, sizeof line, status))
		sscanf(line, "VmHWM: %ld kB", &kib);
	CHECK(fclose(status) == 0);
	return kib;
}

static void use(long bytes)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	memset(memory, 1, bytes);
	CHECK(munmap(memory, bytes) == 0);
}

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;

	begin(argc, argv);
	ready();
	do {
		pid_t child = split();

		if (!child) {
			use(24 * MIB);
			_exit(most(RUSAGE_SELF) >= 24 << 10 && shown() >= 24 << 10 ? 0 : 1);
		}
		CHECK(wait4(child, &status, 0, &usage) == child && status == 0);
		if (usage.ru_maxrss < 24 << 10 || usage.ru_maxrss > 40 << 10)
			fail("a child's %ld KiB", usage.ru_maxrss);
		CHECK(most(RUSAGE_CHILDREN) >= 24 << 10);
		point();
		CHECK(most(RUSAGE_CHILDREN) >= 24 << 10);

		if (run.round == 0)
			CHECK(most(RUSAGE_SELF) < 20 << 10);
		use(20 * MIB);
		CHECK(most(RUSAGE_SELF) >= 20 << 10 && shown() >= 20 << 10);
		point();
		if (most(RUSAGE_SELF) < 20 << 10 || most(RUSAGE_SELF) > 40 << 10)
			fail("its own %ld KiB", most(RUSAGE_SELF));
	} while (again());
	return pass();
}
