/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: reads that change every other byte of half a page leave what another thread writes in the other half */
#include "feature.h"
#include <pthread.h>

#define ROUNDS 60
#define HALF ((int)PAGE / 2)

static struct {
	unsigned char read[HALF];
	volatile unsigned long counters[HALF / sizeof(long)];
} *page;
static int fds[2];
static volatile int stop;

/* Every second byte is what is there already. */
static void expected(unsigned char *bytes, int round)
{
	for (int i = 0; i < HALF; i++)
		bytes[i] = i % 2 ? 0x55 : round + 1;
}

static void *count(void *argument)
{
	unsigned long n = 0;

	while (!stop) {
		for (size_t i = 0; i < HALF / sizeof(long); i++) {
			if (page->counters[i] != n)
				fail("counter %zu is %lu, not %lu", i, page->counters[i], n);
			page->counters[i] = n + 1;
		}
		n++;
	}
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t counter;
	unsigned char bytes[HALF];

	begin(argc, argv);
	page = aligned_alloc(PAGE, PAGE);
	CHECK(page && sizeof *page == PAGE);
	CHECK(pipe(fds) == 0);
	ready();
	do {
		memset(page, 0, PAGE);
		stop = 0;
		CHECK_0(pthread_create(&counter, NULL, count, NULL));
		for (int round = 0; round < ROUNDS; round++) {
			expected(bytes, round);
			CHECK(write(fds[1], bytes, HALF) == HALF);
			memset(page->read, 0x55, HALF);
			CHECK(read(fds[0], page->read, HALF) == HALF);
			CHECK(memcmp(page->read, bytes, HALF) == 0);
			if (round == ROUNDS / 2)
				point();
		}
		stop = 1;
		CHECK_0(pthread_join(counter, NULL));
	} while (again());
	return pass();
}
