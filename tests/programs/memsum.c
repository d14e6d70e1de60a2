/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory keeps its contents: every page has a known pattern, a quarter of them gets a new one each round. */
#include "program.h"
#include <sys/mman.h>

#define PAGE 4096

static uint64_t seed_of(size_t page, uint32_t version)
{
	return page * 1000003u + version;
}

int main(int argc, char **argv)
{
	start(argc, argv);
	size_t pages = options.megabytes << 20 >> 12;
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t *versions = calloc(pages, sizeof *versions);
	uint64_t choice = 1;

	CHECK(memory != MAP_FAILED && versions);
	for (size_t page = 0; page < pages; page++)
		fill(memory + page * PAGE, PAGE, seed_of(page, 0));
	do {
		for (size_t page = 0; page < pages; page++) {
			if (!is_filled(memory + page * PAGE, PAGE, seed_of(page, versions[page])))
				fail("page %zu of %zu, version %u, is corrupt", page, pages, versions[page]);
			if (next_random(&choice) % 4 == 0)
				fill(memory + page * PAGE, PAGE, seed_of(page, ++versions[page]));
		}
	} while (another_round());
	return pass();
}
