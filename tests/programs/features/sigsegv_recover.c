/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: SIGSEGV handlers: recover with siglongjmp, map the missing page, skip the instruction */
#include "feature.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#define PAGES 8

static sigjmp_buf after;
static char *area;
static volatile int faults, code;
static void *volatile where;
static enum { JUMP, ALLOW, SKIP } volatile how;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	ucontext_t *machine = context;

	CHECK(signal == SIGSEGV);
	faults++;
	code = info->si_code;
	where = info->si_addr;
	if (how == JUMP)
		siglongjmp(after, 1);
	if (how == ALLOW) {
		char *page = (char *)((uintptr_t)where & -PAGE);

		CHECK(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0);
		return;
	}
	/* The two bytes of `mov (%rax), %eax`. */
	machine->uc_mcontext.gregs[REG_RAX] = 1234;
	machine->uc_mcontext.gregs[REG_RIP] += 2;
}

static void check_fault(int number, const void *at, int expected)
{
	if (faults != number || where != at || code != expected)
		fail("fault %d at %p with code %d instead of %d at %p with %d", faults, where, code, number, at, expected);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	handle_info(SIGSEGV, on_fault, 0);
	area = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED);
	ready();
	do {
		faults = 0;
		how = JUMP;
		CHECK(mprotect(area, PAGES * PAGE, PROT_READ) == 0);
		if (!sigsetjmp(after, 1)) {
			*(volatile char *)(area + 5) = 1;
			fail("it was written");
		}
		check_fault(1, area + 5, SEGV_ACCERR);
		point();
		if (!sigsetjmp(after, 1)) {
			*(volatile char *)address(16) = 1;
			fail("it was written");
		}
		check_fault(2, address(16), SEGV_MAPERR);
		/* An address that no process may have. */
		if (!sigsetjmp(after, 1)) {
			*(volatile char *)address(0x8000000000000000ul) = 1;
			fail("it was written");
		}
		check_fault(3, NULL, SI_KERNEL);

		how = ALLOW;
		CHECK(mprotect(area, PAGES * PAGE, PROT_NONE) == 0);
		for (int i = 0; i < PAGES; i++)
			*(volatile char *)(area + i * PAGE + i) = i;
		CHECK(faults == 3 + PAGES);
		point();
		for (int i = 0; i < PAGES; i++)
			CHECK(area[i * PAGE + i] == i);

		how = SKIP;
		int value;

		asm volatile("mov (%%rax), %%eax" : "=a"(value) : "a"(24l) : "memory");
		CHECK(value == 1234 && faults == 4 + PAGES);
	} while (again());
	return pass();
}
