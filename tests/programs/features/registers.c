/* SPDX-License-Identifier: GPL-2.0-only */
/* processor: general registers, flags and the red zone survive a long stretch without any call */
#include "feature.h"

#define SPINS 4000000u

int main(int argc, char **argv)
{
	begin(argc, argv);
	ready();
	do {
		uint64_t in[12], out[12];
		uint64_t flags;

		fill(in, sizeof in, run.round);
		asm volatile(
			"push %%rbp\n"
			"movq 0(%1), %%rbx\n movq 8(%1), %%rdx\n movq 16(%1), %%rsi\n movq 24(%1), %%r8\n movq 32(%1), %%r9\n"
			"movq 40(%1), %%r10\n movq 48(%1), %%r11\n movq 56(%1), %%r12\n movq 64(%1), %%r13\n movq 72(%1), %%r14\n"
			"movq 80(%1), %%r15\n movq 88(%1), %%rbp\n"
			"movl %3, %%ecx\n"
			"1: decl %%ecx\n jnz 1b\n"
			"std\n stc\n pushfq\n cld\n popq %%rcx\n"
			"movq %%rbx, 0(%2)\n movq %%rdx, 8(%2)\n movq %%rsi, 16(%2)\n movq %%r8, 24(%2)\n movq %%r9, 32(%2)\n"
			"movq %%r10, 40(%2)\n movq %%r11, 48(%2)\n movq %%r12, 56(%2)\n movq %%r13, 64(%2)\n movq %%r14, 72(%2)\n"
			"movq %%r15, 80(%2)\n movq %%rbp, 88(%2)\n"
			"pop %%rbp\n"
			: "=&c"(flags)
			: "a"(in), "D"(out), "i"(SPINS)
			: "rbx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
		CHECK(!memcmp(in, out, sizeof in));
		CHECK((flags & 0x401) == 0x401);
		point();
	} while (again());
	return pass();
}
