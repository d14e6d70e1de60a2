/* SPDX-License-Identifier: GPL-2.0-only */
/* files: a file mapped privately, to read and to write: the file keeps its bytes, the memory its own */
#include "feature.h"
#include <sys/mman.h>

#define PAGES 24

static char expected[PAGES * PAGE];

int main(int argc, char **argv)
{
	char byte;

	begin(argc, argv);
	int fd = nameless_file();

	fill(expected, sizeof expected, 5);
	CHECK(write(fd, expected, sizeof expected) == sizeof expected);
	char *kept = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

	CHECK(kept != MAP_FAILED);
	ready();
	do {
		char *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		char *part = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 7 * PAGE);

		CHECK(memory != MAP_FAILED && part != MAP_FAILED);
		for (int i = 0; i < PAGES; i += 3)
			memory[i * PAGE + 9] ^= 0x55;
		CHECK(part[100] == expected[7 * PAGE + 100]);
		point();
		for (int i = 0; i < PAGES; i++) {
			for (size_t at = i * PAGE; at < (i + 1) * PAGE; at += 61)
				if (at != i * PAGE + 9)
					CHECK(memory[at] == expected[at]);
			char changed = i % 3 ? 0 : 0x55;

			CHECK(memory[i * PAGE + 9] == (expected[i * PAGE + 9] ^ changed));
		}
		CHECK(!memcmp(part, expected + 7 * PAGE, 4 * PAGE));
		CHECK(!memcmp(kept + run.round % PAGES * PAGE, expected + run.round % PAGES * PAGE, PAGE));
		CHECK(pread(fd, &byte, 1, 9) == 1 && byte == expected[9]);
		/* A call reads from it and writes to it. */
		CHECK(pread(fd, memory + 5, 3 * PAGE, 11 * PAGE) == 3 * PAGE);
		CHECK(!memcmp(memory + 5, expected + 11 * PAGE, 3 * PAGE));
		point();
		CHECK(!memcmp(memory + 5, expected + 11 * PAGE, 3 * PAGE) && memory[4] == expected[4]);
		CHECK(munmap(memory, PAGES * PAGE) == 0 && munmap(part, 4 * PAGE) == 0);
	} while (again());
	return pass();
}
