/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: protection keys: a key forbids and allows without a system call */
#include "feature.h"
#include <setjmp.h>
#include <sys/mman.h>

static sigjmp_buf after;
static volatile int code;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	code = info->si_code;
	siglongjmp(after, 1);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	int key = pkey_alloc(0, 0);

	if (key < 0)
		skip("no protection keys");
	handle_info(SIGSEGV, on_fault, 0);
	volatile char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED && pkey_mprotect((void *)memory, PAGE, PROT_READ | PROT_WRITE, key) == 0);
	ready();
	do {
		CHECK(pkey_set(key, 0) == 0);
		memory[0] = 7;
		CHECK(pkey_set(key, PKEY_DISABLE_WRITE) == 0);
		point();
		CHECK(pkey_get(key) == PKEY_DISABLE_WRITE && memory[0] == 7);
		if (!sigsetjmp(after, 1)) {
			memory[0] = 8;
			fail("it was written");
		}
		CHECK(code == SEGV_PKUERR);
	} while (again());
	return pass();
}
