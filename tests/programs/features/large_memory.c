/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: twelve megabytes change all the time and are always what they should be; holes stay empty */
#include "feature.h"
#include <sys/mman.h>

#define SIZE (12ul << 20)
#define SPARSE (1ul << 30)

int main(int argc, char **argv)
{
	begin(argc, argv);
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *sparse = mmap(NULL, SPARSE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(memory != MAP_FAILED && sparse != MAP_FAILED && madvise(sparse, SPARSE, MADV_NOHUGEPAGE) == 0);
	ready();
	do {
		for (size_t at = 0; at < SIZE; at += 512)
			*(uint64_t *)(memory + at) = at * 31 + run.round;
		for (size_t at = 0; at < SPARSE; at += SPARSE / 64)
			sparse[at + 5000] = 1 + run.round % 100;
		point();
		for (size_t at = 0; at < SIZE; at += 512)
			CHECK(*(uint64_t *)(memory + at) == at * 31 + run.round);
		for (size_t at = 0; at < SPARSE; at += SPARSE / 64)
			CHECK(sparse[at + 5000] == 1 + run.round % 100 && sparse[at + 20000 + PAGE * (run.round % 16)] == 0);
	} while (again());
	return pass();
}
