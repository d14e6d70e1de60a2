/* SPDX-License-Identifier: GPL-2.0-only */
/* life: copy-on-write in both directions, mappings that are not inherited or inherited empty */
#include "feature.h"
#include <sys/mman.h>

#define SIZE (1ul << 20)

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif

static char *map(void)
{
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

/* What may be dropped when memory is short is inherited empty. Kernels before 6.11 do not have it. */
static void droppable(void)
{
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED && errno == EINVAL)
		return;
	CHECK(memory != MAP_FAILED);
	memory[PAGE] = 1;
	pid_t child = split();

	if (!child) {
		CHECK(memory[PAGE] == 0);
		_exit(0);
	}
	CHECK(exit_of(child) == 0 && munmap(memory, SIZE) == 0);
}

int main(int argc, char **argv)
{
	int there[2], back[2];
	unsigned char resident;

	begin(argc, argv);
	CHECK(pipe(there) == 0 && pipe(back) == 0);
	char *both = map(), *wiped = map(), *missing = map();

	CHECK(madvise(wiped, SIZE, MADV_WIPEONFORK) == 0 && madvise(missing, SIZE, MADV_DONTFORK) == 0);
	ready();
	do {
		droppable();
		fill(both, SIZE, run.round);
		fill(wiped, SIZE, run.round + 1);
		fill(missing, SIZE, run.round + 2);
		pid_t child = split();

		if (!child) {
			CHECK(mincore(missing, PAGE, &resident) == -1 && errno == ENOMEM);
			for (size_t at = 0; at < SIZE; at += 512)
				CHECK(wiped[at] == 0);
			hear(there[0]);
			/* Not what the parent has written meanwhile. */
			CHECK(is_filled(both, SIZE, run.round));
			fill(both, SIZE / 2, 77);
			tell(back[1], 'x');
			hear(there[0]);
			CHECK(is_filled(both, SIZE / 2, 77));
			_exit(0);
		}
		point();
		fill(both + SIZE / 2, SIZE / 2, 88);
		tell(there[1], 'x');
		hear(back[0]);
		CHECK(is_filled(both + SIZE / 2, SIZE / 2, 88));
		fill(both, SIZE, 99);
		tell(there[1], 'x');
		CHECK(exit_of(child) == 0);
		CHECK(is_filled(both, SIZE, 99));
		CHECK(is_filled(wiped, SIZE, run.round + 1) && is_filled(missing, SIZE, run.round + 2));
	} while (again());
	return pass();
}
