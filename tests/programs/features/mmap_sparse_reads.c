/* SPDX-License-Identifier: GPL-2.0-only */
/* files: a large mapped file of which a page here and there is read, then their neighbours */
#include "feature.h"
#include <sys/mman.h>

#define PAGES 5400ul
#define STRIDE 9ul
#define MARK 64ul

/* What begins page i: the rest of the file is holes. */
static long mark(unsigned long i)
{
	return i % MARK ? 0 : (long)(i + 1) * 1000003;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	int fd = nameless_file();

	CHECK(ftruncate(fd, PAGES * PAGE) == 0);
	for (unsigned long i = 0; i < PAGES; i += MARK) {
		long text = mark(i);

		CHECK(pwrite(fd, &text, sizeof text, i * PAGE) == sizeof text);
	}
	ready();
	do {
		char *memory = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

		CHECK(memory != MAP_FAILED);
		for (unsigned long i = 0; i < PAGES; i += STRIDE)
			CHECK(*(long *)(memory + i * PAGE) == mark(i));
		point();
		for (unsigned long i = 0; i < PAGES; i += 8 * STRIDE + 1)
			CHECK(*(long *)(memory + i * PAGE) == mark(i));
		CHECK(munmap(memory, PAGES * PAGE) == 0);
	} while (again());
	return pass();
}
