/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: shared anonymous memory of one process alone */
#include "feature.h"
#include <sys/mman.h>

#define SIZE (64 * PAGE)

int main(int argc, char **argv)
{
	begin(argc, argv);
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	fill(memory, SIZE, 0);
	ready();
	do {
		point();
		CHECK(is_filled(memory, SIZE, run.round));
		/* To let go of pages is not for memory that others may have; to drop one's own view of them loses nothing. */
		CHECK(madvise(memory, SIZE, MADV_FREE) == -1 && errno == EINVAL);
		CHECK(madvise(memory, SIZE, MADV_DONTNEED) == 0 && is_filled(memory, SIZE, run.round));
		fill(memory, SIZE, run.round + 1);
		char *more = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		CHECK(more != MAP_FAILED && more[77] == 0);
		more[77] = 1;
		CHECK(munmap(more, PAGE) == 0);
	} while (again());
	return pass();
}
