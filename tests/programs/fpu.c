/* SPDX-License-Identifier: GPL-2.0-only */
/* Floating-point and vector registers keep their values through a long stretch without any call. */
#include "program.h"
#include <fenv.h>
#include <immintrin.h>

#define SPINS 3000000u

/* Loads all vector registers, spins, stores them again. */
__attribute__((target("avx"), noinline))
static void spin_avx(const uint64_t in[16][4], uint64_t out[16][4])
{
	unsigned spins = SPINS;

	asm volatile(
		"vmovdqu 0*32(%1), %%ymm0\n vmovdqu 1*32(%1), %%ymm1\n vmovdqu 2*32(%1), %%ymm2\n vmovdqu 3*32(%1), %%ymm3\n"
		"vmovdqu 4*32(%1), %%ymm4\n vmovdqu 5*32(%1), %%ymm5\n vmovdqu 6*32(%1), %%ymm6\n vmovdqu 7*32(%1), %%ymm7\n"
		"vmovdqu 8*32(%1), %%ymm8\n vmovdqu 9*32(%1), %%ymm9\n vmovdqu 10*32(%1), %%ymm10\n vmovdqu 11*32(%1), %%ymm11\n"
		"vmovdqu 12*32(%1), %%ymm12\n vmovdqu 13*32(%1), %%ymm13\n vmovdqu 14*32(%1), %%ymm14\n vmovdqu 15*32(%1), %%ymm15\n"
		"1: decl %0\n jnz 1b\n"
		"vmovdqu %%ymm0, 0*32(%2)\n vmovdqu %%ymm1, 1*32(%2)\n vmovdqu %%ymm2, 2*32(%2)\n vmovdqu %%ymm3, 3*32(%2)\n"
		"vmovdqu %%ymm4, 4*32(%2)\n vmovdqu %%ymm5, 5*32(%2)\n vmovdqu %%ymm6, 6*32(%2)\n vmovdqu %%ymm7, 7*32(%2)\n"
		"vmovdqu %%ymm8, 8*32(%2)\n vmovdqu %%ymm9, 9*32(%2)\n vmovdqu %%ymm10, 10*32(%2)\n vmovdqu %%ymm11, 11*32(%2)\n"
		"vmovdqu %%ymm12, 12*32(%2)\n vmovdqu %%ymm13, 13*32(%2)\n vmovdqu %%ymm14, 14*32(%2)\n vmovdqu %%ymm15, 15*32(%2)\n"
		: "+r"(spins)
		: "r"(in), "r"(out)
		: "memory", "cc", "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8", "ymm9", "ymm10",
		  "ymm11", "ymm12", "ymm13", "ymm14", "ymm15");
}

__attribute__((noinline))
static void spin_sse(const uint64_t in[8][2], uint64_t out[8][2])
{
	unsigned spins = SPINS;

	asm volatile(
		"movdqu 0*16(%1), %%xmm0\n movdqu 1*16(%1), %%xmm1\n movdqu 2*16(%1), %%xmm2\n movdqu 3*16(%1), %%xmm3\n"
		"movdqu 4*16(%1), %%xmm4\n movdqu 5*16(%1), %%xmm5\n movdqu 6*16(%1), %%xmm6\n movdqu 7*16(%1), %%xmm7\n"
		"1: decl %0\n jnz 1b\n"
		"movdqu %%xmm0, 0*16(%2)\n movdqu %%xmm1, 1*16(%2)\n movdqu %%xmm2, 2*16(%2)\n movdqu %%xmm3, 3*16(%2)\n"
		"movdqu %%xmm4, 4*16(%2)\n movdqu %%xmm5, 5*16(%2)\n movdqu %%xmm6, 6*16(%2)\n movdqu %%xmm7, 7*16(%2)\n"
		: "+r"(spins)
		: "r"(in), "r"(out)
		: "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
}

/* The x87 stack, with 80-bit values that memory does not hold. */
static long double spin_x87(void)
{
	long double sum;
	unsigned spins = SPINS;

	asm volatile("fldpi\n fldl2e\n fldln2\n 1: decl %1\n jnz 1b\n faddp\n fmulp\n"
		     : "=&t"(sum), "+r"(spins) : : "cc", "st(1)", "st(2)", "st(3)");
	return sum;
}

/* A chaotic sequence: one wrong bit anywhere and the end is another. */
static double chaos(void)
{
	volatile double r = 3.9999;
	double x = 0.123456789;

	for (int i = 0; i < 400000; i++)
		x = r * x * (1 - x);
	return x;
}

int main(int argc, char **argv)
{
	uint64_t in[16][4], out[16][4];

	start(argc, argv);
	/* An unusual control word must survive too. */
	CHECK(fesetround(FE_UPWARD) == 0);
	double expected = chaos();
	long double expected_x87 = spin_x87();

	do {
		fill(in, sizeof in, rounds_done);
		if (__builtin_cpu_supports("avx")) {
			memset(out, 0, sizeof out);
			spin_avx((const uint64_t (*)[4])in, out);
			CHECK(memcmp(in, out, sizeof in) == 0);
		}
		memset(out, 0, sizeof out);
		spin_sse((const uint64_t (*)[2])in, (uint64_t (*)[2])out);
		CHECK(memcmp(in, out, 8 * 16) == 0);
		CHECK(spin_x87() == expected_x87);
		CHECK(chaos() == expected);
		CHECK(fegetround() == FE_UPWARD);
	} while (another_round());
	return pass();
}
