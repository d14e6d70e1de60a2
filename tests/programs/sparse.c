/* SPDX-License-Identifier: GPL-2.0-only */
/* A large mapping of which few pages are touched: untouched pages stay zero, and stay untouched. */
#include "program.h"
#include <sys/mman.h>

#define SIZE (1ul << 30)
#define STRIDE (1ul << 22)

int main(int argc, char **argv)
{
	start(argc, argv);
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(memory != MAP_FAILED);
	CHECK(madvise(memory, SIZE, MADV_NOHUGEPAGE) == 0);
	for (size_t at = 0; at < SIZE; at += STRIDE)
		memory[at] = 1 + at / STRIDE % 100;
	do {
		for (size_t at = 0; at < SIZE; at += STRIDE)
			CHECK(memory[at] == (char)(1 + at / STRIDE % 100));
		/* A few untouched ones, at different places each round. */
		for (size_t at = STRIDE / 2 + rounds_done % 64 * 4096; at < SIZE; at += 16 * STRIDE)
			CHECK(memory[at] == 0);
	} while (another_round());
	return pass();
}
