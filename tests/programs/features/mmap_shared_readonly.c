/* SPDX-License-Identifier: GPL-2.0-only */
/* files: a file mapped shared for reading shows what is written to the file */
#include "feature.h"
#include <sys/mman.h>

#define PAGES 8

int main(int argc, char **argv)
{
	static char bytes[PAGES * PAGE];
	char path[32];

	begin(argc, argv);
	int fd = nameless_file();

	fill(bytes, sizeof bytes, 3);
	CHECK(write(fd, bytes, sizeof bytes) == sizeof bytes);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int read_only = open(path, O_RDONLY);
	const char *memory = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, read_only, 0);

	CHECK(read_only >= 0 && memory != MAP_FAILED && !memcmp(memory, bytes, PAGE));
	ready();
	do {
		point();
		CHECK(!memcmp(memory, bytes, sizeof bytes));
		int at = PAGE * (run.round % PAGES) + 17;

		bytes[at] ^= 1 + run.round % 100;
		CHECK(pwrite(fd, bytes + at, 1, at) == 1);
		if (memory[at] != bytes[at])
			fail("what was written to the file is not in memory");
		CHECK(mprotect((void *)memory, PAGE, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
	} while (again());
	return pass();
}
