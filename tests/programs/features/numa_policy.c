/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: NUMA policies of the task and of a mapping are what was set */
#include "feature.h"
#include <linux/mempolicy.h>
#include <sys/mman.h>

#define PAGES 4

/* The policy of the task, or of what is at an address. */
static int policy(void *at)
{
	unsigned long nodes[16];
	int mode = -1;

	CHECK(syscall(SYS_get_mempolicy, &mode, nodes, 1024ul, at, at ? MPOL_F_ADDR : 0) == 0);
	CHECK(mode != MPOL_BIND || nodes[0] == 1);
	return mode;
}

int main(int argc, char **argv)
{
	unsigned long first = 1;

	begin(argc, argv);
	if (syscall(SYS_get_mempolicy, NULL, NULL, 0, NULL, 0) == -1 && errno == ENOSYS)
		skip("no NUMA in this kernel");
	ready();
	do {
		char *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(memory != MAP_FAILED && policy(NULL) == MPOL_DEFAULT);
		CHECK(syscall(SYS_set_mempolicy, MPOL_BIND, &first, 64ul) == 0 && policy(NULL) == MPOL_BIND);
		CHECK(syscall(SYS_mbind, memory + PAGE, PAGE, MPOL_BIND, &first, 64ul, MPOL_MF_STRICT) == 0);
		fill(memory, PAGES * PAGE, run.round);
		point();
		CHECK(policy(NULL) == MPOL_BIND && policy(memory + PAGE) == MPOL_BIND);
		CHECK(is_filled(memory, PAGES * PAGE, run.round));
		CHECK(syscall(SYS_set_mempolicy, 77, &first, 64ul) == -1 && errno == EINVAL);
		CHECK(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0ul) == 0 && policy(NULL) == MPOL_DEFAULT);
		CHECK(syscall(SYS_mbind, memory, PAGES * PAGE, MPOL_DEFAULT, NULL, 0ul, 0) == 0);
		CHECK(syscall(SYS_migrate_pages, 0, 64ul, &first, &first) == 0);
		point();
		CHECK(policy(memory + PAGE) == MPOL_DEFAULT && is_filled(memory, PAGES * PAGE, run.round));
		CHECK(munmap(memory, PAGES * PAGE) == 0);
	} while (again());
	return pass();
}
