/* SPDX-License-Identifier: GPL-2.0-only */
/* files: reads and writes of 32 MB with one call */
#include "feature.h"

#define SIZE (32ul << 20)

int main(int argc, char **argv)
{
	char *memory = malloc(SIZE);

	begin(argc, argv);
	run.rounds = run.stops ? 2 : 1;
	CHECK(memory);
	int fd = nameless_file();

	/* A word in each page is enough to know it. */
	for (size_t at = 0; at < SIZE; at += PAGE)
		*(size_t *)(memory + at) = at ^ 0x5555;
	ready();
	do {
		CHECK(pwrite(fd, memory, SIZE, 0) == (ssize_t)SIZE);
		for (size_t at = 0; at < SIZE; at += PAGE)
			*(size_t *)(memory + at) = 0;
		point();
		CHECK(pread(fd, memory, SIZE, 0) == (ssize_t)SIZE);
		for (size_t at = 0; at < SIZE; at += PAGE)
			CHECK(*(size_t *)(memory + at) == (at ^ 0x5555));
		/* More than there is. */
		CHECK(pread(fd, memory, SIZE, SIZE - 10) == 10);
		for (size_t at = 0; at < PAGE; at += sizeof(size_t))
			CHECK(at < 16 || *(size_t *)(memory + at) == 0);
		*(size_t *)memory = 0x5555;
		memset(memory + 8, 0, 8);
	} while (again());
	return pass();
}
