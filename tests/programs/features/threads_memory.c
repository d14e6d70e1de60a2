/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: threads map, protect, unmap and allocate at the same time */
#include "feature.h"
#include <pthread.h>
#include <sys/mman.h>

#define THREADS 3
#define TURNS 12
#define SIZE (16 * PAGE)

static void *work(void *argument)
{
	long number = (long)argument;
	char *blocks[8] = { 0 };

	for (int turn = 0; turn < TURNS; turn++) {
		char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		int slot = turn % 8;

		CHECK(memory != MAP_FAILED);
		fill(memory, SIZE, number * 100 + turn);
		CHECK(mprotect(memory, SIZE, PROT_READ) == 0);
		free(blocks[slot]);
		blocks[slot] = malloc(2000 + turn * 10000);
		CHECK(blocks[slot]);
		memset(blocks[slot], number, 2000 + turn * 10000);
		CHECK(is_filled(memory, SIZE, number * 100 + turn));
		CHECK(munmap(memory, SIZE) == 0);
		for (int i = 0; i < 8; i++)
			CHECK(!blocks[i] || blocks[i][1999] == number);
	}
	for (int i = 0; i < 8; i++)
		free(blocks[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	begin(argc, argv);
	ready();
	do {
		for (long i = 0; i < THREADS; i++)
			CHECK_0(pthread_create(&threads[i], NULL, work, (void *)(i + 1)));
		busy_point();
		for (int i = 0; i < THREADS; i++)
			CHECK_0(pthread_join(threads[i], NULL));
	} while (again());
	return pass();
}
