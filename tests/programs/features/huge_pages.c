/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: transparent huge pages: asked for, split by protections and holes, copied by fork */
#include "feature.h"
#include <sys/mman.h>
#include <sys/prctl.h>

#define HUGE (2ul << 20)

int main(int argc, char **argv)
{
	begin(argc, argv);
	char *area = mmap(NULL, 3 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(area != MAP_FAILED);
	char *memory = (char *)(((uintptr_t)area + HUGE - 1) & -HUGE);

	if (madvise(memory, 2 * HUGE, MADV_HUGEPAGE))
		skip("no transparent huge pages");
	ready();
	do {
		for (size_t at = 0; at < 2 * HUGE; at += 64)
			*(uint64_t *)(memory + at) = at + run.round;
		point();
		CHECK(mprotect(memory + 10 * PAGE, PAGE, PROT_READ) == 0 && madvise(memory + 20 * PAGE, PAGE, MADV_DONTNEED) == 0);
		pid_t child = split();

		if (!child) {
			memset(memory, 0, 5 * PAGE);
			_exit(memory[30 * PAGE] == (char)run.round ? 0 : 1);
		}
		CHECK(exit_of(child) == 0);
		for (size_t at = 0; at < 2 * HUGE; at += 64)
			CHECK(*(uint64_t *)(memory + at) == (at / PAGE == 20 ? 0 : at + run.round));
		CHECK(mprotect(memory, 2 * HUGE, PROT_READ | PROT_WRITE) == 0);
	} while (again());
	return pass();
}
