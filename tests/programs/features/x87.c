/* SPDX-License-Identifier: GPL-2.0-only */
/* processor: the x87 stack, with 80-bit values, and its control word */
#include "feature.h"

#define SPINS 2000000u

static long double spin(void)
{
	long double result;
	unsigned spins = SPINS;

	asm volatile("fldpi\n fldl2e\n fldln2\n fldl2t\n 1: decl %1\n jnz 1b\n faddp\n fmulp\n faddp\n"
		     : "=&t"(result), "+r"(spins) : : "cc", "st(1)", "st(2)", "st(3)", "st(4)");
	return result;
}

int main(int argc, char **argv)
{
	unsigned short control = 0, wanted = 0x0c7f;

	begin(argc, argv);
	asm volatile("fldcw %0" : : "m"(wanted));
	long double expected = spin();

	ready();
	do {
		CHECK(spin() == expected);
		point();
		CHECK(spin() == expected);
		asm volatile("fnstcw %0" : "=m"(control));
		CHECK(control == wanted);
	} while (again());
	return pass();
}
