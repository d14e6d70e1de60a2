/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: several threads read into neighbouring bytes of one page while another counts there */
#include "feature.h"
#include <pthread.h>

#define READERS 3
#define BYTES 120

static struct {
	unsigned char of[BYTES][READERS];
	volatile unsigned long counter;
	unsigned char after[BYTES][READERS];
} *page;
static int pipes[READERS][2];
static volatile int stop;

static void *read_bytes(void *argument)
{
	long reader = (long)argument;

	for (int i = 0; i < BYTES; i++) {
		CHECK(read(pipes[reader][0], &page->of[i][reader], 1) == 1);
		page->after[i][reader] = ~page->of[i][reader];
	}
	return NULL;
}

static void *count(void *argument)
{
	unsigned long last = page->counter;

	while (!stop) {
		if (page->counter != last)
			fail("the counter is %lu and was %lu", page->counter, last);
		page->counter = ++last;
	}
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t threads[READERS], counter;

	begin(argc, argv);
	page = aligned_alloc(PAGE, PAGE);
	CHECK(page && sizeof *page <= PAGE);
	for (int i = 0; i < READERS; i++)
		CHECK(pipe(pipes[i]) == 0);
	ready();
	do {
		memset(page, 0, PAGE);
		stop = 0;
		for (long i = 0; i < READERS; i++)
			CHECK_0(pthread_create(&threads[i], NULL, read_bytes, (void *)i));
		CHECK_0(pthread_create(&counter, NULL, count, NULL));
		AWAIT(page->counter);
		for (int i = 0; i < BYTES; i++) {
			for (int reader = 0; reader < READERS; reader++)
				tell(pipes[reader][1], i * 7 + reader);
			if (i == BYTES / 2)
				point();
		}
		for (int i = 0; i < READERS; i++)
			CHECK_0(pthread_join(threads[i], NULL));
		stop = 1;
		CHECK_0(pthread_join(counter, NULL));
		for (int i = 0; i < BYTES; i++)
			for (int reader = 0; reader < READERS; reader++) {
				unsigned char expected = i * 7 + reader;

				CHECK(page->of[i][reader] == expected);
				CHECK(page->after[i][reader] == (unsigned char)~expected);
			}
	} while (again());
	return pass();
}
