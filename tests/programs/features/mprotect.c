/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: mprotect: what is allowed is allowed, what is not faults, mappings split and merge */
#include "feature.h"
#include <setjmp.h>
#include <sys/mman.h>

#define PAGES 16

static sigjmp_buf after;

static void on_fault(int signal)
{
	(void)signal;
	siglongjmp(after, 1);
}

static int can_read(volatile char *at)
{
	if (sigsetjmp(after, 1))
		return 0;
	(void)*at;
	return 1;
}

static int can_write(volatile char *at)
{
	if (sigsetjmp(after, 1))
		return 0;
	*at = *at;
	return 1;
}

int main(int argc, char **argv)
{
	static const int protections[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC };

	begin(argc, argv);
	handle(SIGSEGV, on_fault, 0);
	char *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	fill(memory, PAGES * PAGE, 4);
	ready();
	do {
		for (int i = 0; i < PAGES; i++)
			CHECK(mprotect(memory + i * PAGE, PAGE, protections[(i + run.round) % 4]) == 0);
		point();
		for (int i = 0; i < PAGES; i++) {
			int protection = protections[(i + run.round) % 4];

			CHECK(can_read(memory + i * PAGE) == !!(protection & PROT_READ));
			CHECK(can_write(memory + i * PAGE) == !!(protection & PROT_WRITE));
			/* A call is refused what the program is refused. */
			if (!(protection & PROT_READ))
				CHECK(write(-1, memory, 0) == -1 && access(memory + i * PAGE, F_OK) == -1 && errno == EFAULT);
		}
		CHECK(mprotect(memory + 1, PAGE, PROT_READ) == -1 && errno == EINVAL);
		CHECK(mprotect(memory, PAGES * PAGE, PROT_READ | PROT_WRITE) == 0);
		CHECK(is_filled(memory, PAGES * PAGE, 4));
	} while (again());
	return pass();
}
