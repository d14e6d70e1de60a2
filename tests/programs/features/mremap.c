/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: mremap: grown, shrunk, moved, in the middle of other mappings, of a mapped file */
#include "feature.h"
#include <sys/mman.h>

#define PAGES 16

static char *map(size_t pages)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

int main(int argc, char **argv)
{
	static char bytes[4 * PAGE];
	unsigned char resident;

	begin(argc, argv);
	int fd = nameless_file();

	fill(bytes, sizeof bytes, 9);
	CHECK(write(fd, bytes, sizeof bytes) == sizeof bytes);
	ready();
	do {
		char *memory = map(PAGES), *place = map(PAGES);

		fill(memory, PAGES * PAGE, run.round);
		char *larger = mremap(memory, PAGES * PAGE, 3 * PAGES * PAGE, MREMAP_MAYMOVE);

		CHECK(larger != MAP_FAILED);
		point();
		CHECK(is_filled(larger, PAGES * PAGE, run.round));
		for (size_t at = PAGES * PAGE; at < 3 * PAGES * PAGE; at += PAGE / 2)
			CHECK(larger[at] == 0);
		CHECK(mremap(larger, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
		CHECK(is_filled(place, PAGES * PAGE, run.round));
		CHECK(mincore(larger, PAGE, &resident) == -1 && errno == ENOMEM);
		CHECK(mremap(place, PAGES * PAGE, 3 * PAGE, 0) == place);
		CHECK(mincore(place + 3 * PAGE, PAGE, &resident) == -1 && errno == ENOMEM);
		CHECK(mremap(place, 8 * PAGE, 9 * PAGE, 0) == MAP_FAILED && errno == EFAULT);
		point();
		CHECK(is_filled(place, 3 * PAGE, run.round));
		CHECK(munmap(place, 3 * PAGE) == 0 && munmap(larger + PAGES * PAGE, 2 * PAGES * PAGE) == 0);
		char *file = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);

		CHECK(file != MAP_FAILED);
		file[1] ^= 1;
		place = map(8);
		CHECK(mremap(file, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
		CHECK(place[1] == (bytes[PAGE + 1] ^ 1) && !memcmp(place + 2, bytes + PAGE + 2, 3 * PAGE - 2));
		CHECK(munmap(place, 8 * PAGE) == 0);
	} while (again());
	return pass();
}
