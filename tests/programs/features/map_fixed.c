/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: mappings at given places: over others, between them, refused, populated, without reserve, many */
#include "feature.h"
#include <sys/mman.h>

#define PAGES 64

static char *map(void *at, size_t pages, int flags)
{
	return mmap(at, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	ready();
	do {
		char *area = map(NULL, PAGES, MAP_NORESERVE);

		CHECK(area != MAP_FAILED);
		fill(area, PAGES * PAGE, run.round);
		/* Every fourth page anew, every fourth away. */
		for (int i = 0; i < PAGES; i += 4) {
			CHECK(map(area + i * PAGE, 1, MAP_FIXED) == area + i * PAGE);
			CHECK(munmap(area + (i + 2) * PAGE, PAGE) == 0);
		}
		CHECK(map(area, 2, MAP_FIXED_NOREPLACE) == MAP_FAILED && errno == EEXIST);
		point();
		uint64_t *expected = malloc(PAGES * PAGE);

		CHECK(expected);
		fill(expected, PAGES * PAGE, run.round);
		for (int i = 0; i < PAGES; i++) {
			if (i % 4 == 0)
				CHECK(area[i * PAGE] == 0 && area[(i + 1) * PAGE - 1] == 0);
			else if (i % 4 != 2)
				CHECK(!memcmp(area + i * PAGE, (char *)expected + i * PAGE, PAGE));
			else
				CHECK(map(area + i * PAGE, 1, MAP_FIXED_NOREPLACE | MAP_POPULATE) == area + i * PAGE);
		}
		free(expected);
		area[2 * PAGE] = 'x';
		point();
		CHECK(area[2 * PAGE] == 'x' && area[6 * PAGE] == 0);
		CHECK(munmap(area, PAGES * PAGE) == 0);
		CHECK(mmap((void *)PAGE, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
	} while (again());
	return pass();
}
