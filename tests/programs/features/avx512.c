/* SPDX-License-Identifier: GPL-2.0-only */
/* processor: AVX-512 registers and masks */
#include "feature.h"

#define SPINS 2000000u

__attribute__((target("avx512f"), noinline))
static void spin(const uint64_t in[32][8], uint64_t out[32][8], uint16_t masks[2])
{
	unsigned spins = SPINS;

#define LOAD(n) "vmovdqu64 " #n "*64(%1), %%zmm" #n "\n"
#define STORE(n) "vmovdqu64 %%zmm" #n ", " #n "*64(%2)\n"
#define ALL(what) what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7) what(16) what(17) what(18) what(19) \
	what(28) what(29) what(30) what(31)
	asm volatile(ALL(LOAD) "kmovw (%3), %%k1\n 1: decl %0\n jnz 1b\n" ALL(STORE) "kmovw %%k1, 2(%3)\n"
		     : "+r"(spins)
		     : "r"(in), "r"(out), "r"(masks)
		     : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm16", "xmm17",
		       "xmm18", "xmm19", "xmm28", "xmm29", "xmm30", "xmm31", "k1");
}

int main(int argc, char **argv)
{
	static uint64_t in[32][8], out[32][8];

	begin(argc, argv);
	if (!__builtin_cpu_supports("avx512f"))
		skip("no AVX-512");
	ready();
	do {
		uint16_t masks[2] = { 0xa55a ^ run.round, 0 };

		fill(in, sizeof in, run.round);
		memcpy(out, in, sizeof in);
		for (int i = 0; i < 8; i++)
			memset(out[i], 0, sizeof out[i]);
		spin((const uint64_t (*)[8])in, out, masks);
		CHECK(!memcmp(in, out, sizeof in) && masks[0] == masks[1]);
		point();
	} while (again());
	return pass();
}
