/* SPDX-License-Identifier: GPL-2.0-only */
/* Computes and checks it: a round is Fibonacci's 32nd number the long way, a fifth of a second of processor or so, with memory. */
#include "program.h"
#include <sys/mman.h>

#define PAGE 4096

static uint64_t fibonacci(int n)
{
	return n < 2 ? (uint64_t)n : fibonacci(n - 1) + fibonacci(n - 2);
}

int main(int argc, char **argv)
{
	start(argc, argv);
	size_t size = options.megabytes << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	for (size_t at = 0; at < size; at += PAGE)
		fill(memory + at, PAGE, at);
	do {
		volatile int n = 32;

		CHECK(fibonacci(n) == 2178309);
	} while (another_round());
	for (size_t at = 0; at < size; at += PAGE)
		CHECK(is_filled(memory + at, PAGE, at));
	return pass();
}
