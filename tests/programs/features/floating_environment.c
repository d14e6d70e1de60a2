/* SPDX-License-Identifier: GPL-2.0-only */
/* processor: rounding, exception flags and a chaotic sequence that one wrong bit would change */
#include "feature.h"
#include <fenv.h>

static double chaos(void)
{
	volatile double r = 3.9999;
	double x = 0.123456789;

	for (int i = 0; i < 300000; i++)
		x = r * x * (1 - x);
	return x;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	CHECK(fesetround(FE_UPWARD) == 0);
	double expected = chaos();

	ready();
	do {
		volatile double one = 1, three = 3, zero = 0;

		CHECK(feclearexcept(FE_ALL_EXCEPT) == 0);
		one /= three;
		CHECK(fetestexcept(FE_ALL_EXCEPT) == FE_INEXACT);
		point();
		CHECK(fetestexcept(FE_ALL_EXCEPT) == FE_INEXACT && fegetround() == FE_UPWARD);
		one /= zero;
		CHECK(fetestexcept(FE_DIVBYZERO));
		CHECK(chaos() == expected);
	} while (again());
	return pass();
}
