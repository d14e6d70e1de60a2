/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: madvise: DONTNEED and FREE empty pages, of a file too; other advice harms nothing */
#include "feature.h"
#include <sys/mman.h>

#define PAGES 16

int main(int argc, char **argv)
{
	static char bytes[4 * PAGE];

	begin(argc, argv);
	int fd = nameless_file();

	fill(bytes, sizeof bytes, 8);
	CHECK(write(fd, bytes, sizeof bytes) == sizeof bytes);
	char *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *file = mmap(NULL, sizeof bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	CHECK(memory != MAP_FAILED && file != MAP_FAILED);
	ready();
	do {
		fill(memory, PAGES * PAGE, run.round);
		CHECK(madvise(memory + 4 * PAGE, 3 * PAGE, MADV_DONTNEED) == 0);
		file[PAGE + 3] ^= 9;
		point();
		for (size_t at = 4 * PAGE; at < 7 * PAGE; at++)
			CHECK(memory[at] == 0);
		CHECK(is_filled(memory, 4 * PAGE, run.round));
		/* The file's bytes come back. */
		CHECK(file[PAGE + 3] != bytes[PAGE + 3] && madvise(file + PAGE, PAGE, MADV_DONTNEED) == 0);
		CHECK(file[PAGE + 3] == bytes[PAGE + 3]);
		CHECK(madvise(memory, 2 * PAGE, MADV_FREE) == 0);
		CHECK(memory[5] == 0 || is_filled(memory, PAGE, run.round));
		memory[5] = 1;
		CHECK(memory[5] == 1);
		for (int advice = MADV_NORMAL; advice <= MADV_WILLNEED; advice++)
			CHECK(madvise(memory, PAGES * PAGE, advice) == 0);
		CHECK(madvise(memory, PAGES * PAGE, MADV_NOHUGEPAGE) == 0 && madvise(memory, PAGES * PAGE, MADV_DONTDUMP) == 0);
		CHECK(madvise(memory, PAGES * PAGE, 4711) == -1 && errno == EINVAL);
		CHECK(madvise(memory + 1, PAGE, MADV_DONTNEED) == -1 && errno == EINVAL);
		CHECK(madvise(memory, PAGES * PAGE, MADV_DODUMP) == 0 && memory[5] == 1);
	} while (again());
	return pass();
}
