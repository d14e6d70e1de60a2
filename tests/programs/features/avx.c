/* SPDX-License-Identifier: GPL-2.0-only */
/* processor: AVX registers, through computation and system calls */
#include "feature.h"
#include <immintrin.h>

#define SPINS 2000000u

__attribute__((target("avx"), noinline))
static void spin(const uint64_t in[16][4], uint64_t out[16][4])
{
	unsigned spins = SPINS;
	long number = SYS_getppid;

#define LOAD(n) "vmovdqu " #n "*32(%2), %%ymm" #n "\n"
#define STORE(n) "vmovdqu %%ymm" #n ", " #n "*32(%3)\n"
#define ALL(what) what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7) what(8) what(9) what(10) what(11) \
	what(12) what(13) what(14) what(15)
	asm volatile(ALL(LOAD) "1: decl %0\n jnz 1b\n syscall\n" ALL(STORE)
		     : "+r"(spins), "+a"(number)
		     : "r"(in), "r"(out)
		     : "memory", "cc", "rcx", "r11", "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7",
		       "ymm8", "ymm9", "ymm10", "ymm11", "ymm12", "ymm13", "ymm14", "ymm15");
}

int main(int argc, char **argv)
{
	uint64_t in[16][4], out[16][4];

	begin(argc, argv);
	if (!__builtin_cpu_supports("avx"))
		skip("no AVX");
	ready();
	do {
		fill(in, sizeof in, run.round);
		spin((const uint64_t (*)[4])in, out);
		CHECK(!memcmp(in, out, sizeof in));
		point();
	} while (again());
	return pass();
}
