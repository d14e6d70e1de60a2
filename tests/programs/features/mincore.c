/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: mincore tells what was touched and what was not */
#include "feature.h"
#include <sys/mman.h>

#define PAGES 32

int main(int argc, char **argv)
{
	unsigned char resident[PAGES];

	begin(argc, argv);
	ready();
	do {
		char *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(memory != MAP_FAILED && madvise(memory, PAGES * PAGE, MADV_NOHUGEPAGE) == 0);
		CHECK(mincore(memory, PAGES * PAGE, resident) == 0);
		for (int i = 0; i < PAGES; i++)
			CHECK(!(resident[i] & 1));
		for (int i = 0; i < PAGES; i += 2)
			memory[i * PAGE] = 1;
		point();
		CHECK(mincore(memory, PAGES * PAGE, resident) == 0);
		for (int i = 0; i < PAGES; i++)
			CHECK((resident[i] & 1) == !(i % 2));
		CHECK(munmap(memory, PAGES * PAGE) == 0);
		CHECK(mincore(memory, PAGE, resident) == -1 && errno == ENOMEM);
	} while (again());
	return pass();
}
