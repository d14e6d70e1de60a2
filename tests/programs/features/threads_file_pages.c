/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: threads touch the same pages of a mapped file at the same moment */
#include "feature.h"
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#define THREADS 4
#define PAGES 96

static char expected[PAGES * PAGE];
static char *memory;
static int arrived;

/* All threads leave it together, awake: a futex would wake them one after the other. */
static void meet(int times)
{
	__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < times * THREADS)
		sched_yield();
}

static void *look(UNUSED void *argument)
{
	for (int i = 0; i < PAGES; i++) {
		/* Far from each other first, so that few come unasked; then the rest. */
		size_t at = (size_t)(i * 17 % PAGES) * PAGE + 17 * i;

		meet(i + 1);
		CHECK(memory[at] == expected[at]);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	begin(argc, argv);
	int fd = nameless_file();

	fill(expected, sizeof expected, 7);
	CHECK(write(fd, expected, sizeof expected) == sizeof expected);
	ready();
	do {
		memory = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
		CHECK(memory != MAP_FAILED);
		arrived = 0;
		for (int i = 0; i < THREADS; i++)
			CHECK_0(pthread_create(&threads[i], NULL, look, NULL));
		busy_point();
		for (int i = 0; i < THREADS; i++)
			CHECK_0(pthread_join(threads[i], NULL));
		CHECK(!memcmp(memory, expected, sizeof expected));
		CHECK(munmap(memory, PAGES * PAGE) == 0);
	} while (again());
	return pass();
}
