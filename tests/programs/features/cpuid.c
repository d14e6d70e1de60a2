/* SPDX-License-Identifier: GPL-2.0-only */
/* processor: CPUID and the processor features that libc chose by stay what they were */
#include "feature.h"
#include <cpuid.h>

int main(int argc, char **argv)
{
	unsigned first[4], found[4];

	begin(argc, argv);
	CHECK(__get_cpuid(1, &first[0], &first[1], &first[2], &first[3]));
	ready();
	do {
		point();
		CHECK(__get_cpuid(1, &found[0], &found[1], &found[2], &found[3]));
		/* Not the number of the processor. */
		CHECK(found[0] == first[0] && found[2] == first[2] && found[3] == first[3]);
	} while (again());
	return pass();
}
