/* SPDX-License-Identifier: GPL-2.0-only */
/* processor: SSE registers and their control word, through computation and system calls */
#include "feature.h"
#include <xmmintrin.h>

#define SPINS 2000000u

/* Loads all registers, spins, makes a system call, and stores them again. */
__attribute__((noinline))
static void spin(const uint64_t in[16][2], uint64_t out[16][2])
{
	unsigned spins = SPINS;
	long number = SYS_getppid;

#define LOAD(n) "movdqu " #n "*16(%2), %%xmm" #n "\n"
#define STORE(n) "movdqu %%xmm" #n ", " #n "*16(%3)\n"
#define ALL(what) what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7) what(8) what(9) what(10) what(11) \
	what(12) what(13) what(14) what(15)
	asm volatile(ALL(LOAD) "1: decl %0\n jnz 1b\n syscall\n" ALL(STORE)
		     : "+r"(spins), "+a"(number)
		     : "r"(in), "r"(out)
		     : "memory", "cc", "rcx", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
		       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

int main(int argc, char **argv)
{
	uint64_t in[16][2], out[16][2];

	begin(argc, argv);
	_mm_setcsr((_mm_getcsr() & ~_MM_ROUND_MASK) | _MM_ROUND_DOWN | _MM_FLUSH_ZERO_ON);
	unsigned control = _mm_getcsr() & ~0x3f;

	ready();
	do {
		fill(in, sizeof in, run.round);
		spin((const uint64_t (*)[2])in, out);
		CHECK(!memcmp(in, out, sizeof in));
		point();
		CHECK((_mm_getcsr() & ~0x3f) == control);
	} while (again());
	return pass();
}
